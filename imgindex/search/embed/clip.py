"""CLIP, and any other picture model that sentence-transformers loads: one unit vector per picture or text.

The only module that imports torch and sentence_transformers, at its top: import it where a model is opened.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from imgindex.errors import ModelError
from imgindex.ports import Front
from imgindex.records import Picture, PictureInfo, Reach, Rgb, Space, Vectors
from imgindex.search.embed.shrink import Shrink, middle
from imgindex.search.embed.weights import Weights, first_line

Precision = Literal["float32", "bfloat16"]

FLOOR = 0.94
"""Cosine from which every pair is a candidate, measured with ViT-B/16: it proposes 85 to 88 % of blurred, darkened
or contrast-stretched copies whatever the size of their group, and none of 12,720 pairs of distinct photos (nor of
112,320 pairs of edits of distinct photos). Where flat drawings are among the photos, 1.6 in 10,000 unrelated pairs
are above it (0.92: 7.7, 0.90: 22). Cropped, captioned or upside-down copies are below it: top-k proposes those."""

NEIGHBOURS = 40
"""99.2 % of the true pairs of `ukbench` on 317 photos, with ViT-B/16; 20 give 97.9 %, 32 give 98.9 %, 48 give 99.4 %.
Most of what 20 miss are upside-down copies."""

BATCH_SIZES = {"cpu": 32, "mps": 32, "cuda": 128}
"""Pictures per forward pass. On two cores, 8 to 32 pictures were within a fifth of each other in speed; one alone was
a third to a half slower."""

DECODE_MARGIN = 3
"""Pictures are decoded to a shorter side of at least this many times the model's input, and reduced there by
whole factors in the JPEG decoder and by averaging boxes. Against full decoding (ViT-B/16, float32): mean cosine 0.9997
and minimum 0.9989 over 32 photos enlarged to 4000 x 3000, 0.9998 and 0.9994 at 2400 x 1800. A margin of 2 gave 0.9990
and 0.9973 at 4000 x 3000; one of 1 gave 0.9944 and 0.9857 over 23 photos of 896 to 1,404 px short side."""

BFLOAT16_MEAN_COSINE, BFLOAT16_MIN_COSINE = 0.999, 0.995
"""How close vectors computed in bfloat16 must be to those in float32. ViT-B/16 under autocast over 64 photos: mean
0.9998, minimum 0.9993, at 1.6 times the pictures per second of CPU time (with AVX-512 BF16)."""

CHECK_PICTURES = 4
"""Synthetic pictures that the closeness is checked on when a model is loaded; they are no harder than photos (ViT-B/16:
0.9998 to 0.9999), so the check finds a model that bfloat16 breaks and not one that it strains."""

SAME_COSINE = 0.99999
"""Least agreement of vectors of pixels that `Shrink` made with those that the library made, where it may do so."""

PREPROCESSING_KEYS = (
    "do_resize", "size", "resample", "do_center_crop", "crop_size",
    "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_pad",
)  # fmt: skip
"""What of a processor's settings decides the numbers that the model sees; the rest varies by library version."""


