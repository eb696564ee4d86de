"""query: what looks like this?"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from imgindex import files
from imgindex.errors import ModelError, UsageError, last_line, named
from imgindex.pictures.prepare import DecodeOptions, Made, prepare_given
from imgindex.pictures.sources import ImageSource
from imgindex.ports import Front, TextEmbedder, Workers
from imgindex.proof.decide import placed, unproven_score
from imgindex.proof.verify import EXACT_OUTCOME, reversed_outcome
from imgindex.records import Candidate, ProposedBy, Seen, Space, StoredImage, Vectors, Verdict, Verification
from imgindex.results import Match, Matches
from imgindex.runs.context import RunContext
from imgindex.runs.index.screening import Screened, screen
from imgindex.runs.index.worker_tasks import Task, outcomes_of
from imgindex.runs.presence import Presence, find_present
from imgindex.search import proposals
from imgindex.search.index_files import OpenIndex
from imgindex.skips import Skipped
from imgindex.store import Store, catalog, spaces

BEST_FIRST = (
    Verdict.EXACT, Verdict.SAME_PIXELS, Verdict.NEAR_DUPLICATE, Verdict.VARIANT, Verdict.SIMILAR, Verdict.DISTINCT,
)  # fmt: skip

REFUTED = Verification(Verdict.DISTINCT, 0.0)

ASKED = 0
"""The picture that is asked for takes part in its pairs as the image of this id, which no stored one has."""

EXTRA = 16
"""Neighbours looked at beyond k: some may have no present file, and verification may put a weaker one first."""

T = TypeVar("T")

Given: TypeAlias = str | bytes
"""A picture that is asked about: the path of a file, or the bytes of one."""


@dataclass(frozen=True, slots=True)
class Near:
    """A stored image that is near to what was asked for: its files that are there now, and the other names of the first
    of them."""

    image: StoredImage
    paths: tuple[bytes, ...]
    links: tuple[bytes, ...]
    cosine: float


def query_image(context: RunContext, opened: OpenIndex, picture: Given, k: int) -> Matches:
    """The k stored images that look most like a picture, proven copies first.

    Within one verdict, higher scores first. Told to stop, it proves no more. Raises UsageError where the picture cannot
    be read.

    1. in a worker process, read and decode it, and make of it what indexing would
    2. find the nearest stored images
    3. ask their sketches, and read only the files of those that may be copies; verify these in worker processes
    """
    _, found = find_asked(context, opened, picture, k + EXTRA)
    return best([match_of(near, outcome) for near, outcome in found], k)


def find_asked(
    context: RunContext, opened: OpenIndex, picture: Given, k: int
) -> tuple[Made, list[tuple[Near, Verification]]]:
    """(what was made of a picture, the k nearest stored images, each with what is known of the two)."""
    [made] = read_pictures([picture], context.options, context.embedder.front, context.workers)
    near = nearest_here(context, opened, context.embedder.finish([made.front]), k)
    outcomes = _outcomes(context, made, near)
    found = []
    for one in near:
        outcome = outcomes.get(one.image.id, Verification(Verdict.DISTINCT, max(0.0, 100 * one.cosine)))
        found.append((one, placed(outcome, one.cosine, context.space.floor)))
    return made, found


def prepare(context: RunContext, opened: OpenIndex) -> None:
    """Open the search index, as the first question would."""
    with context.store.read() as tx:
        opened.get(context.store.directory, tx, context.space_id, context.space)


def query_text(context: RunContext, opened: OpenIndex, text: str, k: int) -> Matches:
    """The k stored images whose vectors are nearest to a text's; ModelError where the space has no texts."""
    embedder = context.embedder
    if not isinstance(embedder, TextEmbedder):
        raise ModelError(
            f"{context.space.model} knows pictures only, no words; index with a CLIP model to ask with --text."
        )
    vector = embedder.embed_text([text])
    nothing = Verification(Verdict.SIMILAR, 0.0)
    found = nearest_here(context, opened, vector, k + EXTRA)
    return best([match_of(near, placed(nothing, near.cosine, -1.0)) for near in found], k)


def read_pictures(given: Sequence[Given], options: DecodeOptions, front: Front, workers: Workers) -> list[Made]:
    """What is made of pictures that a person gave; UsageError with a sentence where one is no picture or ends its
    decoder."""
    items = [picture if isinstance(picture, bytes) else _seen(picture) for picture in given]
    return each_of(given, workers.run(functools.partial(prepare_given, options=options, front=front), items))


def _seen(path: str) -> Seen:
    try:
        status = os.stat(named(path))
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path}: It is a folder; name a picture file.")
        return Seen.of(os.fsencode(os.path.abspath(path)), status)
    except OSError as error:
        raise UsageError(f"{path}: {why(error)}") from error


def name_of(given: Given) -> str:
    """What a sentence calls a picture that a person gave."""
    return "The given picture" if isinstance(given, bytes) else given


def each_of(given: Iterable[Given], outcomes: Iterable[tuple[object, T | Exception]]) -> list[T]:
    """What workers made of pictures that a person gave; UsageError names the first that they could not do."""
    made = []
    for picture, (_, outcome) in zip(given, outcomes, strict=True):
        if isinstance(outcome, Exception):
            raise UsageError(f"{name_of(picture)}: {why(outcome)}") from outcome
        made.append(outcome)
    return made


