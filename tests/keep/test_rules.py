"""Keep rules: which file of one content, and which of images that lose nothing given each other, a person wants."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgindex.errors import UsageError
from imgindex.keep.rules import KINDS, Facts, KeepRules, RankedFile, Rule, by_rules
from imgindex.records import PictureInfo, Seen, StoredImage


def image(size_bytes: int = 1000, picture_format: str = "JPEG", width: int = 100) -> StoredImage:
    info = PictureInfo(picture_format, width, 80, "RGB", 8, False, 1)
    return StoredImage(1, b"\1" * 32, size_bytes, info, 50.0)


def file(path: bytes, mtime_ns: int = 5) -> Seen:
    return Seen(path, 1000, mtime_ns, 0, 1, 1)


PLAIN = RankedFile(file(b"/p/a.jpg"), image(), Facts((), lossy=True))

PREFERRED = [
    ("folder:/p/best", RankedFile(file(b"/p/best/a.jpg"), image())),
    ("not-folder:/p", RankedFile(file(b"/q/a.jpg"), image())),
    ("format", RankedFile(file(b"/p/a.heic"), image(picture_format="HEIF"))),
    ("format:png,jpeg", RankedFile(file(b"/p/a.png"), image(picture_format="PNG"))),
    ("lossless", RankedFile(file(b"/p/a.png"), image(), Facts((), lossy=False))),
    ("capture-date", RankedFile(file(b"/p/b.jpg"), image(), Facts(("capture date",), lossy=True))),
    ("gps", RankedFile(file(b"/p/b.jpg"), image(), Facts(("GPS",), lossy=True))),
    ("detail", RankedFile(file(b"/p/b.jpg"), image(width=101))),
    ("larger", RankedFile(file(b"/p/b.jpg"), image(1001))),
    ("smaller", RankedFile(file(b"/p/b.jpg"), image(999))),
    ("oldest", RankedFile(file(b"/p/b.jpg", 4), image())),
    ("newest", RankedFile(file(b"/p/b.jpg", 6), image())),
    ("shortest-path", RankedFile(file(b"/p/.jpg"), image())),
]


@pytest.mark.parametrize(("rule", "better"), PREFERRED, ids=[rule for rule, _ in PREFERRED])
def test_each_rule_prefers_what_it_says(rule: str, better: RankedFile) -> None:
    read = Rule.read(rule)
    assert read.value(better) < read.value(PLAIN)


def test_every_kind_of_rule_is_tried() -> None:
    assert {Rule.read(rule).name for rule, _ in PREFERRED} | {"plain-name"} == set(KINDS)


@pytest.mark.parametrize(
    "name",
    ["IMG_1 (1).jpg", "IMG_1(2).JPG", "IMG_1 copy.jpg", "Copy of IMG_1.jpg", "IMG_1 - Copy (3).jpg", "a_copy.png"],
)
def test_names_of_copies_are_told(name: str) -> None:
    assert Rule.read("plain-name").value(RankedFile(file(b"/p/" + name.encode()), image())) == 1


@pytest.mark.parametrize("name", ["IMG_1.jpg", "copyright.jpg", "photocopy.jpg", "party (2019).jpg", "(1) first.jpg"])
def test_names_that_only_look_like_those_of_copies_are_not(name: str) -> None:
    """Prevents: the year of a party taken for the number of a copy."""
    assert Rule.read("plain-name").value(RankedFile(file(b"/copy/" + name.encode()), image())) == 0


@pytest.mark.parametrize("text", ["biggest", "folder", "folder:", "larger:2", "", "format:"])
def test_a_rule_that_there_is_not_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="keep rule"):
        Rule.read(text)


def test_a_rule_is_written_as_it_is_read() -> None:
    for text, _ in PREFERRED:
        assert str(Rule.read(text)) == text


def test_the_first_rule_that_tells_decides() -> None:
    files = [file(b"/a/1.jpg", 3), file(b"/b/1.jpg", 1), file(b"/b/1 (1).jpg", 0)]
    rules = KeepRules.read(rules=["folder:/b", "plain-name", "newest"])
    assert [stat.path for stat in by_rules(image(), files, rules, None)] == [b"/b/1.jpg", b"/b/1 (1).jpg", b"/a/1.jpg"]


def test_a_folder_does_not_hold_what_only_begins_with_its_name() -> None:
    """Prevents: /photos2 protected, or preferred, because /photos is."""
    assert KeepRules.read(["/photos"]).protecting(b"/photos2/a.jpg") is None


def test_a_protected_folder_is_known_behind_links(tmp_path: Path) -> None:
    """Prevents: an original that goes because it was reached by another name of its folder."""
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals" / "a.jpg").write_bytes(b"a")
    (tmp_path / "shortcut").symlink_to(tmp_path / "originals")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "originals" / "a.jpg")
    rules = KeepRules.read([str(tmp_path / "shortcut")])
    folder = os.fsencode(os.path.realpath(tmp_path / "originals"))
    for name in ("originals/a.jpg", "shortcut/a.jpg", "b.jpg"):
        assert rules.protecting(os.fsencode(tmp_path / name)) == folder


RULES = st.lists(st.sampled_from([rule for rule, _ in PREFERRED] + ["plain-name"]), unique=True, max_size=6)
FILES = st.lists(
    st.builds(
        file,
        st.sampled_from([b"/p/1.jpg", b"/p/1 (1).jpg", b"/p/best/1.jpg", b"/safe/1.jpg", b"/safe/1 (1).jpg"]),
        st.integers(0, 3),
    ),
    min_size=1,
    unique_by=lambda stat: stat.path,
)


@given(RULES, FILES, st.randoms(use_true_random=False))
def test_protected_files_come_first_and_the_order_of_arrival_does_not_matter(
    names: list[str], files: list[Seen], order: random.Random
) -> None:
    rules = KeepRules.read(["/safe"], names)
    kept = by_rules(image(), files, rules, None)
    safe = [stat.path.startswith(b"/safe/") for stat in kept]
    assert safe == sorted(safe, reverse=True)
    order.shuffle(files)
    assert by_rules(image(), files, rules, None) == kept
