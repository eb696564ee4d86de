"""A run that is told to end writes what is finished, and the next run ends where one run would have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import imgindex
from imgindex.ports import Silent
from imgindex.results import Report
from imgindex.runs.index import blocks, ingest
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.ui import interrupt
from imgindex.workers.inline import InlineWorkers
from tests.embedders import use_embedder
from tests.pictures import save, scene


class StopAfter(Silent):
    """Asks the run to end after so many steps of progress."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, count: int = 1) -> None:
        self.left -= count
        self.stopping = self.left <= 0


def told(report: Report) -> tuple[object, ...]:
    return (
        [(g.keeper, [(m.path, m.verdict, m.score) for m in g.members]) for g in report.groups],
        [(p.a, p.b, p.verdict, p.score) for p in report.pairs],
    )


@pytest.mark.parametrize("steps", [1, 3, 9, 13, 17, 25, 33, 41])
def test_stopped_anywhere_the_next_run_ends_as_one_run_would(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While scanning, hashing, indexing or verifying: nothing is lost, nothing half done is taken for done."""
    use_embedder(monkeypatch, FakeEmbedder())
    monkeypatch.setattr(ingest, "STORE_BATCH", 4)
    monkeypatch.setattr(blocks, "BLOCK", 4)
    photos = tmp_path / "photos"
    for seed in range(5):
        save(scene(seed), photos / f"{seed}.jpg")
        save(scene(seed), photos / f"{seed}-small.jpg", quality=40)
    (photos / "2-copy.jpg").write_bytes((photos / "2.jpg").read_bytes())
    with imgindex.open(tmp_path / "whole", workers=InlineWorkers()) as images:
        images.index([photos])
        expected = told(images.report())
    with imgindex.open(tmp_path / "store", workers=InlineWorkers(), progress=StopAfter(steps)) as images:
        first = images.index([photos])
        assert first.interrupted
        done = first.ingest.embedded_images
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images:
        second = images.index([photos])
        assert not second.interrupted
        assert second.ingest.embedded_images == 10 - done
        assert told(images.report()) == expected


def test_the_first_signal_asks_and_the_second_ends() -> None:
    progress = Silent()
    with interrupt.finishing(progress) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert (progress.stopping, asked.exit_code) == (True, 143)
        with pytest.raises(interrupt.Interrupted) as raised:
            os.kill(os.getpid(), signal.SIGINT)
    assert raised.value.exit_code == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_with_nothing_to_finish_ends_at_once(number: int, code: int, tmp_path: Path) -> None:
    """The parser of the command line would make an exit code of its own of it, without a word."""
    script = (
        "import os, sys; from imgindex import api; from imgindex.ui import cli; "
        f"api.ImageIndex.status = lambda self: os.kill(os.getpid(), {int(number)}); "
        "sys.argv[1:] = ['status', '--store', sys.argv[1]]; cli.main()"
    )
    imgindex.open(tmp_path / "s").close()
    command = [sys.executable, "-c", script, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "imgindex: interrupted.\n")
