"""The border to C: a Python function for each signature that tests every argument, makes what C fills, and calls it.

The text of one function is written for each signature, as `dataclasses` does, and compiled once.
"""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from imgindex.native.signatures import Argument, Array, Bound, Integer, Must, Real, Signature

LARGEST = float(np.finfo(np.float32).max)
"""C's float has no finite number beyond it."""

C_TYPES = {Integer: ctypes.c_int, Bound: ctypes.c_int, Array: ctypes.c_void_p}
REALS = {"float": ctypes.c_float, "double": ctypes.c_double}

Kernel = Callable[..., Any]


def checked(function: Any, signature: Signature) -> Kernel:
    """A Python function of what `signature` takes from a caller, in that order. It gives what C counted, if it counts,
    and each array that C filled, as a tuple where there are several results.

    It raises TypeError for what is no such array, or no number; ValueError for another shape or order, a number or an
    index out of range, and what is not finite; MemoryError where memory is short.
    """
    passed = [one for one in signature.arguments if not isinstance(one, Must)]
    function.argtypes = [REALS[one.kind] if isinstance(one, Real) else C_TYPES[type(one)] for one in passed]
    function.restype = ctypes.c_int
    names = {
        "function": function, "ndarray": np.ndarray, "empty": np.empty, "count_nonzero": np.count_nonzero,
        "index": operator.index, "address": _address, "address_of_rows": _address_of_rows,
        "refuse": _refuse, "refuse_number": _refuse_number,
        **{f"{kind}_": np.dtype(kind) for kind in ("uint8", "bool", "int32", "float32", "float64")},
        **{f"{one.name}_": one for one in passed if isinstance(one, Array)},
    }  # fmt: skip
    exec(compile(source(signature), f"<border of {signature.name}>", "exec"), names)
    kernel: Kernel = names[signature.name]
    return kernel


def source(signature: Signature) -> str:
    """The text of that function."""
    given: list[str] = []
    passed: list[str] = []
    results = ["found"] if signature.counts else []
    body: list[str] = []
    bound: set[str] = set()
    for one in signature.arguments:
        body += _tests(one, bound)
        if isinstance(one, Must):
            continue
        way = one.way if isinstance(one, Array) else ""
        passed.append(f"at_{one.name}" if way else one.name)
        if way != "out" and not isinstance(one, Bound):
            given.append(one.name)
        if way in ("out", "copy"):
            results.append(one.name)
    body += [
        f"found = function({', '.join(passed)})",
        "if found < 0: raise MemoryError",
        f"return {', '.join(results)}",
    ]
    return f"def {signature.name}({', '.join(given)}):\n" + "".join(f"    {line}\n" for line in body)


def _tests(one: Argument, bound: set[str]) -> list[str]:
    """The lines that test an argument and make of it what C is given; `bound` are the names of sizes, old and new."""
    match one:
        case Array(way="out"):
            sizes = "".join(f"{size}, " for size in one.sizes)
            return [f"{one.name} = empty(({sizes}), {one.dtype}_)", f"at_{one.name} = address({one.name}, '')"]
        case Array():
            tests = [*_tests_of_shape(one, bound), *_tests_of_values(one)]
            if not one.nullable:
                return tests
            return [f"at_{one.name} = None", f"if {one.name} is not None:", *(f"    {line}" for line in tests)]
        case Must():
            return [f"if not {one.holds}: raise ValueError({one.otherwise!r})"]
        case Real(name=name):
            return [f"{name} = float({name})", _test_of_range(name, 0.0, LARGEST)]
        case Integer(name=name):
            return [f"{name} = index({name})", _test_of_range(name, one.least, one.most)]
        case Bound(name=name):
            return [_test_of_range(name, one.least, one.most)]


def _test_of_range(name: str, least: float, most: float | str) -> str:
    return f"if not {least} <= {name} <= {most}: refuse_number({name!r}, {name}, {least}, {most})"


def _tests_of_shape(array: Array, bound: set[str]) -> Iterator[str]:
    name = array.name
    refuse = f"refuse({name}_, {name}, locals())"
    yield f"if not isinstance({name}, ndarray) or {name}.dtype != {array.dtype}_: {refuse}"
    if all(isinstance(size, int) or not size.isidentifier() or size in bound for size in array.sizes):
        yield f"if {name}.shape != ({''.join(f'{size}, ' for size in array.sizes)}): {refuse}"
        return
    yield f"if {name}.ndim != {len(array.sizes)}: {refuse}"
    targets, others = [], []
    for axis, size in enumerate(array.sizes):
        is_new = isinstance(size, str) and size.isidentifier() and size not in bound
        targets.append(str(size) if is_new else f"axis_{axis}")
        if is_new:
            bound.add(str(size))
        else:
            others.append(f"axis_{axis} != {size}")
    yield f"{', '.join(targets)}, = {name}.shape"
    if others:
        yield f"if {' or '.join(others)}: {refuse}"


def _tests_of_values(array: Array) -> Iterator[str]:
    name = array.name
    if array.below:
        beyond = f"({name}.max(axis=0) >= ({', '.join(array.below)})).any()"
        yield f"if {name}.size and ({name}.min() < 0 or {beyond}): raise ValueError('{name} has an index out of range')"
    if array.way == "copy":
        yield f"{name} = {name}.copy()"
    if array.rows:
        yield f"at_{name}, {array.rows} = address_of_rows({name}, {name!r})"
    else:
        yield f"at_{name} = address({name}, {name!r})"


_BYTE_OF: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer


def _address(array: NDArray[Any], name: str) -> int:
    """Where the values of a dense array begin: `array.ctypes.data`, at a third of its time where the array may be
    written to. Raises ValueError where it is not dense, in row order."""
    try:
        return ctypes.addressof(_BYTE_OF(array))
    except (TypeError, ValueError):
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} is not dense in row order: strides of {array.strides} bytes") from None
        return int(array.ctypes.data)


def _address_of_rows(array: NDArray[np.uint8], name: str) -> tuple[int, int]:
    """The same of an array of which each row is dense, and the bytes from one row to the next."""
    row = array[0] if len(array) else array
    stride = array.strides[0] if len(array) > 1 else max(1, row.nbytes)
    if not row.flags.c_contiguous or stride < row.nbytes:
        raise ValueError(f"{name} has no dense rows one after the other: strides of {array.strides} bytes")
    return int(array.ctypes.data), stride


def _refuse(wanted: Array, given: object, sizes: Mapping[str, Any]) -> NoReturn:
    """Raises what is wrong with an array; `sizes` has the numbers that names stand for."""
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{wanted.name} is {type(given).__name__}, not an array {_described(wanted, sizes)}")
    kind = ValueError if given.dtype == wanted.dtype else TypeError
    raise kind(f"{wanted.name} is {given.dtype}{list(given.shape)}, not {_described(wanted, sizes)}")


def _described(wanted: Array, known: Mapping[str, Any]) -> str:
    sizes = []
    for size in wanted.sizes:
        try:
            sizes.append(str(eval(str(size), {"count_nonzero": np.count_nonzero}, dict(known))))
        except NameError:
            sizes.append(str(size))
    return f"{wanted.dtype}[{', '.join(sizes)}]"


def _refuse_number(name: str, given: float, least: float, most: float) -> NoReturn:
    raise ValueError(f"{name} is {given}, not from {least:g} to {most:g}")
