"""What a person wants to look at of a compared pair, as PNG files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.difference import Difference
from imgindex.proof.overlay import Shots
from imgindex.records import Rgb
from imgindex.results import Region

RED, GREEN, WHITE = (230, 30, 40), (20, 200, 90), (255, 255, 255)
BOX_SHARE = 1 / 220
"""Line width as a share of the picture's longer side, so that boxes are seen at any size."""

SMALLEST_PX = 480
"""Smaller pictures are enlarged before they are drawn on, so that boxes and numbers are readable."""


def write(folder: Path, shots: Shots, found: Difference) -> list[Path]:
    """Write the pictures into `folder`, which is made; returns their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    boxes = [_corners(region) for region in found.regions]
    own = shots.b if shots.b_own is None else shots.b_own
    outlines = boxes if shots.b_own is None else list(shots.b_outlines)
    pictures = {
        "first": _boxed(shots.a, boxes),
        "second": _boxed(own, outlines),
        "difference": shaded(found),
        "mask": np.where(found.changed, 255, 0).astype(np.uint8),
        "filled": _filled(shots.b, found),
    }
    if shots.b_own is not None:
        pictures["aligned"] = _overlay(shots)
    written = []
    for name, picture in pictures.items():
        path = folder / f"{name}.png"
        ordered = picture if picture.ndim == 2 else picture[..., ::-1]
        done, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered))
        assert done, "PNG encodes every uint8 picture"
        path.write_bytes(encoded.tobytes())
        written.append(path)
    return written


def _corners(region: Region) -> NDArray[np.float64]:
    x, y, w, h = region.x, region.y, region.width, region.height
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64)


def _boxed(picture: Rgb, boxes: list[NDArray[np.float64]]) -> Rgb:
    scale = max(1.0, SMALLEST_PX / max(picture.shape[:2]))
    out = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    width = max(2, round(BOX_SHARE * max(out.shape[:2])))
    for number, box in enumerate(boxes, 1):
        corners = np.rint(box * scale).astype(np.int32)
        cv2.polylines(out, [corners], True, WHITE, 2 * width, cv2.LINE_AA)
        cv2.polylines(out, [corners], True, RED, width, cv2.LINE_AA)
        _label(out, str(number), corners.min(axis=0), width)
    return out


def _label(out: Rgb, text: str, corner: NDArray[np.int32], width: int) -> None:
    size = width * 0.22
    (w, h), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, width // 2 + 1)
    x = int(np.clip(corner[0], 0, max(0, out.shape[1] - w - 2 * width)))
    y = int(np.clip(corner[1], h + base + width, out.shape[0] - 1))
    cv2.rectangle(out, (x, y - h - base - width), (x + w + 2 * width, y), RED, cv2.FILLED)
    cv2.putText(out, text, (x + width, y - base), cv2.FONT_HERSHEY_SIMPLEX, size, WHITE, width // 2 + 1, cv2.LINE_AA)


def shaded(found: Difference) -> Rgb:
    """SSIM per pixel as grey: white where equal, dark where not; what counts as changed has a red edge."""
    grey = np.clip(255 * (0.5 + 0.5 * found.similarity), 0, 255).astype(np.uint8)
    out = np.repeat(grey[..., None], 3, axis=2)
    contours, _ = cv2.findContours(found.changed.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    width = max(1, round(BOX_SHARE * max(grey.shape) / 2))
    return np.asarray(cv2.drawContours(np.ascontiguousarray(out), contours, -1, RED, width), np.uint8)


def _filled(b: Rgb, found: Difference) -> Rgb:
    """The second picture with what changed filled with colour, half transparent."""
    out = b.astype(np.float32)
    out[found.changed] = 0.4 * out[found.changed] + 0.6 * np.array(GREEN, np.float32)
    return np.asarray(np.rint(out), np.uint8)


def _overlay(shots: Shots) -> Rgb:
    """Both pictures half and half where they share, the first alone and paler elsewhere, a line around the second."""
    pale = 0.35 * shots.a.astype(np.float32) + 0.65 * 255
    half = 0.5 * shots.a.astype(np.float32) + 0.5 * shots.b.astype(np.float32)
    out = np.rint(np.where(shots.shared[..., None], half, pale)).astype(np.uint8)
    contours, _ = cv2.findContours(shots.shared.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    width = max(2, round(BOX_SHARE * max(out.shape[:2])))
    return np.asarray(cv2.drawContours(np.ascontiguousarray(out), contours, -1, GREEN, width), np.uint8)
