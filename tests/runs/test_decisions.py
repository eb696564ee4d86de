"""Decisions: what is said of two contents holds for all their files, for all that follows, and until a later word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import imgindex
from imgindex.api import ImageIndex, only_new
from imgindex.errors import UsageError
from imgindex.records import DecisionKind, Grade
from imgindex.results import Report
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene


@pytest.fixture(autouse=True)
def _embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    use_embedder(monkeypatch, FakeEmbedder())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A photo, two lesser encodings of it, and a file of the bytes of one of these."""
    folder = tmp_path / "photos"
    save(scene(1), folder / "photo.png")
    save(scene(1), folder / "good.jpg", 90)
    save(scene(1), folder / "poor.jpg", 50)
    shutil.copy(folder / "poor.jpg", folder / "poor-again.jpg")
    return folder


@pytest.fixture
def images(tmp_path: Path, photos: Path) -> Iterator[ImageIndex]:
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        opened.index(photos)
        yield opened


def name(path: str) -> str:
    return Path(path).name


def members(report: Report) -> dict[str, dict[str, Grade]]:
    return {name(g.keeper): {name(m.path): m.grade for m in g.members} for g in report.groups}


def named_pairs(report: Report) -> set[frozenset[str]]:
    return {frozenset((name(pair.a), name(pair.b))) for pair in report.pairs}


REDUNDANT, AT_A_LOSS = Grade.REDUNDANT, Grade.AT_A_LOSS
UNDECIDED = {"photo.png": {"good.jpg": REDUNDANT, "poor.jpg": REDUNDANT, "poor-again.jpg": REDUNDANT}}
APART = {"photo.png": {"good.jpg": REDUNDANT}, "poor.jpg": {"poor-again.jpg": REDUNDANT}}
POOR = frozenset(("photo.png", "poor.jpg"))


def test_what_is_no_duplicate_leaves_groups_pairs_and_news(images: ImageIndex, photos: Path) -> None:
    assert members(images.report()) == UNDECIDED
    images.mark_reported(images.report())
    images.decide(photos / "photo.png", photos / "poor-again.jpg", kind="not-duplicate")
    report = images.report()
    assert members(report) == APART
    assert POOR not in {pair & POOR for pair in named_pairs(report)}
    assert not report.both_stay
    assert report.counts.decided == 1
    assert only_new(report).resolved == ()
    shown = images.report(show_decided=True)
    assert [(frozenset((name(p.a), name(p.b))) & {"photo.png"}, p.decided) for p in shown.decided] == [
        ({"photo.png"}, DecisionKind.NOT_DUPLICATE)
    ]
    assert members(shown) == APART


def test_a_group_that_a_person_took_apart_is_not_told_as_resolved(images: ImageIndex, photos: Path) -> None:
    """Prevents: news every time somebody decides."""
    for file in ("poor.jpg", "poor-again.jpg"):
        (photos / file).unlink()
    images.index(photos)
    images.mark_reported(images.report())
    images.decide(photos / "photo.png", photos / "good.jpg", kind="not-duplicate")
    news = only_new(images.report())
    assert (news.groups, news.resolved) == ((), ())


def test_both_are_kept_whatever_else_there_is(images: ImageIndex, photos: Path) -> None:
    """Said of the two JPEG files: neither goes for the sake of the photo, which nobody was asked about."""
    images.decide(photos / "good.jpg", photos / "poor.jpg", kind="keep-both")
    report = images.report()
    assert members(report) == {"poor.jpg": {"poor-again.jpg": REDUNDANT}}
    assert {pair.both_kept for pair in report.both_stay} <= {
        "you decided that the first stays",
        "you decided that the second stays",
    }
    assert all(pair.both_kept for pair in report.both_stay)


def test_alternates_stay_apart_and_their_encodings_still_go(images: ImageIndex, photos: Path) -> None:
    images.decide(photos / "photo.png", photos / "poor.jpg", kind="alternates")
    assert members(images.report()) == APART


def test_a_keeper_is_kept_and_what_it_lacks_is_said(images: ImageIndex, photos: Path) -> None:
    """The poor file is kept: the photo is not redundant for that, and frees nothing."""
    found = images.decide(photos / "poor.jpg", photos / "photo.png", kind="keeper", note="the one in the album")
    assert [name(path) for path, _ in found.lossy] == ["photo.png"]
    report = images.report()
    assert members(report) == {"poor.jpg": {"poor-again.jpg": REDUNDANT, "photo.png": AT_A_LOSS, "good.jpg": REDUNDANT}}
    [group] = report.groups
    assert group.chosen_by.startswith("you decided so on ")
    assert group.why[0] == group.chosen_by
    assert {name(m.path): name(m.given) for m in group.members}["good.jpg"] == "photo.png"
    assert (report.counts.duplicate_files, report.counts.lossy_files) == (2, 1)


def test_only_a_later_decision_takes_one_back(images: ImageIndex, photos: Path) -> None:
    files = photos / "photo.png", photos / "poor.jpg"
    images.decide(*files, kind="not-duplicate")
    images.decide(*reversed(files), kind="undecided")
    assert members(images.report()) == UNDECIDED
    images.decide(*files, kind="keep-both")
    images.decide(*files, kind="not-duplicate")
    assert members(images.report()) == APART
    assert [pair.kind for pair in images.decisions()] == [DecisionKind.NOT_DUPLICATE]


