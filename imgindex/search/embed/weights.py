"""Where a model's weights are: a folder of one's own, the local hub cache, or the hub.

Nothing here imports torch, so that the choice of an embedder costs no seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgindex.errors import ModelError

BUILT_IN = ("auto", "sift-vlad")
"""Names that never mean a folder."""

DEFAULT_ORGANIZATION = "sentence-transformers"
"""Whose a hub id without an owner is, as sentence-transformers reads it."""

PROBE_SECONDS = 5.0
"""How long the hub may take to answer, resolving its name included. Loading without asking first was measured
to take 79 s to fail where the hub cannot be reached."""

FETCHED = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""What is fetched of a hub model: no pickles (they can run code), no ONNX or OpenVINO copies of the weights."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder with a model in it that sentence-transformers can load without the network.

    model     what to ask for to get the same model again: an absolute folder, or the hub id as it was given
    name      short name for people
    folder    where the files are
    revision  commit of the hub, or a digest of a folder's weights
    """

    model: str
    name: str
    folder: Path
    revision: str


def locate(model: str, say: Callable[[str], None], revision: str | None = None) -> Weights:
    """The weights of a local folder or a hub id; fetched only where the local cache has none.

    A cached model is used as it is, without asking the hub for a newer one, so that a store made with it
    stays usable offline. `revision` asks for that commit of a hub model. Raises ModelError.
    """
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        flaw = what_is_missing(folder)
        if flaw:
            raise ModelError(
                f"{model} is not a model that can be loaded: {flaw}; "
                "name a folder that sentence-transformers saved, a hub id, or sift-vlad."
            )
        folder = Path(canonical(model))
        return Weights(str(folder), folder.name, folder, weights_digest(folder))
    if folder.exists() or model.startswith(("/", ".", "~")) or model.count("/") > 1 or not model.strip("/"):
        raise ModelError(f"There is no model folder {model}; name a folder that exists, a hub id, or sift-vlad.")
    folder = cached(model, revision) or _fetch(model, revision, say)
    return Weights(model, model.rsplit("/", 1)[-1], folder, folder.name)


def canonical(model: str) -> str:
    """`model` as a space records it: a folder as its absolute path, anything else as it is."""
    folder = Path(model).expanduser()
    return str(folder.resolve()) if model not in BUILT_IN and folder.is_dir() else model


def what_is_missing(folder: Path) -> str | None:
    """Why `folder` cannot be a complete model with safetensors weights, in words; None where it can."""
    try:
        parts = module_folders(folder)
        shards = [
            part / name
            for part in parts
            for index in part.glob("*.safetensors.index.json")
            for name in set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its description cannot be read ({error})"
    if not any((part / "config.json").is_file() for part in parts):
        return "it has no config.json"
    if not any(path.is_file() for part in parts for path in part.glob("*.safetensors")):
        if any(path for part in parts for path in part.glob("*.bin")):
            return "its weights are a pickle, which can run code, and not safetensors"
        return "it has no safetensors weights"
    absent = [path.name for path in shards if not path.is_file()]
    return f"{absent[0]} is missing" if absent else None


def module_folders(folder: Path) -> list[Path]:
    """The folders that `modules.json` names, or `folder` itself where there is none (a plain transformers model)."""
    listing = folder / "modules.json"
    if not listing.is_file():
        return [folder]
    return [folder / str(module["path"]) for module in json.loads(listing.read_text("utf-8"))]


def weights_digest(folder: Path) -> str:
    """sha256, in hex, over names and contents of the configuration and the weights (0.3 s for 350 MB).

    Other files of the folder (a README, a tokenizer) may change without making it another model for pictures.
    """
    files = {path for part in module_folders(folder) for path in part.glob("*.safetensors")}
    files |= {path for part in module_folders(folder) for path in (part / "config.json",) if path.is_file()}
    files |= {path for path in (folder / "modules.json",) if path.is_file()}
    total = hashlib.sha256()
    for path in sorted(files):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def cached(model: str, revision: str | None = None) -> Path | None:
    """The snapshot of a hub model in the local cache, None where it is absent or incomplete. Never uses the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(_repository(model), revision=revision, cache_dir=_cache(), local_files_only=True)
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return None if what_is_missing(folder) else folder


def reachable(endpoint: str, timeout_s: float = PROBE_SECONDS) -> bool:
    """Whether anything answers at `endpoint` within `timeout_s` seconds, through the proxies of the environment.

    Runs in a thread of its own: resolving a name has no timeout and can hang.
    """
    from huggingface_hub import get_session

    answered = threading.Event()

    def probe() -> None:
        try:
            get_session().head(endpoint, timeout=timeout_s)
        except Exception:  # whatever goes wrong, the answer is the same: it cannot be reached
            return
        answered.set()

    thread = threading.Thread(target=probe, name="imgindex-hub-probe", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return answered.is_set()


def _fetch(model: str, revision: str | None, say: Callable[[str], None]) -> Path:
    from huggingface_hub import constants, is_offline_mode, snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    here = f"{model} is neither a folder nor a model in the local cache"
    if is_offline_mode():
        raise ModelError(
            f"{here}, and HF_HUB_OFFLINE forbids fetching it; unset it, or name a local folder or sift-vlad."
        )
    if not reachable(constants.ENDPOINT):
        raise ModelError(
            f"{here}, and {constants.ENDPOINT} cannot be reached to fetch it; "
            "connect once, or name a local folder or sift-vlad."
        )
    say(f"Fetching the weights of {model} from {constants.ENDPOINT}, once.")
    was_quiet = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        folder = Path(
            snapshot_download(_repository(model), revision=revision, cache_dir=_cache(), allow_patterns=list(FETCHED))
        )
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(f"{here}, and {constants.ENDPOINT} has no model of that name; check the spelling.") from error
    except RevisionNotFoundError as error:
        raise ModelError(
            f"{constants.ENDPOINT} no longer has revision {revision} of {model}, which the store was made with; "
            "run index --rebuild to embed again with the present one."
        ) from error
    except Exception as error:  # network, disk and hub errors of several libraries
        raise ModelError(f"{model} could not be fetched from {constants.ENDPOINT}: {first_line(error)}") from error
    finally:
        if not was_quiet:
            enable_progress_bars()
    flaw = what_is_missing(folder)
    if flaw:
        raise ModelError(f"{model} on {constants.ENDPOINT} cannot be loaded: {flaw}; choose another model.")
    return folder


def first_line(error: Exception) -> str:
    """The first line of a library's error, to be quoted in a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _repository(model: str) -> str:
    return model if "/" in model else f"{DEFAULT_ORGANIZATION}/{model}"


def _cache() -> str | None:
    """The cache that sentence-transformers itself would use; None for the hub's default."""
    return os.environ.get("SENTENCE_TRANSFORMERS_HOME")
