"""The store: transactions, the catalog, vectors, pairs, and what the database itself refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from imgindex.errors import StoreError, StoreLocked
from imgindex.records import Candidate, PictureInfo, ProposedBy, Relation, Seen, Space, Verdict, Verification
from imgindex.skips import Skip
from imgindex.store import DATABASE_NAME, Store, catalog, pairs, skipped, spaces
from imgindex.store.catalog import NewFile
from imgindex.store.pairs import StoredPair
from imgindex.store.sqlite import journal
from imgindex.store.sqlite.engine import _uri

INFO = PictureInfo("JPEG", 640, 480, "RGB", 8, False, 1)
SPACE = Space("fake/1", "fake", "1", "none", 4, "float32", "f" * 8, 0.9)


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Store.open(tmp_path / "store", create=True) as opened:
        yield opened


def seen(path: bytes, size: int = 10, inode: int = 1) -> Seen:
    return Seen(path, size, 1, 2, inode, 3)


def put_images(store: Store, n: int) -> list[int]:
    with store.write() as tx:
        ids = [catalog.put_image(tx, bytes([i]) * 32, 10, INFO, 9.0) for i in range(n)]
        catalog.put_files(tx, [NewFile(seen(f"/p/{i}.jpg".encode()), image_id) for i, image_id in enumerate(ids)])
    return ids


def unit(n: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_block_that_raises_writes_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as tx:
        catalog.put_root(tx, b"/photos")
        raise RuntimeError
    with store.read() as tx:
        assert catalog.roots(tx) == []


def test_settings_that_cannot_be_changed_later(store: Store) -> None:
    """2 KiB vectors on 4 KiB pages double the file; foreign keys and WAL are off unless asked for."""
    with store.read() as tx:
        values = {
            name: tx.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("page_size", "journal_mode", "foreign_keys", "synchronous")
        }
        assert values == {"page_size": 16384, "journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}
        tables = dict(tx.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    for name in ("image", "file", "skipped", "root", "space", "index_cache"):
        assert "AUTOINCREMENT" in tables[name], f"ids of {name} could be used twice"


def test_a_reader_sees_one_state(store: Store) -> None:
    """A report that is made while an index runs must not mix two states."""
    with store.read() as reading:
        assert catalog.roots(reading) == []
        with store.write() as tx:
            catalog.put_root(tx, b"/photos")
        assert catalog.roots(reading) == []
    with store.read() as tx:
        assert [r[0] for r in catalog.roots(tx)] == [b"/photos"]


def test_one_content_is_one_image_and_names_need_not_be_text(store: Store) -> None:
    with store.write() as tx:
        first = catalog.put_image(tx, b"x" * 32, 10, INFO, 9.0)
        assert catalog.put_image(tx, b"x" * 32, 10, INFO, 9.0) == first
        paths = [b"/p/caf\xe9.jpg", "/p/写真.jpg".encode(), b"/p/new\nline.jpg"]
        catalog.put_files(tx, [NewFile(seen(path), first) for path in paths])
    with store.read() as tx:
        assert catalog.present_paths(tx, [first]) == {first: sorted(paths)}


def test_inodes_beyond_a_signed_integer_are_kept(store: Store) -> None:
    """Some file systems use all 64 bits; SQLite's integers are signed."""
    stat = Seen(b"/p", 1, 2, 3, 2**64 - 1, 2**64 - 2)
    with store.write() as tx:
        catalog.put_files(tx, [NewFile(stat, skip=Skip("empty", "It is empty."))])
    with store.read() as tx:
        assert [k.stat for k in catalog.known_files(tx)] == [stat]


def test_a_file_changes_from_skipped_to_indexed_and_back(store: Store) -> None:
    [image_id] = put_images(store, 1)
    with store.write() as tx:
        catalog.put_files(tx, [NewFile(seen(b"/p/copy.jpg"), image_id)])
        catalog.put_files(tx, [NewFile(seen(b"/p/0.jpg"), skip=Skip("truncated", "It ends early."))])
        assert [(p, s.reason) for p, s in skipped.skipped_files(tx)] == [(b"/p/0.jpg", "truncated")]
        catalog.put_files(tx, [NewFile(seen(b"/p/0.jpg"), image_id)])
        assert skipped.skipped_files(tx) == []
        assert tx.exec_driver_sql("SELECT count(*) FROM skipped").scalar() == 0, "an orphan row stayed behind"


