"""What CLIP's image processor does to one picture's pixels, for processes that must not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from imgindex.records import Picture, Rgb

LONGEST_ASPECT = 8
"""Pictures longer than this are cut to their middle before they are scaled: the shorter side is brought to the model's
input and only then the middle is cut out, and a strip of 10,000 x 1 pixels would fill the memory."""


@dataclass(frozen=True, slots=True)
class Shrink:
    """Scales the shorter side to `side_px` with Pillow's filter `resample`, and cuts out the middle square.

    uint8[side_px, side_px, 3], as `CLIPImageProcessor` has it before it turns colours into numbers.
    """

    side_px: int
    resample: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Shrink | None:
        """As an image processor's settings say; None where they say something else than this does."""
        side = dict(settings.get("size") or {}).get("shortest_edge")
        crop = {key: value for key, value in dict(settings.get("crop_size") or {}).items() if value is not None}
        does = all(settings.get(key) for key in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"))
        if not does or settings.get("do_pad") or not side or crop != {"height": side, "width": side}:
            return None
        return cls(int(side), int(settings.get("resample") or 0))

    def __call__(self, picture: Picture) -> Rgb:
        rgb = middle(picture)
        height, width = rgb.shape[:2]
        short, long = min(height, width), max(height, width)
        longer = int(self.side_px * long / short)
        size = (longer, self.side_px) if width >= height else (self.side_px, longer)
        scaled = Image.fromarray(rgb).resize(size, Image.Resampling(self.resample))
        left, top = (size[0] - self.side_px) // 2, (size[1] - self.side_px) // 2
        cut = scaled.crop((left, top, left + self.side_px, top + self.side_px))
        return np.asarray(cut, np.uint8)


def middle(picture: Picture) -> Rgb:
    """The pixels of a picture, without the ends of one that is longer than LONGEST_ASPECT."""
    rgb = picture.rgb
    height, width = rgb.shape[:2]
    longest = LONGEST_ASPECT * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return np.ascontiguousarray(rgb[top : top + longest, left : left + longest])
