"""What an engineer asks of a collection: vectors, files, rows for a data frame, what leaks from folder to folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import imgindex
from imgindex.records import Grade, Verdict
from imgindex.runs import listing
from tests.helpers.pictures import lit, reduced, save, scene


def test_vectors_come_with_what_they_are_of(images: imgindex.ImageIndex, photos: Path) -> None:
    """Prevents: vectors read out of the database by hand, in an order that nobody knows; and a vector for each copy."""
    assert images.embeddings().vectors.shape == (0, 0), "of a new store"
    shutil.copy(photos / "0.jpg", photos / "0-again.jpg")
    images.index(photos)
    found = images.embeddings()
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape == (6, found.vectors.shape[1])
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1.0, atol=1e-3)
    names = [Path(path).name for path in found.paths]
    assert names == ["0-again.jpg", "0-small.jpg", "1-small.jpg", "1.jpg", "2-small.jpg", "2.jpg"]
    by_path = {file.path: file.image for file in images}
    assert [by_path[path] for path in found.paths] == list(found.ids)
    cosines = dict(zip(names, found.vectors @ found.vectors[names.index("1.jpg")], strict=True))
    assert cosines["1-small.jpg"] > cosines["2.jpg"]
    asked = {Path(match.path).name: match.cosine for match in images.query(photos / "1.jpg")}
    assert asked["2.jpg"] == pytest.approx(float(cosines["2.jpg"]), abs=1e-5)
    for name in ("0-again.jpg", "0.jpg"):
        (photos / name).unlink()
    save(scene(9), photos / "sub" / "9.jpg")
    images.index(photos)
    assert len(images.embeddings()) == 6, "of files that are there"
    assert [Path(path).name for path in images.embeddings(photos / "sub").paths] == ["9.jpg"]


def test_an_index_is_a_collection_of_files(
    images: imgindex.ImageIndex, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: SQL, to know what is indexed; and files twice or left out where pages meet."""
    assert (len(images), list(images), bool(images)) == (0, [], True)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    images.index(photos)
    monkeypatch.setattr(listing, "FILES_AT_ONCE", 2)
    files = list(images)
    assert len(images) == len(files) == 6
    assert [Path(file.path).name for file in files] == sorted(
        p.name for p in photos.iterdir() if "broken" not in p.name
    )
    for file in files:
        assert file.size_bytes == os.path.getsize(file.path)
        assert file.modified_at_s == pytest.approx(os.path.getmtime(file.path))
        size = (120, 90) if "small" in file.path else (240, 180)
        assert (file.format, file.width_px, file.height_px) == ("JPEG", *size)


def test_results_are_short_to_look_at_and_rows_to_work_with(images: imgindex.ImageIndex, photos: Path) -> None:
    """Prevents: a notebook cell that prints a megabyte, and values that no data frame takes."""
    images.index(photos)
    report, matches = images.report(), images.query(photos / "0.jpg", k=3)
    between = images.between(photos, photos)
    compared = imgindex.compare(photos / "0.jpg", photos / "0-small.jpg", workers=imgindex.InlineWorkers())
    shown = [report, *report.groups, report.groups[0].members[0], report.pairs[0], *matches, between, compared]
    shown += [images.embeddings()]
    for value in shown:
        assert repr(value).startswith(f"<{type(value).__name__}")
        assert len(repr(value)) < 160
    rows = report.to_dicts()
    assert [(row["group"], row["role"]) for row in rows[:2]] == [(1, "keeper"), (1, "member")]
    assert [row["path"] for row in rows] == [p for g in report.groups for p in (g.keeper, *(m.path for m in g.members))]
    tables = [rows, matches.to_dicts(), between.to_dicts(), [pair.to_dict() for pair in report.pairs]]
    tables += [[file.to_dict() for file in images], [compared.to_dict()]]
    for table in tables:
        assert table
        assert len({tuple(row) for row in table}) == 1, "one set of columns"
        assert {type(value) for row in table for value in row.values()} <= {str, int, float, bool, type(None)}