def test_an_image_that_no_file_shows_any_more_goes_with_all_that_hangs_on_it(store: Store) -> None:
    """A photo saved again 30 times would leave 30 ghosts among everybody's nearest neighbours."""
    first, second = put_images(store, 2)
    with store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        spaces.put_embeddings(tx, space_id, [first, second], unit(2))
        candidate = Candidate(first, second, ProposedBy.TOP_K, 0.5)
        pairs.put_pairs(tx, space_id, [StoredPair(candidate, True, Verification(Verdict.SIMILAR, 50.0), 1)])
        pairs.put_watermarks(tx, space_id, {first: (0.5, b""), second: (0.5, b"")}, 0.9, 20, 1)
        before = spaces.generation(tx)
        # the two files change places: nothing is lost
        catalog.put_files(tx, [NewFile(seen(b"/p/0.jpg"), second), NewFile(seen(b"/p/1.jpg"), first)])
        assert set(catalog.images(tx, [first, second])) == {first, second}
        catalog.put_files(tx, [NewFile(seen(b"/p/1.jpg"), second)])
        assert tx.exec_driver_sql("SELECT id FROM image").fetchall() == [(second,)]
        assert list(pairs.pairs(tx)) == []
        assert spaces.vector_ids(tx, space_id).tolist() == [second]
        assert spaces.generation(tx) == before + 1, "a cached index would still hold it"


def test_what_cannot_be_read_just_now_keeps_what_is_known_of_it(store: Store) -> None:
    [image_id] = put_images(store, 1)
    with store.write() as tx:
        away = Skip("unreadable", "No permission.", environment=True)
        catalog.put_files(tx, [NewFile(seen(b"/p/0.jpg", size=99), skip=away)])
        assert [k.image_id for k in catalog.known_files(tx)] == [image_id]


def test_the_database_refuses_a_file_that_is_neither_or_both(store: Store) -> None:
    with pytest.raises(StoreError), store.write() as tx:
        catalog.put_files(tx, [NewFile(seen(b"/p"))])


def test_vectors_come_back_bit_for_bit_and_grow_the_generation(store: Store) -> None:
    ids = put_images(store, 3)
    vectors = unit(3)
    with store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        assert spaces.generation(tx) == 0
        assert spaces.put_embeddings(tx, space_id, ids[:2], vectors[:2]) == 1
        assert spaces.put_embeddings(tx, space_id, ids[:2], vectors[:2]) == 1, "nothing new, nothing grows"
        assert spaces.put_embeddings(tx, space_id, ids, vectors) == 2
    with store.read() as tx:
        found_ids, found = spaces.vectors(tx, space_id, 4)
        assert spaces.active_space(tx) == (space_id, SPACE)
        np.testing.assert_array_equal(found, vectors)
        np.testing.assert_array_equal(spaces.vectors_of(tx, space_id, 4, ids[::-1]), vectors[::-1])
    assert found_ids.tolist() == ids


def test_a_pair_comes_back_as_it_was_written(store: Store) -> None:
    low, high = put_images(store, 2)
    candidate = Candidate(low, high, ProposedBy.FLOOR, 0.95, 0.9)
    outcome = Verification(
        Verdict.NEAR_DUPLICATE, 97.1, 0.971, Relation.A_CONTAINS_B, "crop 49 % of area",
        (0.7, 0.0, 3.0, 0.0, 0.7, 4.0), 0.49, 1.0, 1.0, True, {"inliers": 40},
    )  # fmt: skip
    with store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        pairs.put_pending(tx, [(candidate, "disk away")])
        assert pairs.pending_candidates(tx, 0.9) == [candidate]
        pairs.put_pairs(tx, space_id, [StoredPair(candidate, False, outcome, 7)])
        assert pairs.pending_candidates(tx, 0.9) == [], "a verified pair is not tried again"
    with store.read() as tx:
        [found] = pairs.pairs(tx)
        assert found == StoredPair(candidate, False, outcome, 7)
        assert (found.a_id, found.b_id) == (high, low)
        assert pairs.verified_keys(tx, 7, [low]) == pairs.verified_keys(tx, 7, [high]) == {(low, high)}
        assert pairs.verified_keys(tx, 8, [low]) == pairs.verified_keys(tx, 7, [low + high]) == set()
        [other] = pairs.copies(tx, space_id + 1)
        assert (other.candidate.cosine, other.outcome) == (None, outcome), "proven stays proven under another model"


