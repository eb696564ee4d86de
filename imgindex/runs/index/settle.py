"""From the outcome of a candidate to the pair that is stored of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from imgindex.pictures.sources import ImageSource
from imgindex.proof import decide, verify
from imgindex.proof.decide import placed
from imgindex.records import Candidate, Verdict, Verification
from imgindex.runs.context import RunContext
from imgindex.store import catalog
from imgindex.store.pairs import StoredPair

REFUTED = Verification(Verdict.DISTINCT, 0.0, evidence={"screened": True})
"""What is said of a pair that sketches refute."""

FORGOTTEN = Verification(Verdict.DISTINCT, 0.0, evidence={"forgotten": True})
"""What is said of a pair that a search proposed and that was refuted, when its crowd asks for it: no row was kept."""


def settled(candidate: Candidate, a_is_low: bool, found: Verification, floor: float) -> StoredPair:
    """The pair as it is stored; `floor` is the cosine from which it is similar where nothing is proven."""
    outcome = placed(found, candidate.cosine, floor)
    near = decide.is_near(outcome.evidence)
    return StoredPair(candidate, a_is_low, outcome, verify.VERIFIER_VERSION, is_near=near)


def sources_of(context: RunContext, todo: Iterable[Candidate]) -> dict[int, ImageSource]:
    """Sources of every image of some candidates, by image id."""
    wanted = set(itertools.chain.from_iterable(c.key for c in todo))
    with context.store.read() as tx:
        images = catalog.images(tx, wanted)
        paths = catalog.present_paths(tx, wanted)
    return {i: context.sources.of(image, paths.get(i, [])) for i, image in images.items()}
