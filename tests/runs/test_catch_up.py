"""Changed rules: stored evidence is decided again, and what it cannot tell is looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import imgindex
from imgindex.api import ImageIndex
from imgindex.proof import decide
from imgindex.records import Space, Verdict
from imgindex.runs.index.find_copies import BlockVerifier
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store, pairs, spaces
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageIndex]:
    use_embedder(monkeypatch, FakeEmbedder())
    for seed in range(3):
        save(scene(seed), tmp_path / "photos" / f"{seed}.jpg")
        save(scene(seed), tmp_path / "photos" / f"{seed}-again.jpg", quality=30)
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        opened.index([tmp_path / "photos"])
        yield opened


def copies(images: ImageIndex) -> set[str]:
    return {Path(p.b).name for p in images.report().pairs if p.verdict is Verdict.NEAR_DUPLICATE}


def test_stricter_and_then_looser_rules(images: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user upgrades for better rules; nobody should have to decode a million pictures for that."""
    before = images.report()
    assert len(copies(images)) == 3
    tried: list[int] = []
    monkeypatch.setattr(BlockVerifier, "_read", lambda self, known, screened: tried.append(len(screened.left)))
    monkeypatch.setattr(decide, "RULES_VERSION", decide.RULES_VERSION + 1)
    monkeypatch.setattr(decide, "_proven", lambda evidence: False)
    again = images.index([tmp_path / "photos"])
    assert (again.match.verified, sum(tried)) == (0, 0)
    assert copies(images) == set()
    assert {p.verdict for p in images.report().pairs} == {Verdict.SIMILAR}
    assert images.check() == ()
    monkeypatch.undo()
    monkeypatch.setattr(decide, "RULES_VERSION", decide.RULES_VERSION + 2)
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


class NothingIsClose(FakeEmbedder):
    """No cosine is enough to call two pictures similar: what is said of a pair is what its evidence says."""

    @property
    def space(self) -> Space:
        return replace(super().space, floor=1.5)


def verdicts(store: Path) -> list[Verdict]:
    with Store.open(store) as opened, opened.read() as tx:
        return sorted(pair.outcome.verdict for pair in pairs.pairs(tx))


def test_refuted_pairs_near_the_decision_are_decided_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lowers a threshold wants what it refuted before, and has no night to decode a million pictures for it."""
    store, photos = tmp_path / "store", tmp_path / "photos"
    for seed in range(3):
        save(scene(seed), photos / f"{seed}.jpg")
        save(scene(seed), photos / f"{seed}-again.jpg", quality=30)
    use_embedder(monkeypatch, NothingIsClose())
    monkeypatch.setattr(decide, "_proven", lambda evidence: False)
    monkeypatch.setattr(decide, "SIMILAR_AGREE", 2.0)
    with imgindex.open(store, workers=InlineWorkers()) as images:
        first = images.index([photos])
        assert (first.match.verified, verdicts(store)) == (15, [Verdict.DISTINCT] * 3), "strangers are not kept"
        found = images.report()
        assert (found.pairs, found.groups, found.counts.similar_left_out) == ((), (), 0)
        assert images.index([photos]).match.verified == 0
        read: list[int] = []
        monkeypatch.setattr(BlockVerifier, "_read", lambda self, known, screened: read.append(len(screened.left)))
        for agree in (0.4, 2.0, 0.4):
            monkeypatch.setattr(decide, "RULES_VERSION", decide.RULES_VERSION + 1)
            monkeypatch.setattr(decide, "SIMILAR_AGREE", agree)
            again = images.index([photos])
            assert (again.match.verified, sum(read)) == (0, 0)
            assert verdicts(store) == [Verdict.SIMILAR if agree < 1 else Verdict.DISTINCT] * 3
            assert len(images.report().pairs) == (3 if agree < 1 else 0)
            assert images.check() == ()


@pytest.mark.parametrize(
    ("evidence", "is_near"),
    [({"screened": True}, False), ({"frame": 0.9}, False), ({"good": 0.1, "agree": 0.29}, False),
     ({"good": 0.0, "agree": 0.3}, True)],
)  # fmt: skip
def test_near_the_decision_is_what_could_be_laid_on_each_other(evidence: dict[str, Any], is_near: bool) -> None:
    """A million images have twenty million refuted candidates: rows of strangers would be most of the store."""
    assert decide.is_near(evidence) is is_near
    assert decide.NEAR_AGREE < decide.SIMILAR_AGREE
