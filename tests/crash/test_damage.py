"""Flipped bits in the database: every reading verb gives its answer or says that the store is damaged."""

from __future__ import annotations

import io
import random
import shutil
import sqlite3
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import imgindex
from imgindex.api import reading
from imgindex.errors import StoreError
from imgindex.store import DATABASE_NAME
from imgindex.ui import cli
from tests.helpers.pictures import save, scene
from tests.runs.check.stores import sql

FLIPS = 120
SEED = 16

VERBS: tuple[tuple[str, ...], ...] = (
    ("report", "--format", "json"),
    ("report",),
    ("status",),
    ("query", "PHOTO", "--format", "json"),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    for seed in range(6):
        save(scene(seed), folder / "photos" / f"{seed}.jpg")
        save(scene(seed).resize((120, 90)), folder / "photos" / f"{seed}-small.jpg")
    shutil.copy(folder / "photos" / "0.jpg", folder / "photos" / "copy.jpg")
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"x" * 99)
    with imgindex.open(folder / "store", model="sift-vlad", jobs=1) as images:
        images.index([folder / "photos"])
        images.mark_reported(images.report())
    with closing(sqlite3.connect(folder / "store" / DATABASE_NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    return folder


def ran(*arguments: str) -> tuple[int, str]:
    """(exit code, stderr) of the command, in this process: a hundred flips are four hundred commands."""
    out, err = io.StringIO(), io.StringIO()
    out.reconfigure = err.reconfigure = lambda **_: None  # type: ignore[attr-defined]
    before, sys.argv = sys.argv, ["imgindex", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main()
    except SystemExit as end:
        return int(end.code or 0), err.getvalue()
    finally:
        sys.argv = before
    raise AssertionError("the command did not end")


@pytest.fixture
def as_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals and the garbage collector stay those of the tests."""
    monkeypatch.setattr(cli.interrupt, "at_once", lambda: None)
    monkeypatch.setattr(cli, "collect_seldom", lambda: None)


@pytest.mark.usefixtures("as_a_command")
def test_a_flipped_bit_is_an_answer_or_a_damaged_store(base: Path, tmp_path: Path) -> None:
    """JSON, verdicts and types that a bit had changed ended `report` in a traceback and 1, which means duplicates."""
    whole = (base / "store" / DATABASE_NAME).read_bytes()
    dice = random.Random(SEED)
    used = [at for at, byte in enumerate(whole) if byte]  # pages have much unused room
    ends: dict[int, int] = {}
    for number in range(FLIPS):
        at, bit = dice.choice(used), dice.randrange(8)
        store = tmp_path / str(number)
        store.mkdir()
        damaged = bytearray(whole)
        damaged[at] ^= 1 << bit
        for verb in VERBS:
            (store / DATABASE_NAME).write_bytes(damaged)
            arguments = [str(base / "photos" / "1.jpg") if word == "PHOTO" else word for word in verb]
            code, said = ran(*arguments, "--store", str(store))
            ends[code] = ends.get(code, 0) + 1
            # 4: the name of the model was hit; all else that is not an answer is the store's
            assert code in (0, 3, 4), f"byte {at}, bit {bit}, {verb}: {said}"
            assert said.count("\n") <= 1 and "Traceback" not in said, said
    assert ends[0] > FLIPS
    assert ends.get(3), "no flip hit anything"


DAMAGE = {
    "evidence that is no JSON": "UPDATE pair SET evidence = substr(evidence, 2)",
    "evidence that is no object": "UPDATE pair SET evidence = '[1]'",
    "a verdict that is none": "UPDATE pair SET relation = 'sane'",
    "a matrix of nothing": "UPDATE pair SET evidence = json_set(evidence, '$.matrix', json('[0,0,0,0,0,0]'))",
    "a score that is text": "UPDATE pair SET score = 'x'",
    "a proposal that is none": "UPDATE pair SET proposed_by = 'flour'",
    "a floor above the cosine": "UPDATE pair SET floor = 1.0",
    "a path that is text": "UPDATE file SET path = CAST(path AS TEXT) WHERE id = 1",
    "a path with a zero byte": "UPDATE file SET path = x'2f6100' WHERE id = 1",
    "an inode of nine bytes": "UPDATE file SET inode = x'000000000000000000', size_bytes = 'x' WHERE id = 1",
    "a content that is short": "UPDATE image SET width_px = x'00' WHERE id = 1",
    "a time that is text": "UPDATE root SET scanned_at_s = 'soon'",
    "a vector that is short": "UPDATE embedding SET vector = substr(vector, 2)",
    "a file of an image that is not there": "UPDATE file SET image_id = 999 WHERE image_id = 2",
    "a text that is no text": "UPDATE skipped SET detail = CAST(x'ff' AS TEXT)",
    "a reported file without a content": "UPDATE reported SET sha256 = 7",
    "a table that is not there": "ALTER TABLE pair RENAME TO pear",
}


@pytest.mark.usefixtures("as_a_command")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_value_is_said_with_its_remedy(damage: str, base: Path, tmp_path: Path) -> None:
    """Each kind of value that a row can have and that no run wrote."""
    shutil.copytree(base / "store", tmp_path / "store")
    sql(tmp_path / "store", DAMAGE[damage])
    for index_file in (tmp_path / "store").glob("*.faiss"):
        index_file.unlink()
    codes = set()
    for verb in (*VERBS, ("report", "--format", "html")):
        arguments = [str(base / "photos" / "1.jpg") if word == "PHOTO" else word for word in verb]
        code, said = ran(*arguments, "--store", str(tmp_path / "store"))
        codes.add(code)
        assert code in (0, 3), f"{verb}: {said}"
        if code == 3:
            assert "imgindex check --repair" in said
            assert said.count("\n") == 1
    assert 3 in codes, "nobody read the damaged value"


def test_a_bug_on_a_whole_store_is_not_called_damage(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told to repair a whole store looks in the wrong place."""

    def fails(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(reading, "report", fails)
    with imgindex.open(base / "store") as images, pytest.raises(KeyError):
        images.report()


def test_a_verb_that_fails_on_a_damaged_store_fails_for_that(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base / "store", tmp_path / "store")
    sql(tmp_path / "store", "UPDATE pair SET score = score + 1")

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(reading, "report", fails)
    with imgindex.open(tmp_path / "store") as images, pytest.raises(StoreError, match="check --repair"):
        images.report()
