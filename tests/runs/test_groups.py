"""Groups of a report: what is proven of two images, and who may stand in for whom."""

from __future__ import annotations

from imgindex.records import (
    Candidate,
    Grade,
    PictureInfo,
    ProposedBy,
    Relation,
    Seen,
    StoredImage,
    Verdict,
    Verification,
    Weighing,
)
from imgindex.runs.groups import Proofs, Shown, groups_of
from imgindex.store.pairs import StoredPair

NEAR = Verification(Verdict.NEAR_DUPLICATE, 97.0, 0.97, Relation.SAME, matrix=(1, 0, 0, 0, 1, 0))
B_IS_REDUNDANT = Weighing((), (), {}, {}, None, Grade.REDUNDANT)


def shown(number: int, path: bytes) -> Shown:
    info = PictureInfo("JPEG", 100 - number, 80, "RGB", 8, False, 1)
    image = StoredImage(number, bytes([number]) * 32, 1000, info, 50.0)
    return Shown(image, (Seen(path, 1000, 0, 0, number, 1),), {})


def grouped(first: bytes, second: bytes) -> list[tuple[bytes, list[bytes]]]:
    images = {1: shown(1, first), 2: shown(2, second)}
    pair = StoredPair(Candidate(1, 2, ProposedBy.TOP_K, 0.9), True, NEAR, 1)
    proofs = Proofs.gather(images, [pair], {(1, 2): B_IS_REDUNDANT})
    return [(group.keeper, [member.path for member in group.members]) for group in groups_of(images, proofs)]


def test_a_lesser_encoding_stands_below_the_better() -> None:
    assert grouped(b"/p/a.jpg", b"/p/b.jpg") == [(b"/p/a.jpg", [b"/p/b.jpg"])]


def test_files_of_one_shot_never_stand_for_each_other() -> None:
    """Prevents: the JPEG beside a RAW file that is called redundant, though a camera wrote both on purpose."""
    assert grouped(b"/p/IMG_1.NEF", b"/p/IMG_1.JPG") == []
