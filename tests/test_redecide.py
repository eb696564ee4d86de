"""Changed rules: stored evidence is decided again, and what it cannot tell is looked at again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex import decide
from imgindex.api import ImageIndex
from imgindex.embed.fake import FakeEmbedder
from imgindex.pipeline import match
from imgindex.records import Verdict
from imgindex.store import Store, pairs, spaces
from tests.embedders import use_embedder
from tests.pictures import save, scene


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageIndex]:
    use_embedder(monkeypatch, FakeEmbedder())
    for seed in range(3):
        save(scene(seed), tmp_path / "photos" / f"{seed}.jpg")
        save(scene(seed), tmp_path / "photos" / f"{seed}-again.jpg", quality=30)
    with imgindex.open(tmp_path / "store", jobs=1) as opened:
        opened.index([tmp_path / "photos"])
        yield opened


def copies(images: ImageIndex) -> set[str]:
    return {Path(os.fsdecode(p.b)).name for p in images.report().pairs if p.verdict is Verdict.NEAR_DUPLICATE}


def test_stricter_and_then_looser_rules(images: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user upgrades for better rules; nobody should have to decode a million pictures for that."""
    before = images.report()
    assert len(copies(images)) == 3
    tried: list[int] = []
    monkeypatch.setattr(match.Round, "_warm", lambda self, known, todo: tried.append(len(todo)))
    monkeypatch.setattr(decide, "RULES_VERSION", 2)
    monkeypatch.setattr(decide, "_proven", lambda evidence: False)
    again = images.index([tmp_path / "photos"])
    assert (again.match.verified, sum(tried)) == (0, 0)
    assert copies(images) == set()
    assert {p.verdict for p in images.report().pairs} == {Verdict.SIMILAR}
    assert images.check() == ()
    monkeypatch.undo()
    monkeypatch.setattr(decide, "RULES_VERSION", 3)
    use_embedder(monkeypatch, FakeEmbedder())
    images.index([tmp_path / "photos"])
    assert (images.report().pairs, images.report().groups) == (before.pairs, before.groups)
    assert images.check() == ()


def test_equal_rules_touch_nothing(images: ImageIndex, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        with store.read() as tx:
            before = list(pairs.pairs(tx))
            assert spaces.rules_version(tx) == decide.RULES_VERSION
        images.index([tmp_path / "photos"])
        with store.read() as tx:
            assert list(pairs.pairs(tx)) == before
