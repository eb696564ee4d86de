"""The choice of an embedder: CLIP through sentence-transformers, or the built-in sift-vlad."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from imgindex.errors import ModelError
from imgindex.ports import Embedder
from imgindex.records import Space
from imgindex.search.embed import weights
from imgindex.search.embed.weights import Weights, canonical

AUTO = "auto"
DEFAULT_CLIP = "clip-ViT-B-32"
SIFT_VLAD = "sift-vlad"

__all__ = ["AUTO", "DEFAULT_CLIP", "SIFT_VLAD", "canonical", "open_embedder", "open_embedder_for"]


def open_embedder(model: str, say: Callable[[str], None], device: str = "auto") -> Embedder:
    """The embedder that `model` names: `auto`, `sift-vlad`, a folder or a hub id.

    `auto` is CLIP where its weights are here or can be fetched, else sift-vlad, with one sentence through
    `say`; where the hub cannot be reached that is decided within `weights.PROBE_SECONDS` and a second.
    `device` is `auto`, `cpu`, `cuda`, `cuda:1`, `mps`; sift-vlad always runs on the CPU. Raises ModelError.
    """
    if model == AUTO:
        try:
            found = weights.locate(DEFAULT_CLIP, say)
        except ModelError as reason:
            why = str(reason).split(";")[0].rstrip(".")
            say(f"Using the built-in sift-vlad instead of CLIP: {why}; for CLIP, connect once or name its folder.")
            return _sift_vlad()
        return _clip(found, say, device)
    if model == SIFT_VLAD:
        return _sift_vlad()
    return _clip(weights.locate(model, say), say, device)


def open_embedder_for(space: Space, say: Callable[[str], None], device: str = "auto") -> Embedder:
    """The embedder that made `space`, at the revision it was made with; the caller compares fingerprints."""
    if space.model == SIFT_VLAD:
        return _sift_vlad()
    return _clip(weights.locate(space.model, say, space.revision), say, device)


def _sift_vlad() -> Embedder:
    from imgindex.search.embed.sift_vlad import SiftVlad

    embedder: Embedder = SiftVlad()
    return embedder


def _clip(found: Weights, say: Callable[[str], None], device: str) -> Embedder:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from imgindex.search.embed.clip import Clip
    except (ImportError, OSError) as error:
        raise ModelError(
            f"{found.name} needs torch and sentence-transformers, which cannot be imported "
            f"({weights.first_line(error)}); reinstall them, or use --model sift-vlad."
        ) from error
    return Clip(found, say, device)
