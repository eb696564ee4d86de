"""What lies along the outline of a part and beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.canvases import quantiles
from imgindex.proof.sheet import Planes

Box = tuple[int, int, int, int]
Ink = tuple[int, int, int]

FRAME_PX = 4
BESIDE, BESIDE_PX = 1.5, 12
"""What lies so far around a part, in its shorter side and at least in pixels, is beside it."""

OF_INK, OF_BOTH = 0.25, 1.15
"""A pixel has a colour where it is nearer to it than this share of the distance of ink and ground; it is a mixture of
the two where the ways to both add up to no more than this much of that distance."""

LEAST_STEP = 4.0
"""Energy of steps that is noise, in grey levels squared."""

NOISE_LEVELS = 8.0
LEAST_PIXELS = 16
MOST_BESIDE = 10_000
_ALONG = ((1, 0), (0, 1))


@dataclass(frozen=True, slots=True)
class Rim:
    """of_b   b's share of the energy of the steps across the outline of a part
    sharp  how steep the steepest tenth of what differs is there, per pixel, over how far the two are apart inside
    rim_a  the steps of a there over those inside, as energy: much above 1 where the outline is an edge of a; rim_b so
    """

    of_b: float
    sharp: float
    rim_a: float
    rim_b: float


def rim(a: Planes, b: Planes, box: Box, own: NDArray[np.uint8], apart: float) -> Rim:
    """The outline of a part, `apart` being how far the two are apart inside it."""
    ring, across = _ring(own)
    height, width = a.shape[1:]
    x0, y0, x1, y1 = box[0] - FRAME_PX, box[1] - FRAME_PX, box[2] + FRAME_PX, box[3] + FRAME_PX
    rows, columns = slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width))
    inside = slice(rows.start - y0, rows.stop - y0), slice(columns.start - x0, columns.stop - x0)
    ring, normals = ring[inside], [n[inside][ring[inside]] for n in across]
    energy_a = energy_b = 0.0
    steep = np.zeros(int(ring.sum()), np.float32)
    for one, other in zip(a[:, rows, columns], b[:, rows, columns], strict=True):
        step_a, step_b = (_steps(plane, ring, normals) for plane in (one, other))
        energy_a += float(np.vdot(step_a, step_a))
        energy_b += float(np.vdot(step_b, step_b))
        steep += np.square(step_b - step_a)
    edge = quantiles(steep, (0.9,))[0] ** 0.5 if len(steep) else 0.0
    rims = (
        round(energy / max(len(steep), 1) / (_inside(planes[:, box[1] : box[3], box[0] : box[2]], own) + LEAST_STEP), 2)
        for energy, planes in ((energy_a, a), (energy_b, b))
    )
    return Rim(round(energy_b / max(energy_a + energy_b, 1e-6), 3), round(edge / max(apart, 1.0), 3), *rims)


def _inside(planes: Planes, own: NDArray[np.uint8]) -> float:
    """Mean energy of the steps along one axis inside a part, its rim left out; of all of it where it is thin."""
    inner = cv2.erode(own, np.ones((7, 7), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    inner = inner if inner.any() else own > 0
    levels = np.ascontiguousarray(planes.transpose(1, 2, 0))
    steps = (cv2.Scharr(levels, cv2.CV_32F, *along, scale=1 / 32)[inner].ravel() for along in _ALONG)
    return sum(float(np.vdot(step, step)) / len(step) for step in steps) * len(planes) / 2.0


def _ring(own: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], list[NDArray[np.float32]]]:
    """bool[h + 8, w + 8] around the outer edge of a part, and the direction across it."""
    framed = np.asarray(cv2.copyMakeBorder(own, *(FRAME_PX,) * 4, cv2.BORDER_CONSTANT, value=0), np.uint8)
    contours, _ = cv2.findContours(framed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(framed, contours, -1, 1, cv2.FILLED)
    ring = cv2.dilate(framed, np.ones((5, 5), np.uint8)) > cv2.erode(framed, np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(framed.astype(np.float32), (0, 0), 2.0)
    x, y = (cv2.Scharr(soft, cv2.CV_32F, *along) for along in _ALONG)
    length = np.sqrt(x * x + y * y) + 1e-6
    return ring, [np.asarray(x / length, np.float32), np.asarray(y / length, np.float32)]


def _steps(
    plane: NDArray[np.float32], ring: NDArray[np.bool_], normals: list[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Grey levels per pixel across the outline."""
    x, y = (cv2.Scharr(np.ascontiguousarray(plane), cv2.CV_32F, *along, scale=1 / 32)[ring] for along in _ALONG)
    return np.asarray(x * normals[0] + y * normals[1], np.float32)


def beside(planes: Planes, box: Box, over: NDArray[np.bool_], ink: Ink, ground: Ink) -> tuple[float, float, float]:
    """How much of what lies beside a part, and is the same in both, has the colour of an ink, how much that of the
    ground, and how much one of the two or a mixture."""
    reach = max(BESIDE_PX, round(BESIDE * min(box[2] - box[0], box[3] - box[1])))
    rows, columns = slice(max(0, box[1] - reach), box[3] + reach), slice(max(0, box[0] - reach), box[2] + reach)
    same = cv2.dilate(over[rows, columns].astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    step = 1 + math.isqrt(same.size // MOST_BESIDE)
    same = same[::step, ::step]
    near = planes[:, rows, columns][:, ::step, ::step][:, same]
    if near.shape[1] < LEAST_PIXELS:
        return 0.0, 0.0, 0.0
    to_ink, to_ground = (_distance(near, colour) for colour in (ink, ground))
    apart = float(sum(abs(x - y) for x, y in zip(ink, ground, strict=True)))
    inked, grounded = to_ink < OF_INK * apart, to_ground < OF_INK * apart
    either = inked | grounded | (to_ink + to_ground < OF_BOTH * apart + NOISE_LEVELS)
    inked_share, ground_share, either_share = (np.count_nonzero(m) / len(m) for m in (inked, grounded, either))
    return round(inked_share, 3), round(ground_share, 3), round(either_share, 3)


def _distance(planes: NDArray[np.float32], colour: Ink) -> NDArray[np.float32]:
    return np.asarray(np.abs(planes - np.array(colour, np.float32)[:, None]).sum(axis=0), np.float32)
