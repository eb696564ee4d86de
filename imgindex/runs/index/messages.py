"""Pairs as messages to worker processes: some together, so that an image that neighbours share travels once, and no
more than can be done before a worker is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from imgindex.ports import Workers
from imgindex.skips import Skipped

Item = TypeVar("Item")
Result = TypeVar("Result")

PIXELS_AT_ONCE = 200_000_000
"""Pixels of both pictures of the pairs of one message, beyond which it ends: all must be done within `pool.TIMEOUT_S`,
and a pair may need both decoded in full three times (for its working picture, for the digest of its pixels and for a
larger luma), which takes the slowest decoder (see there) 80 s."""


def messages(items: Iterable[Item], pixels: Callable[[Item], int], at_once: int) -> Iterator[list[Item]]:
    """The items in their order, at most `at_once` in a list and PIXELS_AT_ONCE of their `pixels`, at least one."""
    part: list[Item] = []
    total = 0
    for item in items:
        more = pixels(item)
        if part and (len(part) == at_once or total + more > PIXELS_AT_ONCE):
            yield part
            part, total = [], 0
        part.append(item)
        total += more
    if part:
        yield part


def outcomes(
    workers: Workers,
    function: Callable[[list[Item]], list[Result | Exception]],
    parts: Iterable[list[Item]],
    ahead: int | None = None,
) -> Iterator[tuple[Item, Result | Exception]]:
    """What `function` gives for each item of the messages, in their order; where a worker dies over a message, each of
    its items is tried alone. For `ahead` see `Workers.run`."""
    for part, results in workers.run(function, parts, ahead):
        if isinstance(results, Exception):
            for [item], alone in workers.run(function, [[item] for item in part]):
                yield item, alone[0] if isinstance(alone, list) else alone
        else:
            yield from zip(part, results, strict=True)


def attempted(make: Callable[[], Result]) -> Result | Exception:
    """What `make` gives, or why not, as it can be sent: OSError and Skipped stand for an image that cannot be read."""
    try:
        return make()
    except (OSError, Skipped) as error:
        return error
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")
