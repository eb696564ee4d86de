"""Groups of a report: what is proven of two images, and who may stand in for whom."""

from __future__ import annotations

from imgindex.keep.rules import KeepRules
from imgindex.records import (
    Candidate,
    Grade,
    Loss,
    PictureInfo,
    ProposedBy,
    Relation,
    Seen,
    StoredImage,
    Verdict,
    Verification,
    Weighing,
)
from imgindex.runs.groups import Known, groups_of
from imgindex.runs.proofs import Proofs, Shown
from imgindex.runs.wanted import Wanted
from imgindex.store.pairs import StoredPair

NEAR = Verification(Verdict.NEAR_DUPLICATE, 97.0, 0.97, Relation.SAME, matrix=(1, 0, 0, 0, 1, 0))
B_IS_REDUNDANT = Weighing((), (), {}, {}, None, Grade.REDUNDANT)


def shown(number: int, path: bytes) -> Shown:
    info = PictureInfo("JPEG", 100 - number, 80, "RGB", 8, False, 1)
    image = StoredImage(number, bytes([number]) * 32, 1000, info, 50.0)
    return Wanted().shown(image, [Seen(path, 1000, 0, 0, number, 1)], {}, None)


def grouped(first: bytes, second: bytes) -> list[tuple[str, list[str]]]:
    images = {1: shown(1, first), 2: shown(2, second)}
    pair = StoredPair(Candidate(1, 2, ProposedBy.TOP_K, 0.9), True, NEAR, 1)
    proofs = Proofs.gather(images, [pair], {(1, 2): B_IS_REDUNDANT})
    return [
        (group.keeper, [member.path for member in group.members])
        for group in groups_of(Known.of(images, proofs, Wanted()))
    ]


def test_a_lesser_encoding_stands_below_the_better() -> None:
    assert grouped(b"/p/a.jpg", b"/p/b.jpg") == [("/p/a.jpg", ["/p/b.jpg"])]


def test_files_of_one_shot_never_stand_for_each_other() -> None:
    """Prevents: the JPEG beside a RAW file that is called redundant, though a camera wrote both on purpose."""
    assert grouped(b"/p/IMG_1.NEF", b"/p/IMG_1.JPG") == []


PIXELS = Verification(Verdict.SAME_PIXELS, 100.0, 1.0, Relation.SAME)
EQUAL = Weighing((), (), {}, {}, Grade.REDUNDANT, Grade.REDUNDANT)
B_HAS_A_VIDEO = Weighing((), (Loss("frames", 1.0, "its video"),), {}, {}, Grade.REDUNDANT, None)


def of_pixels(paths: dict[int, bytes], weighings: dict[tuple[int, int], Weighing], *rules: str) -> dict[str, set[str]]:
    """The groups of images of equal pixels, proven as a star around the first."""
    wanted = Wanted(rules=KeepRules.read(rules=rules))
    info = PictureInfo("JPEG", 100, 80, "RGB", 8, False, 1)
    images = {
        i: wanted.shown(StoredImage(i, bytes([i]) * 32, 1000, info, 50.0), [Seen(path, 1000, 0, 0, i, 1)], {}, None)
        for i, path in paths.items()
    }
    stars = [StoredPair(Candidate(1, i, ProposedBy.DIGEST, None), True, PIXELS, 1) for i in range(2, 5)]
    made = groups_of(Known.of(images, Proofs.gather(images, stars, weighings), wanted))
    return {group.keeper: {member.path for member in group.members} for group in made}


def test_a_rule_chooses_among_equal_pixels_that_were_weighed_as_a_star() -> None:
    """Nobody weighed /b/2.jpg against /b/3.jpg: each equals the first, so any of the three may keep the others."""
    weighings = {(1, 2): EQUAL, (1, 3): EQUAL}
    paths = {1: b"/a/1.jpg", 2: b"/b/2.jpg", 3: b"/b/3.jpg"}
    assert of_pixels(paths, weighings) == {"/a/1.jpg": {"/b/2.jpg", "/b/3.jpg"}}
    assert of_pixels(paths, weighings, "folder:/b") == {"/b/2.jpg": {"/a/1.jpg", "/b/3.jpg"}}
    del paths[1]
    assert of_pixels(paths, weighings) == {"/b/2.jpg": {"/b/3.jpg"}}


def test_the_video_beside_equal_pixels_is_not_lost_to_a_preferred_folder() -> None:
    """Prevents: a motion photo called redundant given a file of its pixels that it was never weighed against."""
    paths = {1: b"/a/1.jpg", 2: b"/c/video.jpg", 3: b"/b/3.jpg"}
    weighings = {(1, 2): B_HAS_A_VIDEO, (1, 3): EQUAL}
    for rules in ((), ("folder:/b",), ("folder:/a",)):
        assert of_pixels(paths, weighings, *rules) == {"/c/video.jpg": {"/a/1.jpg", "/b/3.jpg"}}


def test_equal_pixels_that_nobody_weighed_are_not_redundant() -> None:
    """Prevents: a gain map or a video thrown away because the pixels alone were compared."""
    assert of_pixels({1: b"/a/1.jpg", 2: b"/b/2.jpg"}, {}) == {}
