"""What a scan of the roots means for the store: files to read, files that are back, files that are missing.

An unmounted disk looks like 200,000 deletions, so files are marked missing only below a root that was
scanned to its end without an error and has not lost most of its files at once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imgindex import files
from imgindex.pictures import scan
from imgindex.pictures.scan import Ignored, Problem
from imgindex.ports import Progress
from imgindex.records import Seen
from imgindex.store import Transaction, catalog, spaces
from imgindex.store.catalog import KnownFile

SUSPICIOUS_LOSS = 0.5
"""A root that lost more than this share of its files since the last scan is taken for a disk that is not there."""


@dataclass(slots=True)
class Walk:
    """The outcome of scanning `roots` (real paths, none below another), files in path order; `lost` are folders that
    are absent and had files that the store knew when the run began."""

    roots: tuple[bytes, ...]
    accept_missing: bool
    files: list[Seen] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: int = 0
    left_out: dict[bytes, Ignored] = field(default_factory=dict)
    named: tuple[bytes, ...] = ()
    known: dict[bytes, KnownFile] = field(default_factory=dict)
    lost: set[bytes] = field(default_factory=set)

    def recall(self, tx: Transaction) -> None:
        """Take what the store knows of every file into `known`."""
        self.known = {known.path: known for known in catalog.known_files(tx)}
        absent = {problem.path for problem in self.problems if problem.reason == "absent"}
        self.lost |= {root for root in absent if any(files.is_below(path, root) for path in self.known)}

    def to_read(self, tx: Transaction, space_id: int) -> list[Seen]:
        """Files that are new, changed, to be tried again, or whose image has no vector in the space."""
        embedded = set(spaces.vector_ids(tx, space_id).tolist())
        return [seen for seen in self.files if not self._is_done(seen, embedded)]

    def _is_done(self, seen: Seen, embedded: set[int]) -> bool:
        known = self.known.get(seen.path)
        if known is None or known.retry or known.stat.stamp != seen.stamp:
            return False
        return known.image_id is None or known.image_id in embedded

    def finish(self, tx: Transaction) -> int:
        """Record the scan: what is back, what is left out, what is missing (returns how many), when each root was
        scanned. Of what is left out nobody looked whether it is there: it is not missing."""
        seen = {s.path for s in self.files}
        back = [k.id for path, k in self.known.items() if k.missing_since_s is not None and path in seen]
        catalog.mark_present(tx, back)
        unseen = {path: k for path, k in self.known.items() if path not in seen}
        covered = {path for path in unseen if self._is_left_out(path)} if self.left_out else set()
        catalog.mark_left_out(tx, [unseen[path].id for path in sorted(covered)], left_out=True)
        returned = [k.id for path, k in self.known.items() if k.left_out and path in seen]
        missing = 0
        for root in self.roots:
            if any(files.is_below(problem.path, root) for problem in self.unaccepted()):
                continue
            own = [k for k in self.known.values() if files.is_below(k.path, root) and k.path not in covered]
            present = [k for k in own if k.missing_since_s is None]
            returned += [k.id for k in own if k.left_out]
            gone = [k for k in present if k.path not in seen and _is_gone(k.path)]
            devices = {s.path: s.device for s in self.files if files.is_below(s.path, root)}
            if not self.accept_missing and (problem := _doubt(root, gone, present, devices)) is not None:
                self.problems.append(problem)
                continue
            catalog.mark_missing(tx, [k.id for k in gone])
            moved = [k for k in present if devices.get(k.path, k.stat.device) != k.stat.device]
            catalog.put_devices(tx, {k.id: devices[k.path] for k in moved})
            missing += len(gone)
            catalog.finish_scan(tx, catalog.put_root(tx, root), len(devices))
        catalog.mark_left_out(tx, returned, left_out=False)
        catalog.forget_searches(tx)
        return missing

    def unaccepted(self) -> list[Problem]:
        """Problems that leave open what is there. A root that was indexed and is absent is empty, where that is
        accepted; one that never was is a name spelled wrong."""
        accepted = self.lost.intersection(self.roots) if self.accept_missing else set()
        return [problem for problem in self.problems if problem.reason != "absent" or problem.path not in accepted]

    def _is_left_out(self, path: bytes) -> bool:
        """Whether the scan left out this file or a folder that it is in. Of folders that no pattern names, one in which
        a person named another is left out but for that."""
        is_named = False
        while (left := self.left_out.get(path)) is None:
            is_named |= path in self.named
            folder = os.path.dirname(path)
            if folder == path:
                return False
            path = folder
        return left.is_by_pattern or not (is_named or path in self.named)


def _is_gone(path: bytes) -> bool:
    """Whether no regular file is at `path`; a file that is there and was not seen may be no picture any more."""
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _doubt(
    root: bytes, gone: list[KnownFile], present: list[KnownFile], devices: Mapping[bytes, int]
) -> Problem | None:
    """Why files that are gone may only be out of reach: too many at once, or all that were on one disk.

    `devices` has the number of the disk of each file that this scan saw. That may be another after each mount, so one
    that is not seen means a disk that is away only where no file of its number is here.
    """
    left = {k.id for k in gone}
    here = {k.stat.device for k in present if k.id not in left}
    away = {k.stat.device for k in gone} - set(devices.values()) - here
    if away and here:
        return _lost(root, sum(k.stat.device in away for k in gone), len(present))
    # moved and renamed files are no loss: as many are there now
    is_most = len(devices) < (1.0 - SUSPICIOUS_LOSS) * len(present)
    return _lost(root, len(gone), len(present)) if gone and is_most else None


def _lost(root: bytes, gone: int, present: int) -> Problem:
    sentence = (
        f"{gone:,} of the {present:,} files below {files.display(root)} are gone at once; nothing was changed, because "
        "a disk that is not mounted looks the same. If they were deleted, run again with --accept-missing."
    )
    return Problem(root, "lost", sentence)


def walk(
    folders: Sequence[str],
    *,
    store: Path,
    roots: Iterable[bytes],
    include: Sequence[str],
    exclude: Sequence[str],
    follow_symlinks: bool,
    accept_missing: bool,
    progress: Progress,
) -> Walk:
    """Scan `folders`, the store itself and the trash left out, and hidden folders but those that are one of `folders`
    or of the store's `roots`; see `scan.scan` for what else is."""
    found = Walk(scan.unite(folders), accept_missing, named=scan.real_paths([*folders, *roots]))
    progress.start("scan", None)
    for item in scan.scan(
        found.roots,
        include=include,
        exclude=exclude,
        follow_symlinks=follow_symlinks,
        leave_out=[store, scan.trash_home()],
        named=found.named,
    ):
        if progress.stopping:
            break
        if isinstance(item, Seen):
            found.files.append(item)
            progress.advance()
        elif isinstance(item, Problem):
            found.problems.append(item)
        elif isinstance(item, Ignored) and item.is_left_out:
            found.left_out[item.path] = item
        elif isinstance(item, Ignored):
            found.ignored += 1
    progress.finish()
    return found
