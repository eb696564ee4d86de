"""Bits that a disk flipped: in rows, in index files, in the database file itself."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from imgindex.errors import StoreError
from imgindex.results import Finding
from imgindex.search.embed.fake import DIM
from imgindex.search.vectors import FlatIndex, file_digest
from imgindex.store import DATABASE_NAME, Store
from imgindex.store.schema import decision, pair, weighed
from tests.runs.check.stores import cache_of, checked, flip, flipped, index, mended, numbers, said, sql

BY_DIGEST = {
    "embedding": (1, ["vector", "digest"]),
    "pair": (7, [column.name for column in pair.c]),
    "weighed": (7, [column.name for column in weighed.c]),
    "decision": (7, [column.name for column in decision.c if column.name != "id"]),
    "sketch": (9, ["sketch", "digest"]),
}


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


def test_a_flipped_digest_of_a_vector_is_found(store: Path) -> None:
    sql(store, "UPDATE embedding SET digest = zeroblob(8) WHERE rowid = 1")
    assert numbers(checked(store)) == [1, 7]


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


@pytest.mark.parametrize("bit", [1, 23])
@pytest.mark.parametrize("column", [column.name for column in weighed.c])
def test_one_flipped_bit_of_what_was_weighed_is_found_and_weighed_again(
    store: Path, photos: Path, column: str, bit: int
) -> None:
    """Prevents: a photo called redundant, or a loss kept quiet, by a bit that fell over."""
    before = said(store)
    flip(store, "weighed", column, bit)
    findings = numbers(checked(store))
    assert 7 in findings
    assert set(findings) <= {5, 7}
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
    with Store.open(store) as opened, opened.write() as tx:
        tx.exec_driver_sql("UPDATE index_cache SET vectors = 8, digest = ?", (file_digest(path),))
    [finding] = checked(store, repair=True)
    assert (finding.invariant, finding.repaired) == (8, True)
    assert not path.exists()


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


@pytest.mark.parametrize("column", ["type", "name", "sql"])
def test_mending_a_trigger_leaves_one_of_it(store: Path, column: str) -> None:
    """Prevents: a second trigger made beside one that a flipped bit hid, so that nothing can open the store."""
    with closing(sqlite3.connect(store / DATABASE_NAME)) as database, database:
        database.execute("PRAGMA writable_schema = ON")
        flipped = f"UPDATE sqlite_master SET {column} = upper({column}) WHERE name = 'pending_sealed'"
        assert database.execute(flipped).rowcount == 1
    assert numbers(found_or_refused(store)) == [6]
    assert numbers(found_or_refused(store, repair=True)) == [6]
    assert found_or_refused(store) == ()


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
