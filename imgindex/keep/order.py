"""Who stands below whom, and in which order images are asked to keep the others."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from imgindex.records import Grade


@dataclass(frozen=True, slots=True, order=True)
class KeeperKey:
    """Sorts images of which none stands below another, the one to keep first: what a person prefers (each number the
    smaller, the rather), most pixels, most bytes, oldest, shortest path, path. Bytes stand for what of the detail is
    too fine to be weighed."""

    preferred: tuple[int, ...]
    minus_pixels: int
    minus_bytes: int
    mtime_ns: int
    path_length: int
    path: bytes


Turn: TypeAlias = tuple[KeeperKey, KeeperKey]
"""When an image is asked to keep others: that of the best of those that are redundant given each other, and its own."""


def in_turn(keys: Mapping[int, KeeperKey], equal: Iterable[tuple[int, int]] = ()) -> dict[int, Turn]:
    """The turn of each image; `equal` are pairs that are redundant given each other. What a person prefers chooses
    among such alone: it moves no image before one that it is not an encoding of."""
    near: dict[int, list[int]] = {}
    for one, other in equal:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    plain = {image: replace(key, preferred=()) for image, key in keys.items()}
    best: dict[int, KeeperKey] = {}
    for first in sorted(keys, key=lambda image: plain[image]):
        waiting = [first]
        while waiting:
            image = waiting.pop()
            if image in keys and image not in best:
                best[image] = plain[first]
                waiting += near.get(image, ())
    return {image: (best[image], key) for image, key in keys.items()}


@dataclass(frozen=True, slots=True, order=True)
class Below:
    """`image` stands below `given`, as `grade` says. Two images may stand below each other: then both are redundant,
    and either could keep the other."""

    image: int
    given: int
    grade: Grade


def strictly(below: Iterable[Below]) -> dict[int, set[int]]:
    """The images that each stands below without their standing below it."""
    pairs = {(edge.image, edge.given) for edge in below}
    above: dict[int, set[int]] = {}
    for image, given in pairs:
        if (given, image) not in pairs:
            above.setdefault(image, set()).add(given)
    return above


def without_circles(below: Iterable[Below]) -> list[Below]:
    """What is left where signs contradict each other: of images that in a circle stand below one another, none stands
    below another of them, and all stay."""
    edges = sorted(set(below))
    number = _circles(strictly(edges))
    return [edge for edge in edges if not _are_in_one_circle(edge, number)]


def _are_in_one_circle(edge: Below, number: Mapping[int, int]) -> bool:
    return edge.image in number and number[edge.image] == number.get(edge.given)


def best_first(turns: Mapping[int, Turn], below: Iterable[Below]) -> list[int]:
    """All images of `turns`, none before one that it strictly stands below, and else in turn. `below` has no
    circles."""
    above = {i: given & turns.keys() for i, given in strictly(below).items() if i in turns}
    under: dict[int, list[int]] = {}
    for image, given in above.items():
        for one in given:
            under.setdefault(one, []).append(image)
    waits = {image: len(given) for image, given in above.items()}
    ready = [(turn, image) for image, turn in turns.items() if not waits.get(image)]
    heapq.heapify(ready)
    order = []
    while ready:
        _, image = heapq.heappop(ready)
        order.append(image)
        for one in under.get(image, ()):
            waits[one] -= 1
            if not waits[one]:
                heapq.heappush(ready, (turns[one], one))
    return order


def _circles(above: Mapping[int, set[int]]) -> dict[int, int]:
    """A number for each image that is in a circle, the same for all of one strongly connected component of more than
    one image (R. Tarjan, SIAM J. Comput. 1972), without recursion."""
    index: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    number: dict[int, int] = {}
    for start in sorted(above):
        if start in index:
            continue
        work = [(start, iter(sorted(above[start])))]
        index[start] = lowest[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            image, rest = work[-1]
            for given in rest:
                if given not in index:
                    index[given] = lowest[given] = len(index)
                    stack.append(given)
                    on_stack.add(given)
                    work.append((given, iter(sorted(above.get(given, ())))))
                    break
                if given in on_stack:
                    lowest[image] = min(lowest[image], index[given])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[image])
                if lowest[image] == index[image]:
                    at = stack.index(image)
                    component, stack[at:] = stack[at:], []
                    on_stack.difference_update(component)
                    if len(component) > 1:
                        number.update(dict.fromkeys(component, image))
    return number