@pytest.fixture
def sets(tmp_path: Path) -> tuple[Path, Path]:
    """A training set, and a test set of which three pictures are in it: one as it is, one smaller, one as other bytes
    of the same pixels."""
    train, test = tmp_path / "train", tmp_path / "test"
    for seed in range(4):
        save(scene(seed), train / f"{seed}.png")
    test.mkdir()
    shutil.copy(train / "0.png", test / "same.png")
    save(reduced(train / "1.png", (120, 90)), test / "smaller.png")
    save(scene(2), test / "pixels.bmp")
    save(scene(9), test / "other.png")
    return train, test


def names(found: imgindex.Between) -> list[tuple[str, str]]:
    return [(Path(pair.a).name, Path(pair.b).name) for pair in found.pairs]


def test_what_leaks_from_training_to_test_is_named(images: imgindex.ImageIndex, sets: tuple[Path, Path]) -> None:
    """Prevents: a test score that is too good, as the model has seen the pictures."""
    train, test = sets
    images.index(sets)
    found = images.between(test, train)
    assert (found.files_a, found.files_b) == (4, 4)
    assert names(found) == [("pixels.bmp", "2.png"), ("same.png", "0.png"), ("smaller.png", "1.png")]
    assert [p.verdict for p in found.pairs] == [Verdict.SAME_PIXELS, Verdict.EXACT, Verdict.NEAR_DUPLICATE]
    assert [p.grade_a for p in found.pairs if p.verdict is Verdict.EXACT] == [Grade.REDUNDANT]
    assert "same.png" in {Path(pair.a).name for pair in found.redundant}
    other = images.between(train, [test])
    assert names(other) == [("0.png", "same.png"), ("1.png", "smaller.png"), ("2.png", "pixels.bmp")]
    assert (other.pairs[1].transform, found.pairs[2].transform) == ("resized 0.50x", "resized 2.00x"), "a to b"


def test_a_file_does_not_leak_from_itself(images: imgindex.ImageIndex, sets: tuple[Path, Path]) -> None:
    """Prevents: every picture called a copy, where one folder is in the other."""
    train, _ = sets
    images.index(train.parent)
    assert {Path(pair.a).parent.name for pair in images.between(train.parent, train).pairs} == {"test"}
    save(scene(0), train / "0.bmp")
    images.index(train.parent)
    assert set(names(images.between(train, train))) == {("0.png", "0.bmp"), ("0.bmp", "0.png")}


def test_what_is_gone_does_not_leak(images: imgindex.ImageIndex, sets: tuple[Path, Path]) -> None:
    """Prevents: a picture called archived, which is in the archive no more."""
    train, test = sets
    images.index(sets)
    (train / "0.png").unlink()
    assert names(images.between(test, train)) == [("pixels.bmp", "2.png"), ("smaller.png", "1.png")]


def test_a_folder_that_was_not_indexed_has_nothing_to_compare(
    images: imgindex.ImageIndex, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    """Prevents: "nothing leaks", said of a folder whose name is spelled wrong."""
    images.index(sets)
    for asked in ((sets[0], tmp_path / "trian"), (tmp_path / "trian", sets[0])):
        with pytest.raises(imgindex.UsageError, match="trian was indexed"):
            images.between(*asked)


def test_weaker_verdicts_are_there_for_the_asking(images: imgindex.ImageIndex, sets: tuple[Path, Path]) -> None:
    """Prevents: a burst of which one frame is in each set, that nobody can find."""
    train, test = sets
    save(lit(5), train / "evening.png")
    save(lit(6), test / "evening too.png")
    images.index(sets)
    strong, weak = images.between(test, train), images.between(test, train, least=Verdict.SIMILAR)
    assert set(names(weak)) - set(names(strong)) == {("evening too.png", "evening.png")}
    assert len(strong.pairs) == 3
