"""What files say beside their pixels, as weighing read it."""

from __future__ import annotations

from collections.abc import Iterable

from imgindex.keep.rules import Facts
from imgindex.store import Transaction, weighed
from imgindex.store.values import rows_of


@rows_of("weighed")
def facts_of(tx: Transaction, image_ids: Iterable[int]) -> dict[int, Facts]:
    """By image, of those that were weighed with any other; what geometry alone settled has none."""
    return {
        image: Facts(frozenset(side["metadata"]), bool(side["lossy"]))
        for image, side in weighed.facts(tx, sorted(image_ids))
        if "metadata" in side
    }
