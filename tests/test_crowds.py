"""Crowds: which pairs of many alike images are verified, on plain ids and on real copies of one photo."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import imgindex
from imgindex.candidates import PAIR
from imgindex.pipeline import crowds
from tests.pictures import save, scene


def pairs_of(triples: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(sorted(triples), PAIR)


def test_a_crowd_keeps_the_nearest_of_each_image() -> None:
    """Prevents: verification that grows with the square of a burst, and an image of it that is left without a pair."""
    count = 200
    found = pairs_of([(a, b, 900_000 - abs(a - b)) for a, b in itertools.combinations(range(count), 2)])
    kept = crowds.thinned(found, 20)
    assert len(kept) < count * crowds.MANY
    assert set(kept["low"].tolist()) | set(kept["high"].tolist()) == set(range(count))
    assert all(high - low <= 2 * crowds.MANY for low, high in zip(kept["low"], kept["high"], strict=True))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(13, 25), st.integers(0, 10**6)), max_size=60))
def test_a_small_group_loses_nothing(triples: list[tuple[int, int, int]]) -> None:
    """Prevents: a rule for crowds that changes what is found of everybody else."""
    found = pairs_of(list({(a, b): (a, b, c) for a, b, c in triples}.values()))
    assert crowds.thinned(found, 20).tolist() == found.tolist()


def test_each_member_of_a_crowd_is_verified_against_the_keeper(tmp_path: Path) -> None:
    """Prevents: a crowd that falls into many groups because its members were compared with each other only."""
    folder = tmp_path / "photos"
    picture = scene(3, 400, 300)
    for number in range(2 * crowds.MANY):
        side = 400 - number
        save(picture.resize((side, round(side * 0.75))), folder / f"{number:03}.jpg")
    with imgindex.open(tmp_path / "store", model="sift-vlad") as images:
        images.index([str(folder)])
        [group] = images.report().groups
    assert os.fsdecode(group.keeper).endswith("000.jpg")
    assert len(group.members) == 2 * crowds.MANY - 1
