"""Verify and weigh two files again from their bytes, in a worker process: what is on record of them is not asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imgindex import files
from imgindex.acts import Planned
from imgindex.errors import last_line
from imgindex.pictures.contents import InMemory, OnDisk
from imgindex.pictures.features import WORKING_SIDE_PX
from imgindex.pictures.prepare import DecodeOptions, prepare
from imgindex.pictures.sources import ImageSource, PixelCache, working_of
from imgindex.pictures.whole import whole
from imgindex.ports import Workers
from imgindex.proof import loss
from imgindex.proof.verify import verify
from imgindex.records import Grade, Verdict
from imgindex.runs.act.job import NotPossible
from imgindex.runs.index.messages import attempted
from imgindex.skips import Skipped

OPTIONS = DecodeOptions(WORKING_SIDE_PX, features=False)

CACHE_BYTES = 256 << 20
"""Of what is made of the two while they are verified."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That the copy stands below the keeper, as `grade` says, or even better."""

    copy: OnDisk
    keeper: OnDisk
    grade: Grade


def prove(claims: Iterable[Planned], workers: Workers) -> dict[str, NotPossible | None]:
    """By path of the copy: None where the claim holds now, else why not."""
    wanted = list(claims)
    tasks = [
        Claim(OnDisk((one.at,), one.sha256), OnDisk((one.keeper_at,), one.keeper_sha256), one.grade) for one in wanted
    ]
    found: dict[str, NotPossible | None] = {}
    for planned, (_, outcome) in zip(wanted, workers.run(refuted, tasks), strict=True):
        keeper = files.display(planned.keeper)
        if isinstance(outcome, Exception):
            found[planned.path] = NotPossible(f"It could not be compared with {keeper} again ({_short(outcome)})")
        elif outcome:
            found[planned.path] = NotPossible(f"Compared with {keeper} again, {outcome}")
        else:
            found[planned.path] = None
    return found


def refuted(claim: Claim) -> str | Exception:
    """Why a claim does not hold; empty where it does."""
    return attempted(lambda: _refuted(claim))


def _refuted(claim: Claim) -> str:
    one, other = (content.read() for content in (claim.copy, claim.keeper))
    copy_is_a = claim.copy.sha256 < claim.keeper.sha256
    a, b = (one, other) if copy_is_a else (other, one)
    cache = PixelCache(CACHE_BYTES)
    outcome = verify(_source(a, cache), _source(b, cache))
    if not outcome.verdict.is_copy or outcome.verdict is Verdict.EXACT:
        return f"it is no copy of it ({outcome.verdict})"
    weighing = loss.weigh(whole(a), whole(b), outcome)
    grade = weighing.grade_a if copy_is_a else weighing.grade_b
    if grade is Grade.REDUNDANT or (grade is not None and grade is claim.grade):
        return ""
    lost = ", ".join(entry.words for entry in (weighing.loss_a if copy_is_a else weighing.loss_b))
    return f"it is not {claim.grade} beside it" + (f": it alone has {lost}" if lost else "")


def _source(data: bytes, cache: PixelCache) -> ImageSource:
    picture = prepare(data, OPTIONS)
    source = ImageSource(files.sha256(data), picture.info, InMemory(data), OPTIONS, cache)
    source.keep_working(working_of(picture))
    return source


def _short(error: Exception) -> str:
    return error.skip.detail if isinstance(error, Skipped) else last_line(error)
