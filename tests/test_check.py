"""check: every kind of damage is found under its number, mended where it can be rebuilt, and never a traceback."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Integer

import imgindex
from imgindex.errors import StoreError
from imgindex.pictures import decode
from imgindex.ports import Silent
from imgindex.records import NEIGHBOUR, Candidate, DecisionKind, ProposedBy
from imgindex.results import Finding, Report
from imgindex.runs.check import check as check_module
from imgindex.runs.check.check import check
from imgindex.runs.report.report import report
from imgindex.search import embed
from imgindex.search.embed.fake import DIM, FakeEmbedder
from imgindex.search.vectors import FlatIndex, file_digest
from imgindex.store import DATABASE_NAME, Store, checksum, pairs
from imgindex.store.decisions import add_decision, decisions
from imgindex.store.schema import decision, pair
from imgindex.store.sqlite import columns, mending
from imgindex.workers.inline import InlineWorkers
from tests.embedders import use_embedder
from tests.pictures import save, scene


@pytest.fixture(autouse=True)
def _embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeEmbedder()
    use_embedder(monkeypatch, fake)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and a `store` of them: copies of every kind, a skipped file and two decisions."""
    base = tmp_path_factory.mktemp("whole")
    photos = base / "photos"
    for seed in range(4):
        save(scene(seed), photos / f"{seed}.jpg")
    save(scene(0), photos / "0-60.jpg", quality=60)
    save(scene(0), photos / "0-40.jpg", quality=40)
    save(scene(1).resize((180, 135)), photos / "1-small.jpg")
    shutil.copy(photos / "2.jpg", photos / "2-copied.jpg")
    for level in (1, 9):
        Image.new("RGB", (64, 48), (90, 90, 90)).save(photos / f"blank-{level}.png", compress_level=level)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed, "open_embedder", lambda model, say, device="auto": FakeEmbedder())
        index(base / "store", photos)
    with Store.open(base / "store") as store, store.write() as tx:
        add_decision(tx, DecisionKind.NOT_A_DUPLICATE, b"a" * 32, b"b" * 32, "müde")
        add_decision(tx, DecisionKind.KEEP_BOTH, b"a" * 32, b"c" * 32)
    return base


@pytest.fixture
def photos(whole: Path) -> Path:
    return whole / "photos"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """The directory of a store of one's own to damage."""
    return Path(shutil.copytree(whole / "store", tmp_path / "store"))


def index(store: Path, photos: Path) -> None:
    with imgindex.open(store, workers=InlineWorkers()) as images:
        images.index([photos])


def checked(directory: Path, *, repair: bool = False) -> tuple[Finding, ...]:
    with Store.open(directory) as store:
        if not repair:
            return check(store, progress=Silent())
        with store.exclusive():
            return check(store, repair=True, progress=Silent())


def numbers(findings: tuple[Finding, ...]) -> list[int]:
    return [finding.invariant for finding in findings]


def said(directory: Path) -> tuple[object, ...]:
    """What a report says, its time left out."""
    with Store.open(directory) as store:
        found: Report = report(store)
    return found.counts, found.groups, found.pairs, found.skipped


def sql(directory: Path, statement: str, *values: object) -> list[Any]:
    """Run a statement past every guard of the store: foreign keys, checks, and triggers, which stay as they were."""
    connection = sqlite3.connect(directory / DATABASE_NAME)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    found = connection.execute(statement, values).fetchall()
    for name, made in triggers:
        if not statement.endswith(name):
            connection.execute(made)
    connection.commit()
    connection.close()
    return found


def mended(directory: Path, photos: Path, before: tuple[object, ...]) -> None:
    """Repair, index again: the store is whole and reports what it did before."""
    assert all(finding.repaired for finding in checked(directory, repair=True))
    assert checked(directory) == (), "a repair must leave nothing that the next check finds"
    index(directory, photos)
    assert checked(directory) == ()
    assert said(directory) == before


def test_a_whole_store_has_no_findings(store: Path) -> None:
    """A check that cries wolf is not read; the triggers of the migrations are also those that check knows."""
    assert checked(store) == checked(store, repair=True) == ()


