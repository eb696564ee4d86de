"""The choice of an embedder, and where its weights are looked for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from imgindex.errors import ModelError
from imgindex.search import embed
from imgindex.search.embed import weights
from tests.tiny_clip import write_tiny_clip

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Sayings(list[str]):
    def __call__(self, sentence: str) -> None:
        self.append(sentence)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache of the test's own."""
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "hub"


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "reachable", lambda endpoint, timeout_s=0.0: False)


def fill_cache(cache: Path, repository: str) -> Path:
    """Puts the tiny CLIP into `cache` as the hub's client would; returns the snapshot."""
    repo = cache / f"models--{repository.replace('/', '--')}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(COMMIT)
    return write_tiny_clip(repo / "snapshots" / COMMIT)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.usefixtures("unreachable", "hub_cache")
def test_auto_falls_back_with_one_sentence() -> None:
    """Prevents: a first run without the network that fails, or that changes the model in silence."""
    say = Sayings()
    assert embed.open_embedder("auto", say).space.model == "sift-vlad"
    assert len(say) == 1
    assert "sift-vlad" in say[0] and "CLIP" in say[0] and say[0].count(".") >= 1


def test_auto_does_not_ask_the_network_where_offline_is_set(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: HF_HUB_OFFLINE ignored."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(weights, "reachable", lambda *_: pytest.fail("the network was used"))
    say = Sayings()
    assert embed.open_embedder("auto", say).space.model == "sift-vlad"
    assert "HF_HUB_OFFLINE" in say[0]


@pytest.mark.usefixtures("unreachable")
def test_auto_is_clip_where_the_cache_has_it(hub_cache: Path) -> None:
    """Prevents: a cached model that is not found offline, or a revision that is not the commit."""
    fill_cache(hub_cache, "sentence-transformers/clip-ViT-B-32")
    say = Sayings()
    embedder = embed.open_embedder("auto", say)
    assert (embedder.space.model, embedder.space.revision) == ("clip-ViT-B-32", COMMIT)
    assert say == []
    assert embed.open_embedder_for(embedder.space, say).space == embedder.space


@pytest.mark.usefixtures("unreachable")
def test_an_interrupted_download_is_not_a_model(hub_cache: Path) -> None:
    """Prevents: half a cached model taken for a whole one, and `auto` failing on it for ever."""
    (fill_cache(hub_cache, "sentence-transformers/clip-ViT-B-32") / "model.safetensors").unlink()
    assert embed.open_embedder("auto", Sayings()).space.model == "sift-vlad"


@pytest.mark.usefixtures("unreachable", "hub_cache")
@pytest.mark.parametrize("model", ["clip-ViT-L-14", "someone/some-model"])
def test_a_hub_model_that_cannot_be_fetched(model: str) -> None:
    """Prevents: a fallback nobody asked for, where a model was named."""
    with pytest.raises(ModelError, match="cannot be reached"):
        embed.open_embedder(model, Sayings())


@pytest.mark.usefixtures("hub_cache")
def test_a_failed_fetch_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a traceback of the hub's client where its answer is not what it expects."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"

        def refuse_all() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        threading.Thread(target=refuse_all, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", endpoint)
        say = Sayings()
        with pytest.raises(ModelError) as refusal:
            embed.open_embedder("someone/some-model", say)
        server.close()
    assert "\n" not in str(refusal.value) and endpoint in str(refusal.value)
    assert say == [f"Fetching the weights of someone/some-model from {endpoint}, once."]


@pytest.mark.parametrize("model", ["/no/such/folder", "./here", "~/nowhere-at-all", "a/b/c", ""])
def test_a_path_that_does_not_exist_is_not_sent_to_the_hub(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a misspelt folder looked up, and its name told, on the hub."""
    monkeypatch.setattr(weights, "reachable", lambda *_: pytest.fail("the network was used"))
    with pytest.raises(ModelError, match="no model folder"):
        embed.open_embedder(model, Sayings())


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    """Prevents: a traceback of a library, or pickled weights loaded, for a folder of something else."""

    def refusal(folder: Path) -> str:
        with pytest.raises(ModelError) as caught:
            embed.open_embedder(str(folder), Sayings())
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
        return str(caught.value)

    assert "no config.json" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "no safetensors" in refusal(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    assert "pickle" in refusal(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one", "b": "two"}}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert "is missing" in refusal(tmp_path)
    (tmp_path / "model.safetensors.index.json").unlink()
    assert "could not be loaded" in refusal(tmp_path)
    (tmp_path / "modules.json").write_text("[{]")
    assert "cannot be read" in refusal(tmp_path)


def test_a_folder_is_known_by_its_weights(tmp_path: Path) -> None:
    """Prevents: a moved model taken for another one, or other weights at one path for the same."""
    one, same, other = (write_tiny_clip(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    (same / "README.md").write_text("a note")
    assert weights.weights_digest(one) == weights.weights_digest(same) != weights.weights_digest(other)


def test_a_folder_is_recorded_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a store that is usable from one working directory only."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert embed.canonical("model") == str((tmp_path / "model").resolve())
    assert embed.canonical("clip-ViT-B-32") == "clip-ViT-B-32"


def test_the_probe_finds_a_closed_port_unreachable() -> None:
    """Prevents: minutes of retries where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert not weights.reachable(f"http://127.0.0.1:{port}")


def test_the_probe_does_not_wait_for_a_silent_server(silent_server: str) -> None:
    """Prevents: hanging on a host that accepts and never answers."""
    assert not weights.reachable(silent_server, timeout_s=0.2)


def test_choosing_imports_no_torch() -> None:
    """Prevents: seconds of imports for commands, and for sift-vlad, that need no CLIP."""
    code = (
        "import sys, imgindex; from imgindex.search import embed; embed.open_embedder('sift-vlad', print); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'huggingface_hub')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
