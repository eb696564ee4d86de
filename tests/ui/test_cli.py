"""The command as a process: real exit codes, real output, one sentence for each error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pictures import reduced, save, scene


def run(*arguments: object, store: Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"IMGINDEX_STORE": str(store), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "imgindex", *map(str, arguments)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("cli")
    for seed in range(4):
        save(scene(seed, 480, 360), base / "photos" / f"{seed}.jpg")
    save(reduced(base / "photos" / "1.jpg", (240, 180)), base / "photos" / "1-small.jpg")
    shutil.copy(base / "photos" / "2.jpg", base / "photos" / "2-copy.jpg")
    (base / "photos" / "broken.jpg").write_bytes((base / "photos" / "3.jpg").read_bytes()[:4000])
    (base / "photos" / "notes.txt").write_text("not a picture")
    return base


@pytest.fixture(scope="module")
def store(folder: Path) -> Path:
    done = run("index", folder / "photos", "--model", "sift-vlad", store=folder / "store")
    assert "6 new" not in done.stderr, "results go to stdout, progress to stderr"
    assert "5 new" in done.stdout
    return folder / "store"


def test_the_report_finds_the_copies(store: Path) -> None:
    found = json.loads(run("report", "--format", "json", store=store).stdout)
    verdicts = {(Path(p["a"]).name, Path(p["b"]).name): p["verdict"] for p in found["pairs"]}
    assert verdicts["2-copy.jpg", "2.jpg"] == "exact"
    assert "near-duplicate" in {verdicts.get(("1.jpg", "1-small.jpg")), verdicts.get(("1-small.jpg", "1.jpg"))}
    assert [s["reason"] for s in found["skipped"]] == ["truncated"]
    assert found["counts"]["files"] == 6
    assert found["space"] == "sift-vlad/3"


def test_the_report_as_text_and_csv(store: Path) -> None:
    text = run("report", store=store).stdout
    assert "2 files are redundant" in text
    assert "resized 0.50x" in text
    assert run("report", "--format", "csv", store=store).stdout.count("\n") == 5, "a header, and a row of each file"


def test_a_second_run_does_nothing(store: Path, folder: Path) -> None:
    done = run("index", folder / "photos", store=store)
    assert "6 pictures, nothing new." in done.stdout


def test_a_query_finds_the_mirrored_picture(store: Path, folder: Path) -> None:
    from PIL import ImageOps

    asked = save(ImageOps.mirror(scene(3, 480, 360)), folder / "mirrored.jpg")
    found = json.loads(run("query", asked, "-k", 2, "--format", "json", store=store).stdout)["matches"]
    assert Path(found[0]["path"]).name == "3.jpg"
    assert found[0]["verdict"] == "near-duplicate"
    assert "mirrored" in found[0]["transform"]


def test_compare_needs_no_store(folder: Path, tmp_path: Path) -> None:
    photos = folder / "photos"
    done = run("compare", photos / "1.jpg", photos / "1-small.jpg", "--out", tmp_path / "out", store=tmp_path / "none")
    assert done.stdout.startswith("near-duplicate")
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"first.png", "second.png", "difference.png", "mask.png"}
    assert not (tmp_path / "none").exists()


def test_status_counts(store: Path) -> None:
    found = json.loads(run("status", "--format", "json", store=store).stdout)
    assert (found["files"], found["images"], found["skipped"]) == (6, 5, 1)
    assert "sift-vlad" in run("status", store=store).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("report",), 3, "imgindex index FOLDER"),
        (("query", "no-such.jpg"), 3, "imgindex index FOLDER"),
        (("index",), 2, "DIR"),
        (("query",), 2, "not both"),
        (("compare", "no-such.jpg", "no-such.jpg"), 2, "no-such.jpg"),
        (("index", "no-such-folder", "--model", "sift-vlad"), 5, "no-such-folder"),
        (("index", ".", "--model", "./no-such-model"), 4, "no-such-model"),
    ],
)
def test_errors_are_one_sentence_and_their_exit_code(
    arguments: tuple[str, ...], code: int, sentence: str, tmp_path: Path
) -> None:
    done = run(*arguments, store=tmp_path / "none", check=code)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_text_is_refused_where_the_model_knows_no_words(store: Path) -> None:
    done = run("query", "--text", "a red boat", store=store, check=4)
    assert "CLIP" in done.stderr


def test_another_model_is_refused_with_the_remedy(store: Path, folder: Path) -> None:
    """Vectors of two models cannot be compared; searching would find nonsense."""
    done = run("index", folder / "photos", "--model", "clip-ViT-B-32", store=store, check=4)
    assert "--rebuild" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_version_is_printed() -> None:
    done = subprocess.run([sys.executable, "-m", "imgindex", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("imgindex 0.")


def test_a_reader_who_has_seen_enough_is_no_error(store: Path) -> None:
    """`imgindex report | head -1` must not exit 1, which means that duplicates were found."""
    command = f"{sys.executable} -m imgindex report --format json --store {store} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_answer_that_cannot_be_written_is_one_sentence(store: Path) -> None:
    command = f"{sys.executable} -m imgindex report --store {store} > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "could not be written" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_interrupted_run_says_so_and_goes_on_later(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imgindex", "index", folder / "photos", "--model", "sift-vlad"]
    process = subprocess.Popen(
        [*command, "--store", tmp_path / "s"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while not (tmp_path / "s" / "imgindex.db").exists():
        pass
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    run("index", folder / "photos", "--model", "sift-vlad", store=tmp_path / "s")
    assert "6 files indexed" in run("report", store=tmp_path / "s").stdout


def test_a_misspelt_folder_is_not_all_clear(store: Path) -> None:
    assert "spelling" in run("report", "/no/such/folder", store=store, check=2).stderr


def test_two_runs_at_once_are_one_run_and_one_sentence(folder: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "imgindex",
        "index",
        folder / "photos",
        "--model",
        "sift-vlad",
        "--store",
        tmp_path,
    ]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [(process.communicate()[1], process.returncode) for process in both]
    assert 0 in {code for _, code in said}
    for sentence, code in said:
        assert code == 0 or (code == 3 and "in use" in sentence)


def test_edited_copies_alone_are_nothing_to_act_on(tmp_path: Path) -> None:
    """Prevents: a timer that reports failure every night, or a script that removes files, for copies that stay."""
    photo = scene(1, 480, 360)
    save(photo, tmp_path / "photos" / "photo.jpg", quality=92)
    save(photo.convert("L"), tmp_path / "photos" / "grey.jpg", quality=92)
    store = tmp_path / "store"
    options = ("--fail-on-duplicates", "--format", "json")
    first = json.loads(run("nightly", tmp_path / "photos", "--model", "sift-vlad", *options, store=store).stdout)
    again = json.loads(run("report", *options, store=store).stdout)
    for found in (first, again):
        [group] = found["groups"]
        assert (Path(group["keeper"]).name, [m["grade"] for m in group["members"]]) == ("photo.jpg", ["edited"])
        counts = found["counts"]
        assert (counts["duplicate_files"], counts["reclaimable_bytes"], counts["edited_files"]) == (0, 0, 1)
    assert "Nothing is redundant. 1 edited copy stays as it is." in run("report", store=store).stdout


@pytest.mark.parametrize(("pictures", "shown"), [(0, 0), (1, 2)])
def test_the_page_has_as_many_pictures_as_were_asked_for(store: Path, pictures: int, shown: int) -> None:
    """Prevents: an option that changes nothing, and a page of which the groups beyond are not told."""
    page = run("report", "--format", "html", "--pictures", pictures, store=store).stdout
    folded = page.count("<img ")
    assert folded == shown
    assert f"{2 - pictures} group{'s are' if pictures == 0 else ' is'} shown without pictures" in " ".join(page.split())
