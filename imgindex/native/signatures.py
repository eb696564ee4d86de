"""What each kernel of `kernels.h` takes, argument by argument: a table, which `border` makes tests before a call of.

A size is a number, the name of what it was bound to by an array before, or an expression of such names. Sides and
counts have bounds that keep every product of them, in C, within 31 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["uint8", "bool", "int32", "float32", "float64"]
Size = int | str

MAX_LAYERS = 5
LANES = 8
"""Of `kernels.h`."""

MAX_SIDE = 1 << 14
MAX_PICTURE_SIDE = 1 << 28
"""Of a picture that is made smaller; all others are made smaller before."""

MAX_FEATURES = 1 << 16
MAX_MATCHES = 1 << 12
MAX_CORNERS = 1 << 10


@dataclass(frozen=True, slots=True)
class Array:
    """An array of `dtype` and of as many axes as it has sizes; a name that is not bound yet is bound by it.

    way       "in": dense, read; "copy": C changes a copy, which is a result; "out": made by the border, a result
    nullable  None is C's NULL
    rows      the name of the stride in bytes, where rows need not follow one another
    below     of an array of indices: each lies from 0 to this less one, column by column
    """

    name: str
    dtype: Dtype
    sizes: tuple[Size, ...]
    way: Literal["in", "copy", "out"] = "in"
    nullable: bool = False
    rows: str = ""
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """A whole number that C is given and arrays have bound, and the range that it lies in."""

    name: str
    least: int = 0
    most: Size = MAX_FEATURES


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number that the caller gives, in a range."""

    name: str
    least: int
    most: Size


@dataclass(frozen=True, slots=True)
class Real:
    """A finite number that the caller gives, 0 or more."""

    name: str
    kind: Literal["float", "double"]


@dataclass(frozen=True, slots=True)
class Must:
    """What else is true of the arguments before it, or `otherwise` is said. C is not given it."""

    holds: str
    otherwise: str


Argument = Array | Bound | Integer | Real | Must


@dataclass(frozen=True, slots=True)
class Signature:
    """A kernel. What C gives back is an int; -1 says that memory is short, else it is a result if `counts`."""

    name: str
    counts: bool
    arguments: tuple[Argument, ...]


def _taken(name: str, dtype: Dtype, *sizes: Size, nullable: bool = False, below: tuple[str, ...] = ()) -> Array:
    return Array(name, dtype, sizes, nullable=nullable, below=below)


def _changed(name: str, dtype: Dtype, *sizes: Size) -> Array:
    return Array(name, dtype, sizes, "copy")


def _filled(name: str, dtype: Dtype, *sizes: Size) -> Array:
    return Array(name, dtype, sizes, "out")


def _sides(most: int = MAX_SIDE) -> tuple[Bound, Bound]:
    return Bound("height", 1, most), Bound("width", 1, most)


_WINDOWS = "(height // step - 1) * (width // step - 1)"

