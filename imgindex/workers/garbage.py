"""How often Python looks for garbage that reference counts leave behind."""

from __future__ import annotations

import gc

_THRESHOLDS = 20_000, 20, 20
"""Of `gc.set_threshold`: every 700 objects, looking for garbage took 3 % of the time of `index` and found nothing."""


def collect_seldom() -> None:
    """From now on; what is there already is not looked through again."""
    gc.set_threshold(*_THRESHOLDS)
    gc.freeze()