class Clip:
    """An `Embedder` and `TextEmbedder` over a folder of weights; loads from safetensors, never with remote code.

    `device` is `auto` (CUDA, else Apple's MPS, else the CPU) or torch's name of one. Raises ModelError where the
    device is not there, the weights cannot be loaded or do not fit the model, or it does not embed pictures.
    `say` is told in one sentence when a batch had to be halved for want of memory.
    """

    def __init__(self, weights: Weights, say: Callable[[str], None], device: str = "auto") -> None:
        self._name = weights.name
        self._one_at_a_time = threading.Lock()  # the tokenizer, and the libraries' loggers, are not for several threads
        self._say = say
        self._device = _device(device)
        self._batch_size = BATCH_SIZES.get(self._device.type, BATCH_SIZES["cpu"])
        self._model = _load(weights, self._device)
        self._processor = _image_processor(self._model, weights.name)
        self._precision: Precision = "float32"
        samples = [_picture(rgb) for rgb in _check_pictures()]
        try:
            exact = self._forward([middle(picture) for picture in samples], "float32")
            self._input_px = int(max(self._preprocess([samples[0].rgb])["pixel_values"].shape[-2:]))
            self._front = self._front_of(samples, exact)
            fronts = [self._front(picture) for picture in samples]
            if _has_native_bfloat16(self._device):
                reduced = self._forward(fronts, "bfloat16")
                if _close(exact, reduced, BFLOAT16_MEAN_COSINE, BFLOAT16_MIN_COSINE):
                    self._precision = "bfloat16"
        except Exception as error:
            raise ModelError(
                f"{weights.name} loads but does not embed a picture ({first_line(error)}); choose another model."
            ) from error
        self._space = self._describe(weights, dim=exact.shape[1])

    @property
    def space(self) -> Space:
        return self._space

    @property
    def short_side_px(self) -> int:
        return DECODE_MARGIN * self._input_px

    @property
    def reach(self) -> Reach:
        return Reach(NEIGHBOURS, -1.0, FLOOR)

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def front(self) -> Front:
        """Pixels as the model takes them, or, where only the library knows how to make these, the picture itself."""
        return self._front

    def finish(self, fronts: Sequence[Rgb]) -> Vectors:
        """float32[len(fronts), dim], rows of norm 1 in input order, at the precision of `space`.

        A picture's vector depends on it alone but for rounding (ViT-B/16: 33 photos one by one and in batches
        of 32 differ by at most 1.2e-7 per component). Raises ModelError where a vector is zero or not finite.
        """
        vectors = np.zeros((len(fronts), self._space.dim), np.float32)
        start = 0
        while start < len(fronts):
            batch = fronts[start : start + self._batch_size]
            try:
                vectors[start : start + len(batch)] = self._forward(batch, self._precision)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve_batch(len(batch))
                continue
            start += len(batch)
        return _unit(vectors, f"{self._name} gives no usable vector for a picture; choose another model.")

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """float32[len(texts), dim], rows of norm 1, always in float32.

        Raises ModelError where the model has no text tower, or only a stub of one (vectors of norm zero).
        """
        refusal = (
            f"{self._name} has no text tower, so its store cannot be asked with words; "
            "ask with a picture, or index with --model clip-ViT-B-32."
        )
        if not self._model.supports("text"):
            raise ModelError(refusal)
        with self._one_at_a_time, torch.inference_mode(), _quiet():
            vectors = self._model.encode(list(texts), convert_to_numpy=True, show_progress_bar=False)
        return _unit(np.asarray(vectors, np.float32).reshape(len(texts), -1), refusal)

    def _front_of(self, samples: Sequence[Picture], exact: Vectors) -> Front:
        """`Shrink` where the library makes of its pixels what it makes of the whole picture."""
        settings = self._processor.to_dict()
        shrink = Shrink.of({key: settings.get(key) for key in PREPROCESSING_KEYS})
        if shrink is None:
            return middle
        same = _close(exact, self._forward([shrink(p) for p in samples], "float32"), SAME_COSINE, SAME_COSINE)
        return shrink if same else middle

    def _preprocess(self, batch: Sequence[Rgb]) -> dict[str, Any]:
        return dict(self._model.preprocess([Image.fromarray(rgb) for rgb in batch]))

    def _forward(self, fronts: Sequence[Rgb], precision: Precision) -> Vectors:
        """float32[len(fronts), dim] as the model gives them, not normalised."""
        with self._one_at_a_time, self._computing(precision):
            features = {
                name: value.to(self._device) if isinstance(value, torch.Tensor) else value
                for name, value in self._preprocess(fronts).items()
            }
            return np.asarray(self._model(features)["sentence_embedding"].float().cpu().numpy(), np.float32)

    @contextmanager
    def _computing(self, precision: Precision) -> Iterator[None]:
        reduced = torch.autocast(self._device.type, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.inference_mode(), reduced:
            yield

    def _halve_batch(self, failed: int) -> None:
        if failed <= 1:
            raise ModelError(
                f"{self._device} has too little memory for one picture with {self._name}; "
                "use --device cpu or a smaller model."
            )
        self._batch_size = failed // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._say(f"{self._device} ran out of memory; going on with batches of {self._batch_size} pictures.")

    def _describe(self, weights: Weights, dim: int) -> Space:
        settings = self._processor.to_dict()
        preprocessing = json.dumps(
            {key: settings[key] for key in PREPROCESSING_KEYS if settings.get(key) is not None}
            | {"decoded_short_side_px": self.short_side_px},
            sort_keys=True,
        )
        identity = json.dumps(["clip", weights.revision, preprocessing, dim])
        return Space(
            name=f"{weights.name}/{weights.revision[:8]}",
            model=weights.model,
            revision=weights.revision,
            preprocessing=preprocessing,
            dim=dim,
            precision=self._precision,
            fingerprint=hashlib.sha256(identity.encode()).hexdigest(),
            floor=FLOOR,
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except Exception as error:  # torch raises RuntimeError, AssertionError and others by backend
        raise ModelError(
            f"The device {name} cannot be used here ({first_line(error)}); use --device auto or --device cpu."
        ) from error
    return device


def _load(weights: Weights, device: torch.device) -> SentenceTransformer:
    try:
        with _quiet() as reported:
            model = SentenceTransformer(
                str(weights.folder),
                device=str(device),
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
    except Exception as error:  # the libraries raise some ten types for files that are absent, damaged or foreign
        raise ModelError(
            f"{weights.name} could not be loaded from {weights.folder} ({first_line(error)}); "
            "check the folder, or delete it and fetch it again."
        ) from error
    if any("MISSING" in report for report in reported):
        raise ModelError(
            f"The weights in {weights.folder} are not those of the model that its config.json describes: some are "
            "missing; fetch it again or choose another model."
        )
    if not model.supports("image"):
        raise ModelError(
            f"{weights.name} is no model for pictures; choose one that embeds images, such as clip-ViT-B-32."
        )
    return model.eval()


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keeps the libraries' progress bars, warnings and log lines from stderr; the log lines are given instead."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers", "huggingface_hub")]
    before = [(logger.handlers[:], logger.propagate, logger.level) for logger in loggers]
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        for logger in loggers:
            logger.handlers, logger.propagate = [Collector()], False
            logger.setLevel(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield lines
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        if had_bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _image_processor(model: SentenceTransformer, name: str) -> Any:
    processor = getattr(model[0], "processor", None)
    processor = getattr(processor, "image_processor", processor)
    if processor is None:
        raise ModelError(f"{name} has no image processor; choose a model that embeds images, such as clip-ViT-B-32.")
    return processor


def _has_native_bfloat16(device: torch.device) -> bool:
    """Whether `device` computes bfloat16 faster than float32; one that emulates it is slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False


def _close(exact: Vectors, other: Vectors, mean_cosine: float, min_cosine: float) -> bool:
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(other, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (exact * other).sum(axis=1) / norms
    return bool(cosines.mean() >= mean_cosine and cosines.min() >= min_cosine)


def _picture(rgb: Rgb) -> Picture:
    return Picture(PictureInfo("PNG", rgb.shape[1], rgb.shape[0], "RGB", 8, False, 1), rgb)


def _check_pictures() -> list[Rgb]:
    """Pictures of smooth colour and of texture, the same ones every time."""
    rng = np.random.default_rng(0)
    pictures: list[Rgb] = []
    for cells in (4 * 4**number for number in range(CHECK_PICTURES)):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        pictures.append(np.asarray(noise.resize((256 + 32 * len(pictures), 256), Image.Resampling.BICUBIC)))
    return pictures


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)


def _unit(vectors: Vectors, complaint: str) -> Vectors:
    """Rows scaled to norm 1; raises ModelError with `complaint` where a row is zero or not finite."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        raise ModelError(complaint)
    return np.asarray(vectors / norms, np.float32)
