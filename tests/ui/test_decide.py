"""`imgindex decide` and keep rules as a person types them: what is printed, what is refused, what lasts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imgindex.records import DecisionKind
from imgindex.ui.commands.decide import What
from tests.helpers.pictures import save, scene


def run(*arguments: object, store: Path, check: int = 0, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "imgindex", *map(str, arguments), "--store", str(store)],
        capture_output=True, text=True, check=False, input=stdin,
    )  # fmt: skip
    assert done.returncode == check, done.stdout + done.stderr
    return done.stderr if check else done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` (a photo, a file of its bytes, two lesser encodings) and a `store` of them."""
    base = tmp_path_factory.mktemp("decide")
    photo = save(scene(1, 480, 360), base / "photos" / "a.png")
    (base / "photos" / "sorted").mkdir()
    (base / "photos" / "sorted" / "a (1).png").write_bytes(photo.read_bytes())
    save(scene(1, 480, 360), base / "photos" / "good.jpg", 85)
    save(scene(1, 480, 360), base / "photos" / "poor.jpg", 40)
    run("index", base / "photos", "--model", "sift-vlad", "--jobs", 1, store=base / "store")
    return base


def test_the_words_of_the_option_are_those_of_the_log() -> None:
    assert list(What) == [kind.value for kind in DecisionKind]


def test_a_decision_is_made_listed_shown_and_taken_back(made: Path) -> None:
    photos, store = made / "photos", made / "store"
    said = run("decide", photos / "a.png", photos / "poor.jpg", "--as", "not-duplicate", "--note", "mine", store=store)
    assert said == "Noted for 1 pair of contents: no duplicates of each other.\n"
    listed = run("decide", "--list", store=store)
    assert "not-duplicate  (mine)" in listed
    assert f"{photos}/a.png  and 1 other file of the same bytes" in listed
    report = run("report", store=store)
    assert "1 decided pair left out; --show-decided names them." in report
    assert "poor.jpg" not in report.split("Group 1", 1)[1].split("Group 2", 1)[0]
    assert "decided: not-duplicate" in run("report", "--show-decided", store=store)
    exported = run("decide", "--export", store=store)
    assert [one["as"] for one in json.loads(exported)["decisions"]] == ["not-duplicate"]
    assert "1 other left out" in run("decide", "--import", "-", store=store, stdin=exported)
    run("decide", photos / "poor.jpg", photos / "sorted" / "a (1).png", "--as", "undecided", store=store)
    assert run("decide", "--list", store=store) == "Nothing was decided.\n"
    assert "decided" not in run("report", store=store)


def test_rules_and_protected_folders_choose_and_are_explained(made: Path) -> None:
    photos, store = made / "photos", made / "store"
    explained = run("report", "--explain", "--keep", "plain-name", store=store)
    assert f"Group 1: keep  {photos}/a.png" in explained
    assert "chosen by: the rule plain-name" in explained
    explained = run("report", "--explain", "--protect", photos / "sorted", "--keep", "plain-name", store=store)
    assert f"Group 1: keep  {photos}/sorted/a (1).png" in explained
    assert f"chosen by: it is in the protected folder {photos}/sorted" in explained
    (store / "config.toml").write_text(f'[keep]\nprotected = ["{photos}/sorted"]\n')
    assert f"Group 1: keep  {photos}/sorted/a (1).png" in run("report", store=store)
    (store / "config.toml").unlink()


def test_a_rule_that_would_lose_something_is_named_and_followed_only_when_told(made: Path) -> None:
    """Prevents: the poorest copy kept for its size, and the photo gone."""
    photos, store = made / "photos", made / "store"
    report = run("report", "--keep", "smaller", store=store)
    assert f"the rule smaller would keep  {photos}/poor.jpg" in report
    assert "(--even-if-lost follows it)" in report
    assert "Group 1: keep  " + str(photos / "poor.jpg") not in report
    told = json.loads(run("report", "--keep", "smaller", "--even-if-lost", "--format", "json", store=store))
    [poor] = [group for group in told["groups"] if group["keeper"] == str(photos / "poor.jpg")]
    grades = {Path(member["path"]).name: member["grade"] for member in poor["members"]}
    assert "at-a-loss" in {grades["a.png"], grades.get("a (1).png")}
    assert told["counts"]["lossy_files"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["decide"], "Name the files to decide on"),
        (["decide", "{photos}/a.png", "{photos}/good.jpg"], "Say with --as what they are"),
        (["decide", "{photos}/a.png", "--as", "keeper"], "about two files or more"),
        (["decide", "{photos}/a.png", "{photos}/nope.jpg", "--as", "keeper"], "does not know"),
        (["decide", "{photos}/a.png", "{photos}/sorted/a (1).png", "--as", "keep-both"], "have the same bytes"),
        (["decide", "--group", "ffff", "--as", "keep-both"], "no group of the report has an id that begins"),
        (["decide", "--list", "--export"], "give one of"),
        (["decide", "--import", "{photos}/a.png"], "cannot be read"),
        (["report", "--keep", "biggest"], "There is no keep rule 'biggest'; there are folder:DIR"),
        (["report", "--keep", "folder"], "is written folder:DIR"),
    ],
)
def test_what_cannot_be_is_one_sentence(made: Path, arguments: list[str], sentence: str) -> None:
    given = [argument.replace("{photos}", str(made / "photos")) for argument in arguments]
    said = run(*given, store=made / "store", check=2)
    assert sentence in said
    assert said.count("\n") == 1


def entry(**changes: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "as": "keeper", "a": {"sha256": "01" * 32}, "b": {"sha256": "02" * 32}, "made_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return whole | changes


@pytest.mark.parametrize(
    ("decisions", "sentence"),
    [
        ([entry(), entry(**{"as": "best"})], "Decision 2 in - is not as"),
        ([entry(a={"sha256": "zz"})], "Decision 1 cannot be read"),
        ([entry(a={"sha256": "02" * 32})], "two different contents"),
        ([entry(a={"sha256": "02"})], "two different contents"),
        ([entry(made_at="yesterday")], "Decision 1 cannot be read"),
        ([entry(made_at="2026-01-01T00:00:00")], "names no time zone"),
        ([entry(note=3)], "Decision 1 in - is not as"),
        (["keeper"], "Decision 1 in - is not as"),
    ],
)
def test_an_import_takes_all_or_nothing(made: Path, decisions: list[object], sentence: str) -> None:
    text = json.dumps({"schema": 2, "decisions": decisions})
    assert sentence in run("decide", "--import", "-", store=made / "store", check=2, stdin=text)
    assert "01" * 32 not in run("decide", "--export", store=made / "store")
