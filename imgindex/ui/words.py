"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(size_bytes: int) -> str:
    """1,234,567 -> "1.2 MB", decimal units."""
    value = float(size_bytes)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            return f"{size_bytes} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def count(n: int, noun: str, plural: str = "") -> str:
    """1 -> "1 file", 1234 -> "1,234 files"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {plural or noun + 's'}"


def are(n: int) -> str:
    """1 -> "is", 2 -> "are"."""
    return "is" if n == 1 else "are"


def joined(parts: Sequence[str]) -> str:
    """("a", "b", "c") -> "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def seconds_text(seconds: float) -> str:
    """75.2 -> "1 min 15 s"."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes else f"{whole} s"
