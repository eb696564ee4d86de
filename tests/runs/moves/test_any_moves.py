"""Whatever happens to files between runs, a report names what is there, and leaves a file of every content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imgindex
from imgindex.api import ImageIndex, InlineWorkers
from imgindex.files import sha256
from imgindex.results import Report
from imgindex.search.embed.fake import FakeEmbedder
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene
from tests.runs.moves.asked import run

ROOTS = ("a", "b", "c")
FOLDERS = ("a", "a/sub", "b", "b/sub", "c")

Pick = tuple[int, int]
"""Numbers that stand for a file and a folder, or for two files, of those there are."""


class Disk:
    """Three roots with pictures in them, and what people and machines do to such."""

    def __init__(self, base: Path, contents: Path) -> None:
        self.base = base
        self.scene_of: dict[bytes, str] = {}
        self._names = 0
        for number, source in enumerate(sorted(contents.iterdir())):
            self.scene_of[sha256(source.read_bytes())] = source.name.split("-")[0]
            shutil.copy(source, self._made(number))
        for folder in FOLDERS:
            (base / folder).mkdir(parents=True, exist_ok=True)

    def files(self) -> list[Path]:
        return [path for root in ROOTS for path in sorted((self.base / root).rglob("*.jpg"))]

    def _free(self, folder: int) -> Path:
        self._names += 1
        return self.base / FOLDERS[folder % len(FOLDERS)] / f"{self._names}.jpg"

    def _picked(self, number: int) -> Path:
        return self.files()[number % len(self.files())]

    def _made(self, folder: int) -> Path:
        path = self._free(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def move(self, pick: Pick) -> None:
        self._picked(pick[0]).rename(self._made(pick[1]))

    def move_over(self, pick: Pick) -> None:
        self._picked(pick[0]).replace(self._picked(pick[1]))

    def copy(self, pick: Pick) -> None:
        shutil.copy(self._picked(pick[0]), self._made(pick[1]))

    def copy_with_times(self, pick: Pick) -> None:
        shutil.copy2(self._picked(pick[0]), self._made(pick[1]))

    def link(self, pick: Pick) -> None:
        os.link(self._picked(pick[0]), self._made(pick[1]))

    def delete(self, pick: Pick) -> None:
        self._picked(pick[0]).unlink()

    def touch(self, pick: Pick) -> None:
        os.utime(self._picked(pick[0]))

    def swap(self, pick: Pick) -> None:
        one, other, aside = self._picked(pick[0]), self._picked(pick[1]), self.base / "aside"
        one.rename(aside)
        if other.exists():
            other.rename(one)
        aside.rename(other)

    def move_folder(self, pick: Pick) -> None:
        """All of a folder to a new one below another root; the root stays, or goes with it."""
        folder = self.base / FOLDERS[pick[0] % len(FOLDERS)]
        if folder.is_dir():
            self._names += 1
            target = self.base / ROOTS[(ROOTS.index(FOLDERS[pick[0] % len(FOLDERS)][0]) + 1 + pick[1]) % 3]
            if target != folder and target.is_dir():
                folder.rename(target / f"from-{self._names}")

    def unmount(self, pick: Pick) -> None:
        """What the disk of a root leaves behind while it is away: an empty folder, or none."""
        root = self.base / ROOTS[pick[0] % 3]
        away = self.base / f"{root.name}-away"
        if root.is_dir() and not away.exists():
            root.rename(away)
            if pick[1] % 2:
                root.mkdir()

    def mount(self, pick: Pick) -> None:
        root = self.base / ROOTS[pick[0] % 3]
        away = self.base / f"{root.name}-away"
        if away.exists() and (not root.exists() or not any(root.iterdir())):
            shutil.rmtree(root, ignore_errors=True)
            away.rename(root)


NEEDS_A_FILE = ("move", "move_over", "copy", "copy_with_times", "link", "delete", "touch", "swap")
STEPS = (*NEEDS_A_FILE, "move_folder", "unmount", "mount", "move", "index", "index", "index", "index")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of each of three scenes, a larger and a smaller file."""
    folder = tmp_path_factory.mktemp("contents")
    for seed in range(3):
        for quality in (95, 50):
            save(scene(seed, 120, 90), folder / f"{seed}-{quality}.jpg", quality)
    return folder


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.tuples(st.integers(0, 99), st.integers(0, 99))), max_size=16)
)
def test_a_report_names_what_is_there_and_leaves_a_file_of_every_content(
    steps: list[tuple[str, Pick]],
    contents: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prevents: a person who removes what is redundant, and with it the only file of a picture."""
    use_embedder(monkeypatch, FakeEmbedder())
    base = tmp_path_factory.mktemp("moves")
    disk = Disk(base, contents)
    with imgindex.open(base / "store", workers=InlineWorkers()) as images:
        images.index([base / root for root in ROOTS])
        for name, pick in steps:
            if name == "index":
                index(images, base, pick)
            elif name not in NEEDS_A_FILE or disk.files():
                step: Callable[[Pick], None] = getattr(disk, name)
                step(pick)
            holds(disk, images.report())
        assert images.check() == ()


def index(images: ImageIndex, base: Path, pick: Pick) -> None:
    """A night that is told of some of the roots."""
    chosen = [base / root for number, root in enumerate(ROOTS) if (pick[0] + 1) >> number & 1] or [base / "a"]
    run(images, chosen, accept_missing=pick[1] % 4 == 0)
    images.mark_reported(images.report())


def holds(disk: Disk, report: Report) -> None:
    """What must be true of every report, whatever the store was told of the files."""
    keepers = {group.keeper for group in report.groups}
    members = {member.path for group in report.groups for member in group.members}
    linked = {path for names in report.links for path in names}
    paired = {path for pair in report.pairs for path in (pair.a, pair.b)}
    assert all(os.path.isfile(path) for path in keepers | members | linked | paired)
    physical = [(os.stat(path).st_dev, os.stat(path).st_ino) for path in sorted(keepers | members)]
    assert len(set(physical)) == len(physical) == len(keepers) + len(members), "each file once, by one name"
    for group in report.groups:
        for member in group.members:
            assert shown(disk, member.path) == shown(disk, group.keeper), "what is kept is what the members show"
    left = {shown(disk, str(path)) for path in disk.files() if str(path) not in members}
    assert left == {shown(disk, str(path)) for path in disk.files()}


def shown(disk: Disk, path: str) -> str:
    """The scene in a file, by its bytes."""
    return disk.scene_of[sha256(Path(path).read_bytes())]