def test_a_watermark_holds_for_its_settings_only(store: Store) -> None:
    """Another floor, k or verifier means the search has to be done again."""
    ids = put_images(store, 2)
    with store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        pairs.put_watermarks(tx, space_id, dict.fromkeys(ids, (0.5, b"near")), 0.9, 20, 1)
        pairs.put_watermarks(tx, space_id, {ids[0]: (0.6, b"nearer")}, 0.9, 20, 1)
        assert pairs.nearest_of(tx, space_id, ids) == {ids[0]: b"nearer", ids[1]: b"near"}
        assert pairs.watermarks(tx, space_id, 0.9, 20, 1) == {ids[0]: 0.6, ids[1]: 0.5}
        assert pairs.watermarks(tx, space_id, 0.8, 20, 1) == {}
        assert len(pairs.watermarks(tx, space_id, 0.95, 20, 1)) == 2
        assert pairs.watermarks(tx, space_id, 0.9, 19, 1) == {ids[0]: 0.6, ids[1]: 0.5}
        assert pairs.watermarks(tx, space_id, 0.9, 21, 1) == {}
        assert pairs.watermarks(tx, space_id, 0.9, 20, 2) == {}


def test_the_database_refuses_a_pair_of_unknown_images(store: Store) -> None:
    with pytest.raises(StoreError), store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        lonely = StoredPair(Candidate(1, 2, ProposedBy.TOP_K, 0.5), True, Verification(Verdict.SIMILAR, 50.0), 1)
        pairs.put_pairs(tx, space_id, [lonely])


def test_a_second_run_is_told_so_in_one_sentence(store: Store) -> None:
    other = Store.open(store.directory)
    with store.exclusive():
        with pytest.raises(StoreLocked, match="in use by another run"), other.exclusive():
            pass
        with other.read() as tx:
            assert catalog.roots(tx) == [], "reading goes on meanwhile"
    with other.exclusive():
        pass


def test_a_short_write_of_another_process_is_waited_for(store: Store) -> None:
    other = Store.open(store.directory)
    began, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with other.write() as tx:
            began.set()
            go_on.wait(5)
            catalog.put_root(tx, b"/slow")

    thread = threading.Thread(target=write_slowly)
    thread.start()
    began.wait(5)
    threading.Timer(0.3, go_on.set).start()
    with store.write() as tx:
        catalog.put_root(tx, b"/fast")
        assert len(catalog.roots(tx)) == 2
    thread.join()


def test_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="imgindex index FOLDER"):
        Store.open(tmp_path)


FORBIDDEN = """
import os, sys
from pathlib import Path
from imgindex.store import Store
from imgindex.errors import StoreError
Store.open(Path(sys.argv[2]), create=True).close()  # loads every module while that is still allowed
os.setuid(65534)
for create in (False, True):
    try:
        Store.open(Path(sys.argv[1]), create=create)
    except StoreError as error:
        print(error)
"""


def test_a_store_that_may_not_be_opened_is_one_sentence(store: Store, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to give its rights up for a user without any")
    os.chmod(store.directory, 0o700)
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, str(store.directory), str(tmp_path / "other")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be") == 2


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreError, match="restore its database from a backup"):
        Store.open(tmp_path)


