from __future__ import annotations

import itertools

import pytest

from imgindex.pictures.companions import are_companions, companions


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (b"/p/IMG_1.CR2", b"/p/IMG_1.JPG"),
        (b"/p/IMG_1.ARW", b"/p/IMG_1.HIF"),
        (b"/p/IMG_1.dng", b"/p/IMG_1.HEIC"),
        (b"/p/IMG_1.HEIC", b"/p/IMG_1.MOV"),
        (b"/p/IMG_1.jpeg", b"/p/IMG_1.mov"),
        (b"/p/IMG_1.NEF", b"/p/IMG_1.xmp"),
        (b"/p/IMG_1.JPG", b"/p/IMG_1.xmp"),
        (b"/p/IMG_1.JPG", b"/p/IMG_1.JPG.xmp"),
        (b"/p/IMG.1.CR2", b"/p/IMG.1.jpg"),
        (b"/p/\xff.CR2", b"/p/\xff.jpg"),
        (b"IMG_1.CR2", b"IMG_1.JPG"),
    ],
)
def test_parts_of_one_shot_are_companions(a: bytes, b: bytes) -> None:
    """Prevents the negative, the video or the edits of a shot from being thrown away as a copy of its picture."""
    assert are_companions(a, b)
    assert are_companions(b, a)
    assert companions([a, b]) == {a: (b,), b: (a,)}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (b"/p/IMG_1.CR2", b"/q/IMG_1.JPG"),
        (b"/p/IMG_1.CR2", b"/p/IMG_2.JPG"),
        (b"/p/IMG_1.CR2", b"/p/IMG_1.NEF"),
        (b"/p/IMG_1.JPG", b"/p/IMG_1.jpeg"),
        (b"/p/IMG_1.JPG", b"/p/IMG_1.HEIC"),
        (b"/p/IMG_1.JPG", b"/p/IMG_1.png"),
        (b"/p/IMG_1.CR2", b"/p/IMG_1.MOV"),
        (b"/p/IMG_1.CR2", b"/p/IMG_1.JPG.xmp"),
        (b"/p/IMG_1.JPG", b"/p/IMG_1.JPG"),
        (b"/p/IMG_1", b"/p/IMG_1.xmp"),
        (b"/p/.jpg", b"/p/.xmp"),
    ],
)
def test_copies_are_no_companions(a: bytes, b: bytes) -> None:
    """Prevents a converted or re-saved copy from hiding as part of a shot."""
    assert not are_companions(a, b)
    assert companions([a, b]) == {}


def test_companions_of_many_paths_are_those_of_each_pair() -> None:
    """Prevents the quick way over a folder from finding others than the pairs."""
    paths = {
        folder + stem + ending
        for folder in (b"/p/", b"/q/")
        for stem in (b"a", b"a.JPG", b"b")
        for ending in (b".CR2", b".JPG", b".HEIC", b".MOV", b".xmp", b".JPG.xmp", b".png", b"")
    }
    expected: dict[bytes, list[bytes]] = {}
    for a, b in itertools.permutations(sorted(paths), 2):
        if are_companions(a, b):
            expected.setdefault(a, []).append(b)
    assert companions(paths) == {path: tuple(others) for path, others in expected.items()}
