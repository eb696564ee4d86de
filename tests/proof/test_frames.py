"""Animations, scans and stills: equal first frames prove nothing of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

import imgindex
from imgindex.ports import Source
from imgindex.proof import frames, naming, verify
from imgindex.proof.frames import MAX_COMPARED, MAX_DIFFERING, compare_frames
from imgindex.records import Verdict
from imgindex.workers.inline import InlineWorkers
from tests.helpers.pictures import scene
from tests.proof.test_verify import Held

BLANK = Image.new("RGB", (240, 180), "white")


class Pages(Held):
    """A source of several frames; counts those that were asked for."""

    def __init__(self, *pages: Image.Image) -> None:
        super().__init__(pages[0], frames=len(pages))
        self.pages = pages
        self.read: list[int] = []

    def pixel_digest(self) -> bytes:
        return b"".join(Held(page).pixel_digest() for page in self.pages)

    def frames(self, numbers: Sequence[int]) -> Iterator[Held]:
        for number in numbers:
            self.read.append(number)
            yield Held(self.pages[number])


def pages(*seeds: int) -> Pages:
    return Pages(*(scene(seed) for seed in seeds))


def same_scene(one: Source, other: Source) -> bool:
    return bool((one.luma(64) == other.luma(64)).all())


def test_pages_that_differ_are_named_by_their_number() -> None:
    found = compare_frames(pages(1, 2, 3, 4), pages(1, 2, 9, 4), same_scene)
    assert (found.compared, found.differing) == (3, (2,))


def test_a_still_is_contained_in_its_animation() -> None:
    assert compare_frames(pages(1), pages(1, 2, 3), same_scene) == frames.FramesCompared(0, ())


def test_the_first_pages_of_a_scan_are_contained_in_the_whole() -> None:
    assert compare_frames(pages(1, 2), pages(1, 2, 3, 4), same_scene).differing == ()
    assert compare_frames(pages(1, 2, 3, 4), pages(1, 5), same_scene).differing == (1,)


def test_every_second_frame_of_an_animation_is_contained_in_it() -> None:
    assert compare_frames(pages(1, 3, 5), pages(1, 2, 3, 4, 5), same_scene).differing == ()


def test_blank_pages_are_the_same_and_no_proof_is_asked_of_them() -> None:
    found = compare_frames(Pages(scene(1), BLANK), Pages(scene(1), BLANK), lambda one, other: False)
    assert found.differing == ()
    grey = Image.new("RGB", (240, 180), (200, 200, 200))
    assert compare_frames(Pages(scene(1), BLANK), Pages(scene(1), grey), same_scene).differing == (1,)
    assert compare_frames(Pages(scene(1), BLANK), pages(1, 2), same_scene).differing == (1,)


def test_long_animations_are_compared_at_frames_spread_to_the_last() -> None:
    a, b = (Pages(*[scene(1)] * 199, scene(last)) for last in (1, 2))
    found = compare_frames(a, b, same_scene)
    assert (found.compared, found.differing) == (MAX_COMPARED - 1, (199,))
    assert len(a.read) < MAX_COMPARED


def test_the_comparison_ends_at_the_eighth_frame_that_differs() -> None:
    """Two filled-in copies of one form of 60 pages: an answer is known after a few, and each takes a decode."""
    a, b = pages(*range(40)), pages(0, *range(100, 139))
    found = compare_frames(a, b, same_scene)
    assert found.differing == tuple(range(1, MAX_DIFFERING + 1))
    assert found.compared == MAX_DIFFERING
    assert max(a.read) <= MAX_DIFFERING + 1


@pytest.mark.parametrize(
    ("differing", "compared", "said"),
    [([2], 3, "1 page or frame differs"), ([1, 2], 5, "2 pages or frames differ"),
     (list(range(8)), 8, "at least 8 pages or frames differ"), ([199], 63, "at least 1 page or frame differs")],
)  # fmt: skip
def test_what_was_not_compared_is_not_said_to_be_the_same(differing: list[int], compared: int, said: str) -> None:
    assert naming.differences({"frames_differ": differing, "frames_compared": compared})[0] == said


def test_scans_whose_later_pages_differ_are_variants() -> None:
    found = verify.verify(pages(1, 2, 3), pages(1, 2, 4))
    assert found.verdict is Verdict.VARIANT
    assert naming.differences(found.evidence) == ("1 page or frame differs",)
    assert verify.verify(pages(1, 2, 3), pages(1, 2, 3, 4)).verdict.is_copy


def saved(path: Path, *pictures: Image.Image) -> Path:
    options = {".gif": {"duration": 100}, ".tif": {"compression": "tiff_lzw"}}[path.suffix]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


def test_files_of_pages_and_frames_are_compared_beyond_the_first(tmp_path: Path) -> None:
    """Prevents: two animations, or two scans, that open alike and are called copies of one another."""
    one = saved(tmp_path / "one.gif", scene(1), scene(2), scene(3))
    other = saved(tmp_path / "other.gif", scene(1), scene(5), scene(6))
    assert imgindex.compare(one, other, workers=InlineWorkers()).outcome.verdict is Verdict.VARIANT
    scan = saved(tmp_path / "scan.tif", scene(1), BLANK, scene(3))
    assert imgindex.compare(one, scan, workers=InlineWorkers()).outcome.verdict is Verdict.VARIANT
    again = saved(tmp_path / "again.tif", *(page.resize((216, 162)) for page in (scene(1), BLANK, scene(3))))
    assert imgindex.compare(scan, again, workers=InlineWorkers()).outcome.verdict.is_copy
    scene(1).save(tmp_path / "still.png")
    assert imgindex.compare(scan, tmp_path / "still.png", workers=InlineWorkers()).outcome.verdict.is_copy