SIGNATURES = (
    Signature("sift", True, (
        _taken("luma", "uint8", "height", "width"), *_sides(),
        Integer("layers", 1, MAX_LAYERS), Real("contrast", "float"), Integer("limit", 0, MAX_FEATURES),
        _filled("keypoints", "float32", "limit", 4), _filled("descriptors", "float32", "limit", 128),
    )),
    Signature("match", False, (
        _taken("even_a", "float32", "count_a", "dims"), _taken("odd_a", "float32", "count_a", "dims"),
        _taken("squared_a", "float32", "count_a"), _taken("keypoints_a", "float32", "count_a", 4), Bound("count_a", 2),
        _taken("even_b", "float32", "count_b", "dims"), _taken("odd_b", "float32", "count_b", "dims"),
        _taken("squared_b", "float32", "count_b"), _taken("keypoints_b", "float32", "count_b", 4), Bound("count_b", 2),
        Bound("dims", 1, 1 << 10), Real("most", "float"), Real("least_second", "float"),
        Integer("limit", 0, MAX_MATCHES),
        _filled("matches", "float64", 2, "limit", 12), _filled("counts", "int32", 2),
    )),
    Signature("vote", True, (
        _taken("matches", "float64", "count", 12), Bound("count", 0, MAX_MATCHES),
        Real("reach", "float"), Real("log_scale", "float"), Real("turn", "float"),
        _filled("agree", "bool", "count", "count"),
    )),
    Signature("polish", True, (
        _taken("matches", "float64", "count", 12), Bound("count", 0, MAX_MATCHES),
        _taken("similarity", "float64", 2, 3), _taken("tolerances", "float64", "rounds"), Bound("rounds", 1, 64),
        _changed("chosen", "bool", "count"), _filled("affine", "float64", 2, 3),
    )),
    Signature("straighten", True, (
        _taken("places", "float64", "count", 2), _taken("shifts", "float64", "count", 2),
        _taken("tracked", "bool", "count"), Bound("count", 0, 1 << 28), Real("scale", "double"),
        _taken("from_a", "float64", 2, 3), _taken("from_b", "float64", 2, 3),
        _changed("affine", "float64", 2, 3), _filled("left", "float64", "count"),
    )),
    Signature("intersect", True, (
        _taken("a", "float64", "count_a", 2), Bound("count_a", 0, MAX_CORNERS),
        _taken("b", "float64", "count_b", 2), Bound("count_b", 0, MAX_CORNERS),
        Real("least", "double"), _filled("corners", "float64", "2 * (count_a + count_b)", 2),
    )),
    Signature("lay", True, (
        _taken("a", "uint8", "height_a", "width_a"),
        Bound("height_a", 1, MAX_SIDE), Bound("width_a", 1, MAX_SIDE),
        _taken("b", "uint8", "height_b", "width_b"),
        Bound("height_b", 1, MAX_SIDE), Bound("width_b", 1, MAX_SIDE),
        _taken("affine", "float64", 2, 3),
        _taken("polygon_a", "float64", "corners_a", 2), Bound("corners_a", 0, MAX_CORNERS),
        _taken("polygon_b", "float64", "corners_b", 2), Bound("corners_b", 0, MAX_CORNERS),
        Real("least", "double"), Integer("smallest", 1, MAX_SIDE), Integer("long_side", 1, MAX_SIDE),
        Real("margin", "double"),
        _filled("canvas_a", "uint8", "long_side * long_side"), _filled("canvas_b", "uint8", "long_side * long_side"),
        _filled("mask", "bool", "long_side * long_side"),
        _filled("from_a", "float64", 2, 3), _filled("from_b", "float64", 2, 3),
        _filled("shares", "float64", 2), _filled("sizes", "int32", 2),
    )),
    Signature("reduce", False, (
        Array("picture", "uint8", ("height", "width", "channels"), rows="stride"), Bound("stride", 1, (1 << 31) - 1),
        *_sides(MAX_PICTURE_SIDE), Bound("channels", 1, 4),
        Integer("down", 1, "height"), Integer("across", 1, "width"),
        _filled("reduced", "uint8", "down", "across", "channels"),
    )),
    Signature("windows", True, (
        _taken("a", "uint8", "height", "width"), _taken("b", "uint8", "height", "width"),
        _taken("mask", "bool", "height", "width", nullable=True), *_sides(MAX_SIDE // 2),
        _taken("taps", "float32", 5), Integer("step", 1, "min(height, width) // 2"), Real("stabiliser", "double"),
        _filled("soft", "float32", f"2 * (height // step) * (width // step) * step * step + {LANES}"),
        _filled("inside", "bool", "height // step - 1", "width // step - 1"), _filled("apart", "bool", _WINDOWS),
        _filled("centres", "float64", _WINDOWS, 2),
        *(_filled(name, "float64", _WINDOWS) for name in ("mean_a", "mean_b", "var_a", "var_b", "agreement")),
        _filled("gain", "float64", 1),
    )),
    Signature("offsets", False, (
        _taken("soft", "float32", "softened"), _taken("inside", "bool", "down", "across"),
        Bound("down", 1, MAX_SIDE // 2), Bound("across", 1, MAX_SIDE // 2), Integer("step", 1, MAX_SIDE // 2),
        Must(f"softened == 2 * (down + 1) * (across + 1) * step * step + {LANES}", "windows of other pictures"),
        *(_taken(name, "float64", "down * across") for name in ("mean_a", "mean_b", "var_a", "var_b")),
        Real("gain", "double"), _taken("asked", "bool", "count"),
        Must("count == count_nonzero(inside)", "marks of other windows"),
        Real("evened", "double"), Real("floor_level", "double"),
        _filled("shifts", "float64", "count_nonzero(asked)", 2),
    )),
    Signature("least_variance", False, (
        _taken("a", "float32", "height", "width"), _taken("b", "float32", "height + 2", "width + 2", nullable=True),
        *_sides(), Integer("size", 1, MAX_SIDE),
        _taken("places", "int32", "count", 2, below=("width", "height")), Bound("count", 0, 1 << 28),
        _filled("least", "float32", "count"),
    )),
    Signature("mean_ssim", False, (
        _taken("a", "uint8", "height", "width"), _taken("b", "uint8", "height", "width"),
        _taken("mask", "bool", "height", "width", nullable=True), *_sides(),
        Integer("edge", 0, MAX_SIDE), Real("c1", "float"), Real("c2", "float"),
        _filled("mean", "float64", 1),
    )),
)  # fmt: skip
"""In the order of `kernels.h`, whose parameters these are but for what only tests."""
