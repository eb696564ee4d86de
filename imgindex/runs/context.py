"""What the steps of a run work with, handed from one to the next as one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from imgindex.pictures.prepare import DecodeOptions, decode_options
from imgindex.pictures.sources import Sources
from imgindex.ports import Embedder, Progress, Workers
from imgindex.records import Reach, Space
from imgindex.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class RunContext:
    """The store and the id of its space that answers, the embedder of that space, whom the run tells how far it is and
    who works for it; and `sources`, which remember what was decoded in it."""

    store: Store
    space_id: int
    embedder: Embedder
    progress: Progress
    workers: Workers
    sources: Sources = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", Sources(self.options))

    @property
    def options(self) -> DecodeOptions:
        """How the pictures of this run are decoded."""
        return decode_options(self.embedder)

    @property
    def space(self) -> Space:
        return self.embedder.space

    @property
    def reach(self) -> Reach:
        return self.embedder.reach

    def told_to(self, progress: Progress) -> RunContext:
        """The same run, which tells another how far it is."""
        return replace(self, progress=progress)
