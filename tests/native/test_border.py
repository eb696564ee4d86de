"""The border to C: header and table say one thing, and whatever is wrong with an argument is said before a call."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from imgindex.native import library, signatures
from imgindex.native.signatures import SIGNATURES, Array, Bound, Integer, Must, Real, Signature
from tests.helpers.script_modules import script_module

HEADER = (library.FOLDER / "kernels.h").read_text()
PROTOTYPE = re.compile(r"/\*(?P<said>(?:(?!\*/).)*)\*/\s*PUBLIC int imgindex_(?P<name>\w+)\((?P<taken>[^)]*)\);", re.S)

ROWS = {
    "Place": ("float64", (2,)),
    "Match": ("float64", (12,)),
    "Keypoint": ("float32", (4,)),
    "Affine": ("float64", (2, 3)),
}
"""What a struct of the header is in NumPy: a dtype, and the last axes."""

VALUES = {"uint8_t": ("uint8", "bool"), "int32_t": ("int32",), "float": ("float32",), "double": ("float64",)}


def prototypes() -> dict[str, re.Match[str]]:
    return {found["name"]: found for found in PROTOTYPE.finditer(HEADER)}


def test_the_table_has_the_kernels_of_the_header_in_its_order() -> None:
    """Prevents: a kernel that is called without a test of its arguments."""
    assert list(prototypes()) == [signature.name for signature in SIGNATURES]
    assert len(re.findall(r"PUBLIC", HEADER)) == len(SIGNATURES) + 2  # its definition, and the fingerprint


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda one: one.name)
def test_the_header_takes_what_the_table_says(signature: Signature) -> None:
    """Prevents: an argument that C reads as another, or with another type, than Python gives it."""
    passed = [one for one in signature.arguments if not isinstance(one, Must)]
    taken = [" ".join(one.split()) for one in prototypes()[signature.name]["taken"].split(",")]
    assert [one.split()[-1] for one in taken] == [one.name for one in passed]
    for text, one in zip(taken, passed, strict=True):
        kind = text.removeprefix("const ").split()[0]
        if isinstance(one, Array):
            assert text.startswith("const ") == (one.way == "in"), text
            struct = kind.rstrip("*")
            assert kind.endswith("*") == (struct != "Affine"), text
            if struct in ROWS:
                dtype, last = ROWS[struct]
                assert (one.dtype, one.sizes[len(one.sizes) - len(last) :]) == (dtype, last), text
            else:
                assert one.dtype in VALUES[struct], text
        else:
            assert kind == (one.kind if isinstance(one, Real) else "int"), text


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda one: one.name)
def test_the_header_says_the_shapes_of_the_table(signature: Signature) -> None:
    """Prevents: a shape that somebody reads in the header and that is another one, tested or filled."""
    said = " ".join(prototypes()[signature.name]["said"].split())
    shapes = dict(re.findall(r"\b(\w+)((?:\[[^\]]+\])+)", said))
    for one in signature.arguments:
        if not isinstance(one, Array) or one.name not in shapes:
            continue
        last = next((last for struct, (_, last) in ROWS.items() if re.search(rf"{struct}\*? {one.name}\b", HEADER)), ())
        sizes = [str(size) for size in one.sizes]
        stated = re.findall(r"\[([^\]]+)\]", shapes[one.name])
        if len(stated) < len(sizes):
            stated += [str(size) for size in last]
        assert len(stated) == len(sizes), (signature.name, one.name)
        for text, size in zip(stated, sizes, strict=True):
            assert text == size or "//" in size or "count_nonzero" in size, (signature.name, one.name, text, size)
    arrays = [one for one in signature.arguments if isinstance(one, Array) and one.sizes != (2, 3)]
    unsaid = [one.name for one in arrays if one.name not in shapes]
    assert all(re.search(rf"\balike\b[^.;]*\b{name}\b|\b{name}\b[^.;]*\balike\b", said) for name in unsaid), unsaid


def test_constants_are_those_of_the_header() -> None:
    """Prevents: room for a register of another length than C writes, or more layers than it has planes for."""
    for name in ("LANES", "MAX_LAYERS"):
        found = re.search(rf"\b{name} = (\d+)", HEADER)
        assert found is not None and int(found[1]) == getattr(signatures, name)


def test_hostile_calls_raise_and_do_not_crash() -> None:
    """Prevents: reading or writing where nothing was given, and numbers made of an array that was taken for another.

    `python scripts/fuzz_native.py --sanitize` makes the same calls where AddressSanitizer watches."""
    counts = script_module("fuzz_native").hostile_calls(library.kernels(), 2400, 5)
    assert counts.keys() == {signature.name for signature in SIGNATURES}
    assert all(0.2 * made < raised < 0.9 * made for made, raised in counts.values())


def test_every_argument_that_is_wrong_is_named() -> None:
    """Prevents: a message that leaves open which of two pictures it is about, and what was expected."""
    kernels, luma = library.kernels(), np.zeros((20, 30), np.uint8)
    wrong: list[tuple[type[Exception], str, tuple[object, ...]]] = [
        (TypeError, r"a is list, not an array uint8\[height, width\]", ([[1]], luma, None, 0, 1.0, 1.0)),
        (TypeError, r"a is int64\[20, 30\], not uint8", (luma.astype(np.int64), luma, None, 0, 1.0, 1.0)),
        (ValueError, r"a is uint8\[600\], not uint8\[height, width\]", (luma.ravel(), luma, None, 0, 1.0, 1.0)),
        (ValueError, r"b is uint8\[30, 20\], not uint8\[20, 30\]", (luma, luma.reshape(30, 20), None, 0, 1.0, 1.0)),
        (ValueError, r"b is not dense in row order", (luma, luma[:, ::-1], None, 0, 1.0, 1.0)),
        (TypeError, r"mask is uint8\[20, 30\], not bool\[20, 30\]", (luma, luma, luma, 0, 1.0, 1.0)),
        (ValueError, r"height is 0, not from 1 to", (luma[:0], luma[:0], None, 0, 1.0, 1.0)),
        (ValueError, r"edge is -1, not from 0 to", (luma, luma, None, -1, 1.0, 1.0)),
        (TypeError, r"float", (luma, luma, None, 1.5, 1.0, 1.0)),
        (ValueError, r"c1 is nan, not from 0 to", (luma, luma, None, 0, float("nan"), 1.0)),
    ]
    for kind, message, arguments in wrong:
        with pytest.raises(kind, match=message):
            kernels.mean_ssim(*arguments)


def test_an_index_that_is_not_there_is_refused() -> None:
    """Prevents: a place beside the picture that is read, and one of int64 that is read as two."""
    kernels, a = library.kernels(), np.zeros((20, 30), np.float32)

    def places(*rows: tuple[int, int]) -> NDArray[np.int32]:
        return np.array(rows, np.int32)

    assert kernels.least_variance(a, None, 7, places((0, 0), (29, 19))).tolist() == [0.0, 0.0]
    for x, y in ((30, 0), (0, 20), (-1, 0), (0, -1), (1 << 30, 0)):
        with pytest.raises(ValueError, match="places has an index out of range"):
            kernels.least_variance(a, None, 7, places((0, 0), (x, y)))
    with pytest.raises(TypeError, match="places is int64"):
        kernels.least_variance(a, None, 7, places((0, 0)).astype(np.int64))


def test_what_may_only_be_read_is_taken_and_what_is_changed_is_a_copy() -> None:
    """Prevents: an array of a file that cannot be passed on, and a caller's marks that change under it."""
    matches = np.zeros((5, 12))
    matches[:, 4] = 1.0
    chosen = np.array([True, True, False, True, True])
    for array in (matches, chosen):
        array.flags.writeable = False
    _, marked, _ = library.kernels().polish(matches, np.eye(2, 3), np.array([5.0]), chosen)
    assert marked is not chosen and marked.all() and chosen.tolist() == [True, True, False, True, True]


def test_each_size_has_a_bound() -> None:
    """Prevents: an array that is longer than C's int counts."""
    for signature in SIGNATURES:
        bounds = {one.name for one in signature.arguments if isinstance(one, Bound | Integer)}
        for one in signature.arguments:
            if isinstance(one, Array) and one.way != "out":
                names = {size for size in one.sizes if isinstance(size, str) and size.isidentifier()}
                assert names <= bounds | {"softened", "count"}, (signature.name, one.name)


def test_the_sources_have_no_border_but_the_header() -> None:
    """Prevents: a function that Python can call and that no table knows."""
    for path in Path(library.FOLDER).glob("*.c"):
        assert "PUBLIC" not in path.read_text(), path.name
