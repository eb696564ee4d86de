"""Why the file that a group keeps is the one to keep, in words."""

from __future__ import annotations

from collections.abc import Iterable

from imgindex.keep.order import KeeperKey
from imgindex.records import Loss, Weighing

MAX_REASONS = 4

TIES = (
    ("minus_pixels", "more pixels"),
    ("minus_bytes", "more bytes for the same pixels"),
    ("mtime_ns", "the oldest file"),
    ("path_length", "the shortest path"),
    ("path", "the first path by name"),
)
"""What decides where neither of two is better, by the fields of KeeperKey."""

MADE_FROM = {
    "laid over": "nothing is laid over it",
    "laid around": "nothing is put around it",
    "enlarged": "it is not enlarged",
    "stretched": "it is not stretched",
    "clipped": "its tones are not clipped",
    "earlier coding": "its own coding is seen in the pixels of a copy",
    "coded again": "a copy is coded from its pixels",
    "coded coarser": "a copy is coded coarser",
    "repeats a lossy file": "a copy repeats its pixels in another format",
    "few colours": "it has all its colours",
    "noise added": "no grain is added to it",
    "blocky": "no blocks of an earlier coding are seen in it",
    "no camera data": "it has the camera's data",
}
"""What a sign that a member was made from the keeper says for the keeper."""


def reasons(weighings: Iterable[Weighing], otherwise: str) -> tuple[str, ...]:
    """At most MAX_REASONS, strongest first, the greatest of each kind of loss. Each weighing leads from the keeper to a
    member; `otherwise` is said where none of them speaks for the keeper."""
    found: dict[str, Loss] = {}
    signs: dict[str, int] = {}
    for weighing in weighings:
        for loss in weighing.loss_a:
            known = found.get(loss.what)
            if loss.what != "metadata" and (known is None or loss.amount > known.amount):
                found[loss.what] = loss
        for sign, strength in weighing.derived_b.items():
            signs[sign] = max(strength, signs.get(sign, 0))
    by_strength = sorted(signs, key=lambda sign: (-signs[sign], sign))
    said = [*map(_of_loss, found.values()), *(MADE_FROM.get(sign, sign) for sign in by_strength)]
    return tuple(dict.fromkeys(said or [otherwise] if otherwise else said))[:MAX_REASONS]


def tie(keeper: KeeperKey, other: KeeperKey) -> str:
    """What decides where neither of two is better, and no rule tells them apart."""
    return next((words for name, words in TIES if getattr(keeper, name) < getattr(other, name)), "")


def _of_loss(loss: Loss) -> str:
    return f"{loss.what}: {loss.words}"
