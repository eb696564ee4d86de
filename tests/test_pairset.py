"""The set of pairs that a run has tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgindex.runs.index import pairset
from imgindex.runs.index.pairset import PairSet

IDS = st.sampled_from([n + more for n in (0, *(2**k for k in range(31))) for more in (0, 1)])
PAIRS = st.lists(st.tuples(IDS, IDS))


@pytest.fixture(autouse=True, scope="module")
def few_recent() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairset, "RECENT", 3)
        yield


@given(PAIRS, PAIRS, PAIRS)
def test_it_is_a_set(first: list[tuple[int, int]], more: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    """Prevents: a pair that is verified twice, or never, because two pairs are taken for one another."""
    ours, plain = PairSet(first), {*first, *more}
    ours.update(more)
    assert all((key in ours) == (key in plain) for key in [*first, *more, *asked, *((b, a) for a, b in more)])