def test_a_backup_is_whole_while_another_writes(store: Store, tmp_path: Path) -> None:
    """Copying the file of a WAL database loses what is still in the log."""
    put_images(store, 5)
    with store.write() as tx:
        catalog.put_root(tx, b"/not yet committed")
        store.backup(tmp_path / "copy.db")
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*) FROM image").fetchone() == (5,)
    assert copy.execute("SELECT count(*) FROM root").fetchone() == (0,)
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


READ_ONLY = """
import os, sys
from pathlib import Path
from imgindex.store import Store, catalog
from imgindex.errors import StoreError
Store.open(Path(sys.argv[2]), create=True).close()  # loads every module while that is still allowed
os.setuid(65534)
store = Store.open(Path(sys.argv[1]))
with store.read() as tx:
    print(len(list(catalog.known_files(tx))))
try:
    with store.write() as tx:
        catalog.put_root(tx, b"/x")
except StoreError as error:
    print(error)
"""


def test_a_store_on_a_read_only_disk_is_read(store: Store, tmp_path: Path) -> None:
    """A cleanly closed WAL database in a read-only directory does not open with mode=ro."""
    if os.getuid() != 0:
        pytest.skip("needs root, to give its rights up for a user without any")
    put_images(store, 2)
    store.close()
    os.chmod(store.directory, 0o555)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        os.chmod(folder, 0o755)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(store.directory), str(tmp_path / "other")],
        capture_output=True,
        text=True,
        check=False,
    )
    os.chmod(store.directory, 0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2\n")
    assert "read-only" in done.stdout


def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """From now on `tmp_path` seems to be on a disk of this kind."""
    point = os.fspath(tmp_path).replace(" ", "\\040")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/export {point} {kind} rw 0 0\nproc /proc proc rw 0 0\n")
    monkeypatch.setattr(journal, "MOUNTS", mounts)


def journal_of(store: Store) -> str:
    with store.read() as tx:
        return str(tx.exec_driver_sql("PRAGMA journal_mode").scalar_one())


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_a_network_disk_gets_a_rollback_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A write-ahead log lives in memory that two machines do not share: the second one reads and writes garbage."""
    mounted(tmp_path, monkeypatch, kind)
    folder = tmp_path / "my store"
    with Store.open(folder, create=True) as store:
        assert journal_of(store) == "delete"
        with store.write() as tx:
            catalog.put_root(tx, b"/photos")
        assert not list(folder.glob("*-wal"))
        with Store.open(folder) as other, other.read() as tx:
            assert catalog.roots(tx) == [(b"/photos", None, 0)]


def test_a_store_follows_the_disk_that_it_is_moved_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied to a share and back again, it is right for where it is each time."""
    modes = []
    for kind in ("ext4", "nfs", "fuseblk", "fuse.sshfs", "btrfs"):
        mounted(tmp_path, monkeypatch, kind)
        with Store.open(tmp_path / "store", create=True) as store:
            modes.append(journal_of(store))
    assert modes == ["wal", "delete", "wal", "delete", "wal"]


def test_only_the_nearest_mount_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local disk below a share, and a share whose name only begins like the folder's."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"a / nfs rw 0 0\nb {tmp_path} ext4 rw 0 0\nc {tmp_path}/sto nfs rw 0 0\n")
    monkeypatch.setattr(journal, "MOUNTS", mounts)
    assert journal.mode_for(tmp_path / "store") == "WAL"
    assert journal.mode_for(tmp_path / "sto" / "re") == "DELETE"
    assert journal.mode_for(Path("/elsewhere")) == "DELETE"
    monkeypatch.setattr(journal, "MOUNTS", tmp_path / "none")
    assert journal.mode_for(tmp_path / "sto") == "WAL"


def test_a_read_only_store_without_a_log_sees_what_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing says that a writer is there, SQLite must look: `immutable` would show yesterday's store."""
    mounted(tmp_path, monkeypatch, "nfs")
    with Store.open(tmp_path / "store", create=True) as store:
        database = tmp_path / "store" / "imgindex.db"
        assert "immutable" not in _uri(database, writable=False)
        mounted(tmp_path, monkeypatch, "ext4")
        Store.open(tmp_path / "store").close()
        assert "immutable" in _uri(database, writable=False)
        assert store.writable
