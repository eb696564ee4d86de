"""check: every kind of damage is found under its number, mended where it can be rebuilt, and never a traceback."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Integer

import imgindex
from imgindex.errors import StoreError
from imgindex.pictures import decode
from imgindex.records import NEIGHBOUR, Candidate, ProposedBy
from imgindex.runs.check import check as check_module
from imgindex.search.embed.fake import DIM
from imgindex.store import DATABASE_NAME, Store, checksum, pairs
from imgindex.store.decisions import decisions
from imgindex.store.sqlite import columns, mending
from tests.runs.check.stores import cache_of, checked, flip, index, mended, numbers, said, sql


def test_a_whole_store_has_no_findings(store: Path) -> None:
    """A check that cries wolf is not read; the triggers of the migrations are also those that check knows."""
    assert checked(store) == checked(store, repair=True) == ()


def test_a_store_without_images_has_no_findings(tmp_path: Path) -> None:
    Store.open(tmp_path / "new", create=True).close()
    assert checked(tmp_path / "new") == ()


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
    with Store.open(store) as opened, opened.write() as tx:
        tx.exec_driver_sql(
            "UPDATE embedding SET vector = ?, digest = ? WHERE rowid = ?", (wrong, checksum.of_bytes(wrong), rowid)
        )
    assert numbers(checked(store)) == [1]
    assert numbers(checked(store, repair=True)) == [1]
    assert checked(store) == ()


def test_a_wrong_length_in_the_space_costs_no_vector(store: Path, photos: Path) -> None:
    """One flipped bit in one number must not delete and embed again a million vectors."""
    before, vectors = said(store), sql(store, "SELECT * FROM embedding")
    sql(store, f"UPDATE space SET dim = {DIM ^ 64}")
    assert numbers(checked(store)) == [1, 7]
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
    "what was weighed of a pair out of order": (
        5, "UPDATE weighed SET low_id = high_id, high_id = low_id WHERE rowid = 1"),
    "what was weighed of a pair that is not there": (5, "UPDATE weighed SET high_id = 9 WHERE rowid = 1"),
    "what was weighed of an image that is not there": (5, "UPDATE weighed SET high_id = 999 WHERE rowid = 1"),
    "what was weighed with an unknown grade": (5, "UPDATE weighed SET grade_a = 'edite' WHERE rowid = 1"),
    "what was weighed and has changed": (7, "UPDATE weighed SET said = said || ' ' WHERE rowid = 1"),
    "a pending pair out of order": (5, "INSERT INTO pending VALUES (3, 1, 'top-k', 0.5, '', x'')"),
    "a pending pair with an image that is not there": (5, "INSERT INTO pending VALUES (1, 999, 'top-k', 0.5, '', x'')"),
    "a pending pair proposed by nobody": (5, "INSERT INTO pending VALUES (1, 3, 'top-x', 0.5, '', x'')"),
    "a pending pair of an impossible cosine": (5, "INSERT INTO pending VALUES (1, 3, 'top-k', 64.5, '', x'')"),
    "a pending pair without its cosine": (5, "INSERT INTO pending VALUES (1, 3, 'floor', NULL, '', x'')"),
    "a guard of decisions is gone": (6, "DROP TRIGGER IF EXISTS decision_no_update"),
    "a sketch that changed": (9, "INSERT OR REPLACE INTO sketch VALUES (2, 320, x'0101', zeroblob(8), x'')"),
    "a sketch without an image": (9, "INSERT INTO sketch VALUES (999, 320, x'0101', zeroblob(8), x'')"),
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
    "a watermark without a vector": (9, "INSERT INTO watermark VALUES (2, 999, 0.95, 20, 0.5, 1, x'', x'')"),
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


CHECKED = [
    (table.name, column.name)
    for table in columns.CHECKED
    for column in table.c
    if not (column.primary_key and isinstance(column.type, Integer))
    and column.name != "checksum"
    and f"{table.name}.{column.name}" not in columns.ELSEWHERE
]


@pytest.mark.parametrize(("table", "column"), CHECKED, ids=".".join)
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
    assert [(f.invariant, f.repairable, f.repaired) for f in checked(store, repair=True)] == [
        (1, True, False), (7, True, False),
    ]  # fmt: skip


def test_what_a_repair_brings_to_light_is_mended_or_said(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector goes with its damage, and a watermark is left of an image that has none any more."""
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    monkeypatch.setattr(mending, "forget_searches", lambda tx, image_ids: None)
    found = checked(store, repair=True)
    assert [(f.invariant, f.repaired) for f in found] == [(1, True), (7, True), (9, True)]
    assert checked(store) == ()
    monkeypatch.setattr(check_module, "REPAIR_ROUNDS", 1)
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 2")
    found = checked(store, repair=True)
    assert [(f.invariant, f.repairable, f.repaired) for f in found] == [
        (1, True, True), (7, True, True), (9, True, False),
    ]  # fmt: skip


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
    assert numbers(checked(store)) == [1, 4, 7, 7, 8]
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
    assert (done.stdout, done.returncode) == ("[1, 7]\n", 0), done.stderr
