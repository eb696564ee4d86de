"""Convex polygons that overlap: what two pictures share."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex import records
from imgindex.pictures.outline import frame
from imgindex.proof import maps

POINT = st.tuples(st.floats(0, 1000), st.floats(0, 1000))


def hull(points: list[tuple[float, float]]) -> records.Polygon:
    found = cv2.convexHull(np.array(points, np.float32)).reshape(-1, 2).astype(np.float64)
    return np.asarray(found)


def test_polygons_that_are_nearly_equal_share_nearly_all() -> None:
    """OpenCV's intersection says that these two outlines of one printed form do not meet: it was called a copy of
    another form, because nothing was left to look for text in."""
    a = np.array(
        [
            [553.3884297520661, 738.0], [240.82644628099172, 799.5], [51.239669421487605, 799.5],
            [51.239669421487605, 123.0], [122.97520661157024, 46.125], [481.65289256198344, 46.125],
            [486.77685950413223, 51.25], [548.2644628099173, 128.125], [553.3884297520661, 261.375],
        ]
    )  # fmt: skip
    b = np.array(
        [
            [553.3816913770888, 737.997889483632], [240.83145036647196, 799.4943801996288],
            [51.25122979562229, 799.4927062740097], [51.2409619113216, 123.00095153073592],
            [122.97285153850082, 46.12752186898882], [481.63813369956773, 46.13068875529526],
            [486.76200123172816, 51.2556715324621], [548.2486449786595, 128.13027746626588],
            [553.374457185877, 261.37869864178],
        ]
    )  # fmt: skip
    assert maps.intersection(a, b)[0] == pytest.approx(maps.area(a), rel=1e-3)


@given(st.lists(POINT, min_size=3, max_size=9), st.lists(POINT, min_size=3, max_size=9), st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_is_shared_is_in_both(
    first: list[tuple[float, float]], second: list[tuple[float, float]], turned: bool
) -> None:
    """Whichever is first, and whichever way round their corners go."""
    a, b = hull(first), hull(second)
    shared, corners = maps.intersection(a, b[::-1] if turned else b)
    assert shared <= min(maps.area(a), maps.area(b)) + 0.5
    assert maps.intersection(b, a)[0] == pytest.approx(shared, abs=0.5)
    for polygon in (a, b):
        outline = polygon.astype(np.float32)
        assert all(cv2.pointPolygonTest(outline, corner, True) > -0.05 for corner in corners.tolist())


@given(st.lists(POINT, min_size=3, max_size=9), st.floats(-1e-3, 1e-3), st.floats(-0.1, 0.1))
@settings(max_examples=100, deadline=None)
def test_a_copy_shares_all(points: list[tuple[float, float]], widened: float, moved: float) -> None:
    a = hull(points)
    b = maps.apply(np.array([[1 + widened, 0.0, moved], [widened, 1.0, -moved]]), a)
    assert maps.intersection(a, b)[0] == pytest.approx(
        maps.area(a), abs=4000 * (1500 * abs(widened) + 2 * abs(moved)) + 1
    )


def test_polygons_apart_share_nothing() -> None:
    a = frame(10, 10)
    for moved in ([20.0, 20.0], [10.0, 0.0], [10.0, 10.0]):
        shared, corners = maps.intersection(a, a + moved)
        assert (shared, len(corners)) == (0.0, 0)
    assert maps.intersection(a, a + np.array([6.0, 7.0]))[0] == pytest.approx(12.0)
