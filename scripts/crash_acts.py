#!/usr/bin/env python3
"""Kill `imgindex apply` and `imgindex undo` with SIGKILL again and again, and hold what is left to their promises.

    python scripts/crash_acts.py PHOTOS [--kills 100] [--undo-kills 50] [--seed 0] [--limit 4]

Copies photos, makes copies of them (of the same bytes, coded again, with sidecars), indexes and plans once. Each life
begins with this folder as it was. A moment is the call that a run makes of those that change a disk (names, syncs,
writes, transactions), drawn at random, before it or after it. Of each moment of `apply` there are two lives:

1. killed, and `apply` again: it ends as if it had not been killed, and `undo` then puts everything back
2. killed, and `undo`: everything is back

and of each moment of `undo` two: `undo` again, and `apply` again with as many `undo` as there are runs. Everything is
bytes, names, times, permissions and extended attributes. After each kill, no content is without a file.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import cv2
from PIL import Image

from imgindex import InlineWorkers, api
from imgindex.acts import Action
from imgindex.runs.act import apply as applying
from imgindex.runs.act import copying, linking, moving, removing, renaming, undo
from imgindex.store import Store

AT_ONCE = 2
"""Files of one transaction: small, so that there are more of them to hit."""

Snapshot = dict[str, tuple[Any, ...]]
ELSEWHERE = Path("/dev/shm")
"""Another file system than that of temporary files, where there is one."""


class Failure(Exception):
    """A promise that was not kept."""


class Lives:
    """One folder of photos, a store of it and a plan, put back as they were before each life."""

    def __init__(self, base: Path, photos: list[Path]) -> None:
        self.base, self.kept = base, base / "kept"
        self.photos, self.store, self.plan = base / "photos", base / "store", base / "plan.json"
        os.environ["XDG_DATA_HOME"] = str(base / "data")
        os.environ["HOME"] = str(base)
        self.away = Path(tempfile.mkdtemp(dir=ELSEWHERE if ELSEWHERE.is_dir() else base))
        self._make(photos)
        with api.open(self.store, model="sift-vlad", workers=InlineWorkers()) as images:
            images.index([self.photos])
            api.write_plan(images.plan(), self.plan)
        for name in ("photos", "store"):
            shutil.copytree(base / name, self.kept / name, symlinks=True)
        self.begin()
        self.before = snapshot(self.photos)
        self.contents = contents(self.photos)

    def _make(self, photos: list[Path]) -> None:
        copies = self.photos / "copies"
        copies.mkdir(parents=True)
        for number, photo in enumerate(photos):
            own = self.photos / f"{number}{photo.suffix}"
            shutil.copy(photo, own)
            for other in (copies / f"{number} (1){photo.suffix}", copies / f"{number} (2){photo.suffix}"):
                shutil.copy(photo, other)
                other.chmod(0o640)
                os.utime(other, ns=(1_500_000_000_000_000_001 + number, 1_400_000_000_000_000_003 + number))
                with contextlib.suppress(OSError):
                    os.setxattr(other, "user.comment", b"mine \xff")
            Path(f"{copies / f'{number} (1){photo.suffix}'}.xmp").write_text(f"<x:xmpmeta>{number}</x:xmpmeta>")
            with Image.open(own) as picture:
                picture.convert("RGB").save(copies / f"{number}-small.jpg", quality=50)

    def begin(self) -> None:
        """Everything as it was."""
        for path in (self.photos, self.store, self.base / "data", self.base / "gone", self.away):
            shutil.rmtree(path, ignore_errors=True)
        for name in ("photos", "store"):
            shutil.copytree(self.kept / name, self.base / name, symlinks=True)

    def apply(self, action: Action, destination: Path | None) -> None:
        with api.open(self.store, create=False, workers=InlineWorkers()) as images:
            images.apply(api.read_plan(self.plan), action, destination=destination, yes=True)

    def undo(self) -> None:
        with api.open(self.store, create=False, workers=InlineWorkers()) as images:
            images.undo()

    def undo_all(self) -> None:
        with api.open(self.store, create=False, workers=InlineWorkers()) as images:
            while any(run.state != "undone" for run in images.runs()):
                images.undo()

    def files(self) -> Snapshot:
        return snapshot(self.photos)


def snapshot(folder: Path) -> Snapshot:
    """What is below a folder: permissions, times, links, attributes and bytes by path."""
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(folder))
        if stat.S_ISDIR(status.st_mode):
            found[name] = ("folder",)
        elif stat.S_ISLNK(status.st_mode):
            found[name] = ("link", os.readlink(path))
        else:
            attributes = tuple((key, os.getxattr(path, key)) for key in os.listxattr(path))
            found[name] = (status.st_mode, status.st_mtime_ns, status.st_nlink, attributes, path.read_bytes())
    return found


def contents(*folders: Path) -> set[bytes]:
    """SHA-256 of every file."""
    every = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {hashlib.sha256(path.read_bytes()).digest() for path in every}


@contextlib.contextmanager
def counted(at: Callable[[], None]) -> Iterator[None]:
    """Inside, `at` is called before and after each call that changes a disk."""

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            at()
            result = function(*args, **kwargs)
            at()
            return result

        return call

    with contextlib.ExitStack() as stack:

        def patch(owner: Any, name: str, new: Any) -> None:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, new)

        for name in ("rename", "link", "unlink", "symlink", "mkdir", "rmdir", "fsync", "fchmod", "utime", "replace"):
            patch(os, name, wrapped(getattr(os, name)))
        renamed = wrapped(renaming.rename_new)
        for module in (renaming, moving, copying, linking, removing):
            if hasattr(module, "rename_new"):
                patch(module, "rename_new", renamed)
        patch(copying, "_copy", wrapped(copying._copy))
        real = Store.write

        @contextlib.contextmanager
        def write(self: Store) -> Iterator[Any]:
            at()
            with real(self) as tx:
                yield tx
                at()
            at()

        patch(Store, "write", write)
        for module in (applying, undo):
            patch(module, "AT_ONCE", AT_ONCE)
        yield


def moments(run: Callable[[], None]) -> int:
    """How many moments a run has that is not killed."""
    read, write = os.pipe()

    def child() -> None:
        number = [0]

        def at() -> None:
            number[0] += 1

        with counted(at):
            run()
        os.write(write, str(number[0]).encode())

    if forked(child) != 0:
        raise Failure("a run that nobody killed failed")
    os.close(write)
    with os.fdopen(read) as answer:
        return int(answer.read())


def killed(run: Callable[[], None], moment: int) -> None:
    """Let a run be killed at this moment."""

    def child() -> None:
        number = [0]

        def at() -> None:
            number[0] += 1
            if number[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        with counted(at):
            run()

    code = forked(child)
    if code != -signal.SIGKILL:
        raise Failure(f"a run that was to be killed at its moment {moment} ended with {code}")


def forked(work: Callable[[], None]) -> int:
    """What a process of its own ends with: the number of the signal, negative, that killed it, or its exit code."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            work()
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test(lives: Lives, rng: random.Random, kills: int, undo_kills: int) -> Counter[str]:
    """Kill, and go on; raises Failure."""
    ways = [
        (Action.TRASH, None), (Action.MOVE, lives.base / "gone"), (Action.MOVE, lives.away / "gone"),
        (Action.HARDLINK, None), (Action.SYMLINK, None), (Action.DELETE, None),
    ]  # fmt: skip
    tally: Counter[str] = Counter()
    for number, (action, destination) in enumerate(ways):

        def act(action: Action = action, destination: Path | None = destination) -> None:
            lives.apply(action, destination)

        where = (lives.photos, lives.base / "data", lives.base / "gone", lives.away)
        lives.begin()
        of_apply = moments(act)
        done = lives.files()
        kept = contents(*where) & lives.contents
        of_undo = moments(lives.undo)
        back = lives.files()
        if action is not Action.DELETE and back != lives.before:
            raise Failure(f"{action}: undo does not put back what apply did: {difference(back, lives.before)}")
        share = [total // len(ways) + (number < total % len(ways)) for total in (kills, undo_kills)]
        name = f"{action} to {destination}" if destination else str(action)
        print(f"{name}: apply has {of_apply} moments, undo {of_undo}", flush=True)
        for moment in drawn(rng, of_apply, share[0]):
            for again in ("apply", "undo"):
                lives.begin()
                killed(act, moment)
                said = f"{name}, killed at moment {moment} of {of_apply}, then {again}"
                expect(kept <= contents(*where), f"{said}: a content has no file")
                if again == "apply":
                    act()
                    expect_equal(lives.files(), done, said)
                lives.undo_all()
                expect_equal(lives.files(), None if action is Action.DELETE else back, f"{said}, undo")
            tally["apply"] += 1
        for moment in drawn(rng, of_undo, share[1]):
            for again in ("undo", "apply"):
                lives.begin()
                act()
                killed(lives.undo, moment)
                said = f"{name}, undo killed at moment {moment} of {of_undo}, then {again}"
                expect(kept <= contents(*where), f"{said}: a content has no file")
                if again == "apply":
                    act()
                    expect_equal(lives.files(), done, said)
                lives.undo_all()
                expect_equal(lives.files(), back, f"{said}, undo")
            tally["undo"] += 1
    return tally


def drawn(rng: random.Random, moments: int, kills: int) -> list[int]:
    return sorted(rng.sample(range(1, moments + 1), min(kills, moments)))


def expect(holds: bool, said: str) -> None:
    if not holds:
        raise Failure(said)


def expect_equal(found: Snapshot, wanted: Snapshot | None, said: str) -> None:
    left = [name for name in found if ".imgindex-" in name]
    expect(not left, f"{said}: left behind: {left}")
    if wanted is not None and found != wanted:
        raise Failure(f"{said}: {difference(found, wanted)}")


def difference(found: Snapshot, wanted: Snapshot) -> str:
    """The paths of which two snapshots say something else."""
    said = []
    for name in sorted(found.keys() | wanted.keys()):
        here, there = found.get(name), wanted.get(name)
        if here != there:
            said.append(f"{name}: {short(here)}, not {short(there)}")
    return "; ".join(said)


def short(value: tuple[Any, ...] | None) -> str:
    return "nothing" if value is None else str(value[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--undo-kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=4, help="photos to take; each gets three copies")
    arguments = parser.parse_args()
    cv2.setNumThreads(0)  # threads do not live on in a forked process
    photos = sorted(path for path in arguments.photos.rglob("*.jpg"))[: arguments.limit]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imgindex-crash-") as temporary:
        lives = Lives(Path(temporary), photos)
        try:
            tally = test(lives, random.Random(arguments.seed), arguments.kills, arguments.undo_kills)
        except Failure as failure:
            fail(str(failure))
        finally:
            shutil.rmtree(lives.away, ignore_errors=True)
    print(f"{tally['apply']} kills inside apply and {tally['undo']} inside undo, two lives each: nothing was lost, and "
          f"each ended as if it had not been killed; {time.monotonic() - began:.0f} s")  # fmt: skip


def fail(said: str) -> NoReturn:
    sys.exit(f"FAILED {said}")


if __name__ == "__main__":
    main()