def test_a_whole_group_is_decided_at_once(images: ImageIndex, photos: Path) -> None:
    [group] = images.report().groups
    assert images.decide_group(group.id[:6].upper(), kind="not-duplicate").pairs == 3
    assert members(images.report()) == {"poor.jpg": {"poor-again.jpg": REDUNDANT}}


def test_one_file_is_taken_out_of_its_group(images: ImageIndex, photos: Path) -> None:
    [group] = images.report().groups
    assert images.decide_group(group.id, kind="not-duplicate", file=photos / "good.jpg").pairs == 2
    assert members(images.report()) == {"photo.png": {"poor.jpg": REDUNDANT, "poor-again.jpg": REDUNDANT}}


def test_the_keeper_of_a_group_is_named_from_it(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    [group] = images.report().groups
    images.decide_group(group.id, kind="keeper", file=photos / "good.jpg")
    assert members(images.report())["good.jpg"]["photo.png"] is AT_A_LOSS
    with pytest.raises(UsageError, match="not in that group"):
        images.decide_group(images.report().groups[0].id, kind="keeper", file=tmp_path / "other.jpg")
    with pytest.raises(UsageError, match="no group of the report"):
        images.decide_group("ffff0000", kind="keeper")


def test_what_cannot_be_decided_is_a_sentence(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="have the same bytes"):
        images.decide(photos / "poor.jpg", photos / "poor-again.jpg", kind="keep-both")
    with pytest.raises(UsageError, match=r"does not know .*other\.jpg"):
        images.decide(photos / "poor.jpg", tmp_path / "other.jpg", kind="keep-both")
    with pytest.raises(UsageError, match="one of not-duplicate"):
        images.decide(photos / "poor.jpg", photos / "good.jpg", kind="both")
    save(scene(5), photos / "good.jpg")
    with pytest.raises(UsageError, match="has changed since it was indexed"):
        images.decide(photos / "poor.jpg", photos / "good.jpg", kind="keep-both")
    assert images.decisions() == []


def test_a_pair_that_is_not_weighed_is_weighed_for_its_decision(images: ImageIndex, photos: Path) -> None:
    """The two JPEG files were weighed against the photo alone."""
    unweighed = {frozenset((name(p.a), name(p.b))) for p in images.report().pairs if p.loss_a is None}
    assert any(pair <= {"good.jpg", "poor.jpg", "poor-again.jpg"} for pair in unweighed)
    found = images.decide(photos / "poor.jpg", photos / "good.jpg", kind="keeper")
    assert [name(path) for path, _ in found.lossy] == ["good.jpg"]


def test_once_a_keeper_is_taken_away_what_it_kept_is_weighed_anew(images: ImageIndex, photos: Path) -> None:
    """Prevents: two copies that both stay, as nobody asked which of them could go without the photo."""
    for file in ("good.jpg", "poor.jpg"):
        images.decide(photos / "photo.png", photos / file, kind="not-duplicate")
    assert members(images.report()) == {"good.jpg": {"poor.jpg": REDUNDANT, "poor-again.jpg": REDUNDANT}}


def test_a_decision_is_exported_and_taken_in_elsewhere(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    images.decide(photos / "poor.jpg", photos / "photo.png", kind="keeper", note="müde")
    images.decide(photos / "good.jpg", photos / "poor.jpg", kind="not-duplicate")
    exported = images.decisions()
    with imgindex.open(tmp_path / "other", workers=InlineWorkers()) as other:
        other.index(photos)
        assert (other.import_decisions(exported).added, other.import_decisions(exported).left_out) == (2, 2)
        assert other.decisions() == exported
        assert members(other.report()) == members(images.report())


def test_an_older_decision_from_elsewhere_does_not_beat_a_later_one(
    images: ImageIndex, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = photos / "photo.png", photos / "poor.jpg"
    images.decide(*files, kind="keep-both")
    old = images.decisions()
    monkeypatch.setattr("imgindex.clock.time.time", lambda: 4e9)
    images.decide(*files, kind="not-duplicate")
    assert images.import_decisions(old).left_out == 1
    assert members(images.report()) == APART


def test_of_the_pixels_of_what_is_no_duplicate_none_is(tmp_path: Path) -> None:
    """A second file of equal pixels and other bytes does not bring back what was parted."""
    folder = tmp_path / "photos"
    save(scene(1), folder / "photo.png")
    save(scene(1), folder / "poor.jpg", 50)
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images:
        images.index(folder)
        images.decide(folder / "photo.png", folder / "poor.jpg", kind="not-duplicate")
        text = PngInfo()
        text.add_text("comment", "the same pixels")
        with Image.open(folder / "photo.png") as picture:
            picture.save(folder / "photo-too.png", pnginfo=text)
        images.index(folder)
        report = images.report()
    [(keeper, others)] = members(report).items()
    assert {keeper, *others} == {"photo.png", "photo-too.png"}
    assert report.both_stay == ()
