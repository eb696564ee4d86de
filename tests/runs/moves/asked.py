"""What the tests of moved files ask a store for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from imgindex.api import ImageIndex, RootError, only_new
from imgindex.results import IndexSummary, Report
from imgindex.runs.report.changes import paths_of
from imgindex.search.embed.fake import FakeEmbedder
from tests.helpers.pictures import save, scene


class Counting(FakeEmbedder):
    """Counts the pictures it is given."""

    embedded = 0

    def finish(self, fronts):  # type: ignore[no-untyped-def]
        self.embedded += len(fronts)
        return super().finish(fronts)


def run(images: ImageIndex, folders: Iterable[Path], *, accept_missing: bool = False) -> IndexSummary:
    """A run of `index`, whatever could not be read in it."""
    try:
        return images.index(folders, accept_missing=accept_missing)
    except RootError as error:
        assert error.summary is not None
        return error.summary


def night(images: ImageIndex, *folders: Path, accept_missing: bool = False) -> tuple[IndexSummary, Report]:
    """What `nightly` does: the run, and what is new."""
    summary = run(images, folders, accept_missing=accept_missing)
    full = images.report(similar_per_image=None)
    images.mark_reported(full)
    return summary, only_new(full)


def named(report: Report) -> set[str]:
    """Every path that a report names, and looks at nothing for it."""
    links = {path for names in report.links for path in names}
    grouped = map(os.fsdecode, paths_of(report))
    return {*grouped, *links, *(path for pair in report.pairs for path in (pair.a, pair.b))}


def groups(report: Report) -> list[tuple[str, ...]]:
    """The names in each group, the keeper first."""
    return [
        tuple(Path(path).name for path in (group.keeper, *(m.path for m in group.members))) for group in report.groups
    ]


def scene_bytes(seed: int, folder: Path) -> bytes:
    path = save(scene(seed), folder.parent / "aside.jpg")
    return path.read_bytes()


def whole_groups(report: Report) -> list[tuple[bytes, ...]]:
    return [(group.keeper, *(member.path for member in group.members)) for group in report.groups]