def test_a_store_without_images_has_no_findings(tmp_path: Path) -> None:
    Store.open(tmp_path / "new", create=True).close()
    assert checked(tmp_path / "new") == ()


@pytest.mark.parametrize("bit", [0, 7, 8 * 4 * 96 + 30, 8 * 4 * DIM - 1])
def test_one_flipped_bit_of_a_vector_is_found_and_mended(store: Path, photos: Path, bit: int) -> None:
    """The image would be near the wrong pictures for ever, with nothing to show for it."""
    before = said(store)
    [(image_id, vector)] = sql(store, "SELECT image_id, vector FROM embedding ORDER BY image_id LIMIT 1 OFFSET 3")
    damaged = bytearray(vector)
    damaged[bit // 8] ^= 1 << bit % 8
    sql(store, "UPDATE embedding SET vector = ? WHERE image_id = ?", bytes(damaged), image_id)
    [finding] = checked(store)
    assert (finding.invariant, finding.repairable, finding.repaired) == (1, True, False)
    assert f"image {image_id} ({photos}" in finding.sentence
    mended(store, photos, before)
    assert sql(store, "SELECT vector FROM embedding WHERE image_id = ?", image_id) == [(vector,)]


def rescaled(vector: np.ndarray) -> bytes:
    return (vector * 1.01).astype("<f4").tobytes()


def not_finite(vector: np.ndarray) -> bytes:
    return np.where(np.arange(len(vector)) == 5, np.nan, vector).astype("<f4").tobytes()


def big_endian(vector: np.ndarray) -> bytes:
    return vector.astype(">f4").tobytes()


def shortened(vector: np.ndarray) -> bytes:
    return vector[:-1].astype("<f4").tobytes()


def cut_inside_a_number(vector: np.ndarray) -> bytes:
    return vector.astype("<f4").tobytes()[:-1]


@pytest.mark.parametrize("written", [rescaled, not_finite, big_endian, shortened, cut_inside_a_number, lambda _: b""])
def test_a_wrong_vector_with_a_matching_digest_is_found(store: Path, written: Callable[[np.ndarray], bytes]) -> None:
    """What a faulty embedder wrote has the digest of its own bytes: the digest alone would pass it."""
    [(rowid, blob)] = sql(store, "SELECT rowid, vector FROM embedding LIMIT 1 OFFSET 2")
    wrong = written(np.frombuffer(blob, "<f4"))
    sql(store, "UPDATE embedding SET vector = ?, digest = ? WHERE rowid = ?", wrong, checksum.of_bytes(wrong), rowid)
    assert numbers(checked(store)) == [1]
    assert numbers(checked(store, repair=True)) == [1]
    assert checked(store) == ()


def test_a_flipped_digest_of_a_vector_is_found(store: Path) -> None:
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    assert numbers(checked(store)) == [1]


def test_a_wrong_length_in_the_space_costs_no_vector(store: Path, photos: Path) -> None:
    """One flipped bit in one number must not delete and embed again a million vectors."""
    before, vectors = said(store), sql(store, "SELECT * FROM embedding")
    sql(store, f"UPDATE space SET dim = {DIM ^ 64}")
    assert numbers(checked(store)) == [1]
    mended(store, photos, before)
    assert sql(store, "SELECT * FROM embedding") == vectors


BROKEN_REFERENCES = {
    "a file that shows nothing": (2, "UPDATE file SET image_id = NULL WHERE id = 3"),
    "a file that shows two": (2, "UPDATE file SET skipped_id = (SELECT id FROM skipped) WHERE id = 3"),
    "a file of an image that is not there": (2, "UPDATE file SET image_id = 999 WHERE id = 3"),
    "a file whose path is no bytes": (10, "UPDATE file SET path = CAST(path AS TEXT) WHERE id = 3"),
    "an image without a file": (2, "DELETE FROM file WHERE id = 3"),
    "a skipped row without a file": (
        2, "INSERT INTO skipped (reason, detail, environment) VALUES ('empty', 'It is empty.', 0)"),
    "a vector of an image that is not there": (1, "UPDATE embedding SET image_id = 999 WHERE rowid = 2"),
    "a vector of a space that is not there": (1, "UPDATE embedding SET space_id = 999 WHERE rowid = 2"),
    "an image that is gone": (2, "DELETE FROM image WHERE id = 3"),
    "a space that is gone": (3, "DELETE FROM space"),
    "the active space is another": (3, "UPDATE state SET active_space_id = 999"),
    "no active space": (3, "UPDATE state SET active_space_id = NULL"),
    "a generation too low": (3, "UPDATE state SET generation = 0"),
    "a vector of a later generation": (3, "UPDATE embedding SET generation = 1 << 40 WHERE rowid = 1"),
    "no generation": (3, "UPDATE state SET generation = 'x'"),
    "no state": (3, "DELETE FROM state"),
    "a cache of a later generation": (3, "UPDATE index_cache SET generation = generation + 1"),
    "a cache with too few vectors": (3, "UPDATE index_cache SET vectors = vectors - 1"),
    "a cache from another id": (3, "UPDATE index_cache SET first_id = first_id + 1"),
    "a cache of a space that is not there": (8, "UPDATE index_cache SET space_id = 999"),
    "a cache with another digest": (8, "UPDATE index_cache SET digest = zeroblob(32)"),
    "a cache outside the store": (8, "UPDATE index_cache SET name = '../../secret'"),
    "a cache of an impossible name": (8, "UPDATE index_cache SET name = 'space' || char(0) || CAST(x'ff' AS TEXT)"),
    "ids below the last given": (4, "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'image'"),
    "no last id": (4, "DELETE FROM sqlite_sequence"),
    "a pair out of order": (
        5, "UPDATE pair SET low_id = high_id, high_id = low_id WHERE rowid = 1"),
    "a pair of one image": (5, "UPDATE pair SET high_id = low_id WHERE rowid = 1"),
    "a pair with an image that is not there": (5, "UPDATE pair SET high_id = 999 WHERE rowid = 1"),
    "a pair proposed by nobody": (5, "UPDATE pair SET proposed_by = 'flour' WHERE rowid = 1"),
    "a pair below its floor": (
        5, "UPDATE pair SET cosine = floor - 0.001 WHERE rowid = (SELECT min(rowid) FROM pair WHERE floor > 0)"),
    "a floor pair without its floor": (
        5, "UPDATE pair SET floor = NULL WHERE rowid = (SELECT min(rowid) FROM pair WHERE proposed_by = 'floor')"),
    "a pair of no known verdict": (5, "UPDATE pair SET verdict = 'similer' WHERE rowid = 1"),
    "a pending pair out of order": (5, "INSERT INTO pending VALUES (3, 1, 'top-k', 0.5, '')"),
    "a pending pair with an image that is not there": (5, "INSERT INTO pending VALUES (1, 999, 'top-k', 0.5, '')"),
    "a pending pair proposed by nobody": (5, "INSERT INTO pending VALUES (1, 3, 'top-x', 0.5, '')"),
    "a pending pair of an impossible cosine": (5, "INSERT INTO pending VALUES (1, 3, 'top-k', 64.5, '')"),
    "a pending pair without its cosine": (5, "INSERT INTO pending VALUES (1, 3, 'floor', NULL, '')"),
    "a guard of decisions is gone": (6, "DROP TRIGGER IF EXISTS decision_no_update"),
    "a sketch that changed": (9, "INSERT OR REPLACE INTO sketch VALUES (2, 320, x'0101', zeroblob(8))"),
    "a sketch without an image": (9, "INSERT INTO sketch VALUES (999, 320, x'0101', zeroblob(8))"),
    "a picture without width": (10, "UPDATE image SET width_px = 0 WHERE id = 3"),
    "a picture of negative height": (10, "UPDATE image SET height_px = -height_px WHERE id = 3"),
    "a picture wider than any that is indexed": (10, "UPDATE image SET width_px = width_px | (1 << 40) WHERE id = 3"),
    "a picture of too many pixels": (10, "UPDATE image SET width_px = 30000, height_px = 30000 WHERE id = 3"),
    "a picture of no frame": (10, "UPDATE image SET frames = 0 WHERE id = 3"),
    "a content with a cut digest": (10, "UPDATE image SET sha256 = substr(sha256, 2) WHERE id = 3"),
    "a truth value that is none": (10, "UPDATE image SET has_alpha = 2 WHERE id = 3"),
    "a texture that is not finite": (10, "UPDATE image SET texture = 9e999 WHERE id = 3"),
    "a device of nine bytes": (10, "UPDATE file SET device = device || x'00' WHERE id = 3"),
    "a skipped file without a reason": (10, "UPDATE skipped SET reason = ''"),
    "neighbours that are cut": (10, "UPDATE watermark SET nearest = substr(nearest, 2) WHERE rowid = 2"),
    "a search to no neighbour": (10, "UPDATE watermark SET k = 0 WHERE rowid = 2"),
    "rules of no version": (10, "UPDATE state SET rules_version = -1"),
    "a folder with a negative number of files": (10, "UPDATE root SET files = -1"),
    "a watermark without a vector": (9, "INSERT INTO watermark VALUES (2, 999, 0.95, 20, 0.5, 1, x'')"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN_REFERENCES)
def test_what_breaks_an_invariant_is_found_and_mended(store: Path, photos: Path, kind: str) -> None:
    """Each of these would end some later run, or make it report what is not so."""
    before = said(store)
    number, statement = BROKEN_REFERENCES[kind]
    sql(store, statement)
    findings = checked(store)
    assert number in numbers(findings)
    assert 0 not in numbers(findings), "what can be mended must not be said to need a backup"
    assert all("\n" not in finding.sentence and finding.sentence.endswith(".") for finding in findings)
    if kind == "no last id":  # what decisions were given is not known then
        findings = checked(store, repair=True)
        assert numbers(findings) == [4]
        assert checked(store) == ()
    else:
        mended(store, photos, before)


EXAMINED = [
    (table.name, column.name)
    for table in columns.EXAMINED
    for column in table.c
    if not (column.primary_key and isinstance(column.type, Integer))
    and f"{table.name}.{column.name}" not in columns.ELSEWHERE
]


@pytest.mark.parametrize(("table", "column"), EXAMINED, ids=".".join)
def test_a_value_of_another_type_is_found(store: Path, photos: Path, table: str, column: str) -> None:
    """SQLite keeps a text in a column of numbers without a word, and the run that meets it ends in a traceback."""
    with imgindex.open(store) as images:
        images.mark_reported(images.report())
    before = said(store)
    is_blob = sql(store, f"SELECT typeof({column}) FROM {table} WHERE {column} IS NOT NULL LIMIT 1") == [("blob",)]
    wrong = "'x'" if is_blob or "digest" in column else "x'00'"
    [*changed] = sql(store, f"UPDATE {table} SET {column} = {wrong} WHERE rowid = 1 RETURNING typeof({column})")
    if not changed:
        pytest.skip(f"{table} has no row here")
    findings = checked(store)
    assert set(numbers(findings)) & {1, 2, 3, 8, 9, 10}
    assert 0 not in numbers(findings)
    if table == "space":  # nothing else in the store tells what the model was
        assert {f.repairable for f in findings if f.invariant == 10} == {False}
        return
    assert all(finding.repaired for finding in checked(store, repair=True))
    assert checked(store) == ()
    index(store, photos)
    assert said(store)[2:] == before[2:]


def test_the_pixel_limit_is_that_of_the_decoder() -> None:
    """A picture that was indexed in good faith must not be called damaged."""
    assert columns.MAX_PIXELS == decode.MAX_PIXELS
    assert NEIGHBOUR.itemsize == 12


def test_a_repair_that_mends_nothing_is_not_called_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads "mended" deletes the backup."""
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    monkeypatch.setattr(mending, "remove", lambda tx, table, rowids: None)
    assert [(f.invariant, f.repairable, f.repaired) for f in checked(store, repair=True)] == [(1, True, False)]


def test_what_a_repair_brings_to_light_is_mended_or_said(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector goes with its damage, and a watermark is left of an image that has none any more."""
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    monkeypatch.setattr(mending, "forget_searches", lambda tx, image_ids: None)
    found = checked(store, repair=True)
    assert [(f.invariant, f.repaired) for f in found] == [(1, True), (9, True)]
    assert checked(store) == ()
    monkeypatch.setattr(check_module, "REPAIR_ROUNDS", 1)
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 2")
    found = checked(store, repair=True)
    assert [(f.invariant, f.repairable, f.repaired) for f in found] == [(1, True, True), (9, True, False)]


BY_DIGEST = {
    "embedding": (1, ["vector", "digest"]),
    "pair": (7, [column.name for column in pair.c]),
    "decision": (7, [column.name for column in decision.c if column.name != "id"]),
    "sketch": (9, ["sketch", "digest"]),
}


@pytest.mark.parametrize("table", BY_DIGEST)
def test_a_bit_flipped_anywhere_in_a_checked_row_is_found(store: Path, table: str) -> None:
    """Every row once, at random columns and positions: no corner of a vector, a pair or a decision is unguarded."""
    number, names = BY_DIGEST[table]
    random_ = random.Random(table)
    rows = [rowid for [rowid] in sql(store, f"SELECT rowid FROM {table}")]
    assert rows
    for rowid in rows * (1 + 12 // len(rows)):
        column = random_.choice(names)
        [(value,)] = sql(store, f"SELECT {column} FROM {table} WHERE rowid = ?", rowid)
        if value is None:
            continue
        new = "?" if not isinstance(value, str) else "CAST(? AS TEXT)"
        bit = random_.randrange(50) if isinstance(value, int | float) else random_.randrange(8 * len(value))
        damaged = value
        if not isinstance(value, bytes | str):
            damaged = flipped(value, bit)
        else:
            data = bytearray(value if isinstance(value, bytes) else value.encode())
            bit %= 8 * len(data)
            data[bit // 8] ^= 1 << bit % 8
            damaged = bytes(data)
        sql(store, f"UPDATE {table} SET {column} = {new} WHERE rowid = ?", damaged, rowid)
        assert number in numbers(checked(store)), f"bit {bit} of {column} in row {rowid}"
        sql(store, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", value, rowid)
    assert checked(store) == ()


def test_a_guard_that_was_weakened_is_found(store: Path) -> None:
    """A trigger of the right name that lets everything pass."""
    connection = sqlite3.connect(store / DATABASE_NAME)
    connection.execute("DROP TRIGGER decision_no_delete")
    connection.execute("CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision BEGIN SELECT 1; END")
    connection.close()
    assert numbers(checked(store, repair=True)) == [6]
    with Store.open(store) as opened, pytest.raises(StoreError, match="append-only"), opened.write() as tx:
        tx.exec_driver_sql("DELETE FROM decision")


def test_a_table_without_autoincrement_is_found(store: Path) -> None:
    """A migration that re-creates a table drops it silently, and a new image gets the pairs of a forgotten one."""
    connection = sqlite3.connect(store / DATABASE_NAME)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' AUTOINCREMENT', '') WHERE name = 'root'")
    connection.commit()
    connection.close()
    [finding] = checked(store)
    assert (finding.invariant, finding.repairable) == (4, False)
    assert "root" in finding.sentence


def flipped(value: object, bit: int) -> object:
    """`value` with one bit flipped, as a disk would: texts by their UTF-8 bytes, numbers by their own."""
    if isinstance(value, int):
        return value ^ (1 << bit)
    if isinstance(value, float):
        [bits] = struct.unpack("<q", struct.pack("<d", value))
        return struct.unpack("<d", struct.pack("<q", bits ^ (1 << bit)))[0]
    data = bytearray(value if isinstance(value, bytes) else os.fsencode(str(value)))
    data[bit % len(data)] ^= 1 << bit % 8
    return bytes(data)


def flip(store: Path, table: str, column: str, bit: int) -> None:
    """Flip one bit of a column in one row; where it is NULL everywhere, a value appears."""
    rows = sql(store, f"SELECT rowid, {column} FROM {table} ORDER BY {column} IS NULL, {column} = 0, rowid LIMIT 1")
    [(rowid, value)] = rows
    new = "?" if not isinstance(value, str) else "CAST(? AS TEXT)"
    assert sql(store, f"UPDATE {table} SET {column} = {new} WHERE rowid = {rowid} RETURNING {column}",
               0.5 if value is None else flipped(value, bit)) != [(value,)]  # fmt: skip


@pytest.mark.parametrize("bit", [1, 23])
@pytest.mark.parametrize("column", [column.name for column in pair.c])
def test_one_flipped_bit_of_a_pair_is_found(store: Path, column: str, bit: int) -> None:
    """Evidence that changed on the disk would be reported as proof; invalid JSON in it would end every report."""
    flip(store, "pair", column, bit)
    findings = checked(store)
    assert 7 in numbers(findings)
    assert set(numbers(findings)) <= {5, 7}
    assert all(finding.repaired for finding in checked(store, repair=True))
    assert checked(store) == ()


@pytest.mark.parametrize(
    "change",
    [
        "low_id = low_id + 1000",
        "proposed_by = 'flour'",
        "cosine = 0.5",
        "evidence = CAST(x'7bff' AS TEXT)",
        "score = 9",
    ],
)
def test_damaged_pairs_are_verified_again(store: Path, photos: Path, change: str) -> None:
    """A pair that is only deleted stays lost where its images count as searched."""
    before = said(store)
    assert len(sql(store, f"UPDATE pair SET {change} RETURNING low_id")) > 3
    assert 7 in numbers(checked(store))
    mended(store, photos, before)


@pytest.mark.parametrize("bit", [1, 23])
@pytest.mark.parametrize("column", [column.name for column in decision.c])
def test_one_flipped_bit_of_a_decision_is_found_and_left_alone(store: Path, column: str, bit: int) -> None:
    """What a person said cannot be made again: a repair that touched it would lose it for good."""
    flip(store, "decision", column, bit)
    log = sql(store, "SELECT * FROM decision")
    damaged = [finding for finding in checked(store, repair=True) if not finding.repaired]
    assert numbers(tuple(damaged)) == [6 if column == "id" else 7]
    assert not damaged[0].repairable
    assert sql(store, "SELECT * FROM decision") == log


def test_a_decision_that_is_gone_is_found(store: Path) -> None:
    """The newest one too, whose absence leaves no gap."""
    sql(store, "DELETE FROM decision WHERE id = 2")
    [finding] = checked(store)
    assert (finding.invariant, finding.repairable) == (6, False)
    with Store.open(store) as opened, opened.read() as tx:
        assert len(list(decisions(tx))) == 1


def test_a_common_copy_comes_back(store: Path, photos: Path) -> None:
    """No search proposes such a pair: what only deletes it would lose a proven copy."""
    before = said(store)
    [(low, high)] = sql(store, "SELECT low_id, high_id FROM pair WHERE proposed_by = 'floor' LIMIT 1")
    with Store.open(store) as opened, opened.write() as tx:
        [stored] = [p for p in pairs.pairs(tx) if (p.candidate.low_id, p.candidate.high_id) == (low, high)]
        common = Candidate(low, high, ProposedBy.COMMON_COPY, stored.candidate.cosine)
        [space_id] = tx.exec_driver_sql("SELECT active_space_id FROM state").one()
        pairs.put_pairs(tx, space_id, [type(stored)(common, stored.a_is_low, stored.outcome, stored.verifier_version)])
    sql(store, "UPDATE pair SET ssim = ssim / 2, cosine = 0 WHERE low_id = ? AND high_id = ?", low, high)
    assert numbers(checked(store, repair=True)) == [7]
    assert sql(store, "SELECT low_id, high_id, proposed_by FROM pending") == [(low, high, "common-copy")]
    index(store, photos)
    assert said(store) == before


def cache_of(store: Path) -> Path:
    [path] = store.glob("*.faiss")
    return path


@pytest.mark.parametrize("seed", range(5))
def test_one_flipped_byte_of_the_faiss_file_is_found_and_heals(store: Path, photos: Path, seed: int) -> None:
    """FAISS loads such a file without complaint and answers with other pictures."""
    before = said(store)
    path = cache_of(store)
    data = bytearray(path.read_bytes())
    data[random.Random(seed).randrange(len(data))] ^= 0x10
    path.write_bytes(data)
    [finding] = checked(store)
    assert (finding.invariant, finding.repairable) == (8, True)
    if seed % 2:
        assert checked(store, repair=True)[0].repaired
        assert not list(store.glob("*.faiss"))
        assert checked(store) == ()
    index(store, photos)
    assert checked(store) == ()
    assert cache_of(store).is_file()
    assert said(store) == before


def test_a_faiss_file_that_is_gone_is_no_damage(store: Path) -> None:
    """It is a cache: whoever deletes it to save room, or goes back to a backup, has a whole store."""
    cache_of(store).unlink()
    assert checked(store) == ()


@pytest.mark.parametrize("ids", [[1, 2, 3, 4, 6, 7, 8, 10], [1, 2, 3, 5, 6, 7, 8, 9]])
def test_a_faiss_file_of_other_ids_is_found(store: Path, ids: list[int]) -> None:
    """A digest says only that the file is the one that was written: an image that it lacks is never a neighbour."""
    sql(store, "DELETE FROM embedding WHERE image_id = 5")
    sql(store, "DELETE FROM watermark WHERE image_id = 5")
    assert sql(store, "SELECT min(image_id), max(image_id), count(*) FROM embedding") == [(1, 9, 8)]
    path = cache_of(store)
    other = FlatIndex(2)
    other.add(np.array(ids, np.int64), np.ones((8, 2), np.float32))
    with path.open("wb") as handle:
        other.write(handle)
    sql(store, "UPDATE index_cache SET vectors = 8, digest = ?", file_digest(path))
    [finding] = checked(store, repair=True)
    assert (finding.invariant, finding.repaired) == (8, True)
    assert not path.exists()


def test_what_a_run_left_behind_is_deleted_and_nothing_else(store: Path) -> None:
    """Each crash while an index is saved leaves a file of gigabytes; a person's own files are not ours to delete."""
    strays = [store / "space-1-99.faiss", store / ".imgindex-0123456789abcdef.tmp"]
    own = [store / "notes.txt", store / "before-upgrade-from-0001.db"]
    for path in strays + own:
        path.write_bytes(b"x" * 1000)
    [finding] = checked(store)
    assert finding.invariant == 8
    assert "2 files" in finding.sentence
    assert "2,000 bytes" in finding.sentence
    assert checked(store, repair=True)[0].repaired
    assert not any(path.exists() for path in strays)
    assert all(path.exists() for path in own)
    assert cache_of(store).is_file()


def test_the_files_of_a_run_that_goes_on_are_no_strays(store: Path) -> None:
    (store / ".imgindex-0123456789abcdef.tmp").touch()
    with Store.open(store) as other, other.exclusive():
        assert checked(store) == ()
    assert numbers(checked(store)) == [8]


def test_one_damage_hides_no_other(store: Path, photos: Path) -> None:
    before = said(store)
    flip(store, "pair", "score", 3)
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    sql(store, "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'file'")
    cache_of(store).write_bytes(b"no index")
    assert numbers(checked(store)) == [1, 4, 7, 8]
    mended(store, photos, before)


def test_a_check_without_repair_writes_nothing(store: Path) -> None:
    for kind in ("a pair out of order", "a skipped row without a file", "a generation too low"):
        sql(store, BROKEN_REFERENCES[kind][1])
    flip(store, "embedding", "vector", 5)
    (store / "space-1-99.faiss").touch()
    before = {path.name: path.read_bytes() for path in store.iterdir() if path.suffix != ".lock"}
    assert len(checked(store)) >= 4
    assert {path.name: path.read_bytes() for path in store.iterdir() if path.suffix != ".lock"} == before


READ_ONLY = """
import os, sys
from pathlib import Path
from imgindex.runs.check.check import check
from imgindex.ports import Silent
from imgindex.store import Store
Store.open(Path(sys.argv[2]), create=True).close()  # loads every module while that is still allowed
os.setuid(65534)
with Store.open(Path(sys.argv[1])) as store:
    print([finding.invariant for finding in check(store, progress=Silent())])
"""


def test_a_store_on_a_read_only_disk_is_checked(store: Path, tmp_path: Path) -> None:
    """A backup on a disk that is mounted read-only is what a person most wants to check."""
    if os.getuid() != 0:
        pytest.skip("needs root, to give its rights up for a user without any")
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    os.chmod(store, 0o555)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        os.chmod(folder, 0o755)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(store), str(tmp_path / "other")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    os.chmod(store, 0o755)
    assert (done.stdout, done.returncode) == ("[1]\n", 0), done.stderr


def found_or_refused(store: Path, *, repair: bool = False) -> tuple[Finding, ...]:
    """What check finds; where the store cannot be opened or mended at all, that sentence as a finding."""
    try:
        return checked(store, repair=repair)
    except StoreError as error:
        assert str(error).startswith("The store in")
        return (Finding(0, str(error), "", False, False),)


def pages(store: Path) -> Iterator[int]:
    yield from range(0, (store / DATABASE_NAME).stat().st_size, 16384)


def test_a_page_of_garbage_is_found_wherever_it_is(store: Path) -> None:
    """A bad sector: SQLite reads on around it, and a repair that wrote there would spread it."""
    sql(store, "VACUUM")
    database = store / DATABASE_NAME
    healthy = database.read_bytes()
    garbage = random.Random(7).randbytes(16384)
    for offset in pages(store):
        damaged = healthy[:offset] + garbage + healthy[offset + 16384 :]
        database.write_bytes(damaged)
        findings = found_or_refused(store, repair=True)
        assert 0 in numbers(findings), f"page at {offset}"
        assert not any(finding.repaired or finding.repairable for finding in findings)
        assert database.read_bytes() == damaged, "a damaged database file is not written to"


def test_a_truncated_database_is_found(store: Path) -> None:
    sql(store, "VACUUM")
    database = store / DATABASE_NAME
    healthy = database.read_bytes()
    for size in (1000, 16384, len(healthy) // 2, len(healthy) - 16384, len(healthy) - 1):
        database.write_bytes(healthy[:size])
        assert 0 in numbers(found_or_refused(store)), f"{size} bytes"


def test_no_flipped_bit_of_the_database_file_is_a_traceback(store: Path, tmp_path: Path) -> None:
    """Wherever a bit flips, the types of values included, check says a sentence, and repair leaves nothing to mend."""
    sql(store, "VACUUM")
    healthy = (store / DATABASE_NAME).read_bytes()
    random_ = random.Random(1)
    kinds = set()
    for at in random_.sample([at for at in range(len(healthy)) if healthy[at]], 60):
        damaged = bytearray(healthy)
        damaged[at] ^= 1 << random_.randrange(8)
        one = Path(shutil.copytree(store, tmp_path / str(at)))
        (one / DATABASE_NAME).write_bytes(damaged)
        found = found_or_refused(one)
        kinds.update(numbers(found))
        assert numbers(found_or_refused(one, repair=True)) == numbers(found), f"byte {at}"
        assert not any(finding.repairable for finding in found_or_refused(one)), f"byte {at}"
    assert {0, 1, 7} <= kinds


def test_a_reference_to_nothing_in_any_other_table_is_found(store: Path) -> None:
    """A table that a later version adds must not stay outside of every check."""
    sql(store, "CREATE TABLE extra (image_id INTEGER REFERENCES image (id))")
    sql(store, "INSERT INTO extra VALUES (1)")
    assert checked(store) == ()
    sql(store, "INSERT INTO extra VALUES (999)")
    [finding] = checked(store)
    assert (finding.invariant, "extra" in finding.sentence) == (0, True)


def test_a_flipped_bit_in_a_reference_of_the_schema_is_found(store: Path) -> None:
    """To SQLite a table of another name is one that has no rows yet: every vector would seem to belong to nothing."""
    database = store / DATABASE_NAME
    healthy = database.read_bytes()
    database.write_bytes(
        healthy.replace(b"FOREIGN KEY(image_id) REFERENCES image", b"FOREIGN KEY(image_id) REFERENCES imige")
    )
    [finding, *_] = checked(store, repair=True)
    assert finding.invariant == 0
    assert "imige" in finding.sentence
    assert len(sql(store, "SELECT 1 FROM embedding")) == 9
