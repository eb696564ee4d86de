"""What an engineer types first: one folder as a string, a folder that is not there, `help`, an index that is closed."""

from __future__ import annotations

import pydoc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import imgindex
from imgindex import api, errors
from imgindex.workers.inline import InlineWorkers


def test_one_folder_is_not_a_list_of_letters(images: imgindex.ImageIndex, photos: Path) -> None:
    """Prevents: `index("photos")` that looks for the folders p, h, o, t and s."""
    assert images.index(str(photos)).ingest.seen == 6
    assert images.index(photos).ingest.unchanged == 6
    assert images.report(str(photos)).counts.files == 6


def test_a_folder_that_is_not_there_is_an_error_after_all_else_is_done(
    images: imgindex.ImageIndex, photos: Path, tmp_path: Path
) -> None:
    """Prevents: a script that goes on, although nothing of the folder it named was indexed."""
    images.index(photos)
    (photos / "0-small.jpg").unlink()
    with pytest.raises(imgindex.RootError, match="nope") as caught:
        images.index([tmp_path / "nope", photos])
    assert caught.value.summary is not None
    assert (caught.value.summary.ingest.seen, caught.value.summary.ingest.missing) == (5, 1)
    with pytest.raises(imgindex.RootError, match="nope"):
        images.index(["nope"])


def test_differences_are_written_to_a_folder_named_by_text(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a TypeError for everybody who names a folder as they name a file."""
    monkeypatch.chdir(tmp_path)
    found = imgindex.compare(str(photos / "0.jpg"), str(photos / "0-small.jpg"), out="o", workers=InlineWorkers())
    assert {path.name for path in (tmp_path / "o").iterdir()} == {path.name for path in found.written}
    assert "difference.png" in {path.name for path in found.written}


def test_help_shows_what_there_is() -> None:
    """Prevents: `help(imgindex)` that shows no verb, since all is loaded when it is used."""
    shown = pydoc.plain(pydoc.render_doc(imgindex))
    for name in ("compare(", "open(", "class ImageIndex", "query(", "report(", "class StoreLocked", "only_new("):
        assert name in shown, name


def test_what_is_public_is_named_once_and_documented() -> None:
    """Prevents: an exception that must be imported from a module that nobody knows, and a name without a word on it."""
    assert imgindex.__all__ == api.__all__ == sorted(imgindex.__all__)
    assert {error.__name__ for error in _subclasses(errors.ImgIndexError)} <= set(imgindex.__all__)
    for name in imgindex.__all__:
        public = getattr(imgindex, name)
        assert (public.__doc__ or "").strip() and not public.__doc__.startswith(f"{name}("), name
    methods = {name for name in dir(imgindex.ImageIndex) if not name.startswith("_")}
    assert [name for name in sorted(methods) if not getattr(imgindex.ImageIndex, name).__doc__] == []
    assert "loaded" in subprocess.run(
        [sys.executable, "-c", "import sys, imgindex; dir(imgindex); print('numpy' in sys.modules or 'not loaded')"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def _subclasses(error: type[errors.ImgIndexError]) -> set[type[errors.ImgIndexError]]:
    return {error}.union(*(_subclasses(sub) for sub in error.__subclasses__()))


CALLS: dict[str, Callable[[imgindex.ImageIndex], object]] = {
    "index": lambda images: images.index("photos"),
    "query": lambda images: images.query("photos/0.jpg"),
    "report": lambda images: images.report(),
    "status": lambda images: images.status(),
    "check": lambda images: images.check(),
    "forget": lambda images: images.forget("photos"),
    "backup": lambda images: images.backup("a.db"),
    "space": lambda images: images.space,
    "exclusive": lambda images: images.exclusive(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_index_that_is_closed_answers_nothing(
    images: imgindex.ImageIndex, photos: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., object]
) -> None:
    """Prevents: a call after the `with` that opens the database anew behind everybody's back, and keeps it open."""
    monkeypatch.chdir(photos.parent)
    images.index(photos)
    images.close()
    images.close()
    with pytest.raises(imgindex.UsageError, match="is closed; open it again"):
        call(images)


def test_what_is_meant_to_be_gone_is_no_error(images: imgindex.ImageIndex, photos: Path, tmp_path: Path) -> None:
    """Prevents: a deleted folder that fails every run, although its deletion was accepted; and a name spelled wrong
    that passes for one."""
    images.index(photos)
    photos.rename(tmp_path / "moved")
    assert images.index(photos, accept_missing=True).ingest.missing == 6
    with pytest.raises(imgindex.RootError, match="nope"):
        images.index(tmp_path / "nope", accept_missing=True)