def why(error: Exception) -> str:
    """The sentence for a person whose file could not be used."""
    if isinstance(error, Skipped):
        what, _, remedy = error.skip.detail.partition("; ")
        is_named = error.skip.reason in ("not-a-picture", "not-a-file")  # by a person, who meant another
        return f"{what}; name a picture file." if remedy and is_named else error.skip.detail
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "There is no such file; check the spelling."
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    return f"imgindex failed on it ({last_line(error)}); please report this as a bug."


def directed(a: ImageSource, b: ImageSource, workers: Workers) -> Verification | Exception:
    """Verified from the smaller sha256 to the larger, as stored pairs are, and told from a to b; or what kept the
    workers from it."""
    if a.sha256 == b.sha256:
        return EXACT_OUTCOME
    candidate = Candidate(ASKED, ASKED + 1, ProposedBy.TOP_K, None)
    left = Screened([candidate], {}, [], [])
    [(task, outcome)] = outcomes_of(workers, left.tasks({ASKED: a, ASKED + 1: b}))
    return _told(task, outcome)


def _outcomes(context: RunContext, made: Made, near: Iterable[Near]) -> dict[int, Verification]:
    """By image id, what is proven or refuted of the picture that is asked for and each of the nearest, told from the
    picture to those. Those that cannot be read now are left out."""
    sources = context.sources
    known = {ASKED: sources.remember(made)}
    found: dict[int, Verification] = {}
    todo = []
    for one in near:
        image = one.image
        if image.sha256 == made.sha256:
            found[image.id] = EXACT_OUTCOME
            continue
        known[image.id] = sources.of(image, one.paths)
        has_its_pixels = made.info.pixel_digest is not None and made.info.pixel_digest == image.info.pixel_digest
        proposed_by = ProposedBy.DIGEST if has_its_pixels else ProposedBy.TOP_K
        todo.append(Candidate(ASKED, image.id, proposed_by, one.cosine))
    screened = screen(context, todo, known, {ASKED: made.sketch})
    found |= {candidate.high_id: REFUTED for candidate in screened.refuted}
    for task, result in outcomes_of(context.workers, screened.tasks(known)):
        outcome = _told(task, result)
        if isinstance(outcome, Verification):
            found[task.candidate.high_id] = outcome
    return found


def _told(task: Task, outcome: Verification | Exception) -> Verification | Exception:
    """The outcome as it leads from the low image to the high one."""
    return outcome if task.a_is_low or isinstance(outcome, Exception) else reversed_outcome(outcome)


def nearest(
    store: Store, opened: OpenIndex, space_id: int, space: Space, vector: Vectors, k: int
) -> list[tuple[StoredImage, list[bytes], float]]:
    """(image, present paths, cosine) of the nearest stored images that have a present file, best first.

    Of the store's vectors only those are read that the index names.
    """
    asked, ids = 0, np.empty(0, np.int64)
    paths: dict[int, list[bytes]] = {}
    with store.read() as tx:
        index = opened.get(store.directory, tx, space_id, space)
        while len(paths) < k and len(ids) == asked < len(index):
            asked = min(max(k, 4 * asked), len(index))
            found = index.search(vector, asked)[1]
            ids = np.unique(found[found >= 0])
            paths = catalog.present_paths(tx, ids.tolist())
        ids = np.array(sorted(paths), np.int64)
        if not len(ids):
            return []
        vectors = spaces.vectors_of(tx, space_id, space.dim, ids.tolist())
        images = catalog.images(tx, ids.tolist())
    cosines = proposals.cosines_of(vector, np.zeros(len(ids), np.int64), vectors, np.arange(len(ids)))
    order = np.lexsort((ids, -cosines))[:k]
    return [(images[int(ids[i])], paths[int(ids[i])], float(cosines[i])) for i in order]


def nearest_here(context: RunContext, opened: OpenIndex, vector: Vectors, k: int) -> list[Near]:
    """The k nearest stored images that have a file that is there now, best first; what is away is said."""
    store, asked = context.store, k
    while True:
        found = nearest(store, opened, context.space_id, context.space, vector, asked)
        with store.read() as tx:
            presence = find_present(tx, catalog.present_files(tx, (image.id for image, _, _ in found)))
        if len(presence.here) >= k or len(found) < asked:
            break
        asked *= 4
    for folder, away in presence.away_folders:
        named_folder = files.display(folder)
        context.progress.say(
            f"{away:,} of the nearest files are away: {named_folder} cannot be looked at as it was indexed."
        )
    return [_near(image, presence, cosine) for image, _, cosine in found if image.id in presence.here][:k]


def _near(image: StoredImage, presence: Presence, cosine: float) -> Near:
    paths = tuple(sorted(stat.path for stat in presence.here[image.id]))
    return Near(image, paths, presence.links.get(paths[0], ()), cosine)


def match_of(near: Near, outcome: Verification) -> Match:
    score = outcome.score if outcome.verdict.is_aligned else unproven_score(near.cosine)
    return Match(
        os.fsdecode(near.paths[0]),
        outcome.verdict,
        score,
        near.cosine,
        outcome.ssim,
        outcome.relation,
        outcome.transform if outcome.verdict.is_aligned else None,
        near.image.info.width_px,
        near.image.info.height_px,
        near.image.size_bytes,
        files.texts(near.paths[1:]),
        files.texts(near.links),
    )


def best(found: list[Match], k: int) -> Matches:
    def key(match: Match) -> tuple[int, float, str]:
        rank = BEST_FIRST.index(match.verdict) if match.verdict.is_aligned else BEST_FIRST.index(Verdict.SIMILAR)
        return rank, -match.score, match.path

    return Matches(sorted(found, key=key)[:k])
