"""CLIP over a tiny random checkpoint everywhere, and over real weights where they are at hand."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from imgindex.errors import ModelError
from imgindex.pictures import decode
from imgindex.ports import TextEmbedder
from imgindex.records import Picture, PictureInfo, Rgb
from imgindex.search import embed
from imgindex.search.embed import clip
from imgindex.search.embed.clip import Clip
from imgindex.search.embed.shrink import Shrink, middle
from imgindex.search.embed.weights import locate
from tests.embedders import vectors_of
from tests.tiny_clip import DIM, SIDE_PX, write_tiny_clip


def no_words(sentence: str) -> None:
    pytest.fail(f"nothing to say was expected, but: {sentence}")


def picture(rgb: Rgb) -> Picture:
    height, width = rgb.shape[:2]
    return Picture(PictureInfo("PNG", width, height, "RGB", 8, False, 1), rgb)


def noise(count: int, seed: int = 0) -> list[Picture]:
    """Blotches of colour of various sizes."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        cells = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        made.append(picture(np.asarray(cells.resize((90 + number, 70), Image.Resampling.BICUBIC))))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("tiny-clip") / "model")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Clip:
    return Clip(locate(str(folder), no_words), no_words, "cpu")


def test_the_space_says_what_made_it(tiny: Clip, folder: Path) -> None:
    """Prevents: a store whose model cannot be found again, or pictures decoded smaller than the model needs."""
    space = tiny.space
    assert (space.model, space.dim) == (str(folder.resolve()), DIM)
    assert json.loads(space.preprocessing)["crop_size"] == {"height": SIDE_PX, "width": SIDE_PX}
    assert tiny.short_side_px == clip.DECODE_MARGIN * SIDE_PX
    assert isinstance(tiny, TextEmbedder)


def test_the_fingerprint_is_of_weights_and_preprocessing_alone(tiny: Clip, tmp_path: Path) -> None:
    """Prevents: vectors of two models compared, or a store refused because its model's folder was moved."""
    moved = locate(str(write_tiny_clip(tmp_path / "moved")), no_words)
    assert Clip(moved, no_words, "cpu").space.fingerprint == tiny.space.fingerprint
    other = locate(str(write_tiny_clip(tmp_path / "other", seed=1)), no_words)
    assert Clip(other, no_words, "cpu").space.fingerprint != tiny.space.fingerprint
    settings = tmp_path / "moved" / "processor_config.json"
    described = json.loads(settings.read_text())
    described["image_processor"]["image_mean"] = [0.5, 0.5, 0.5]
    settings.write_text(json.dumps(described))
    assert Clip(moved, no_words, "cpu").space.fingerprint != tiny.space.fingerprint


def test_float32_is_what_sentence_transformers_computes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a shortcut past the library that changes the model's vectors."""
    monkeypatch.setattr(clip, "_has_native_bfloat16", lambda device: False)
    embedder = Clip(locate(str(folder), no_words), no_words, "cpu")
    assert embedder.space.precision == "float32"
    pictures = noise(5)
    reference = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = reference.encode([Image.fromarray(p.rgb) for p in pictures], normalize_embeddings=True)
    assert np.abs(vectors_of(embedder, pictures) - expected).max() < 1e-5


def test_another_preprocessing_goes_through_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: another model's preprocessing, or one that is misread, computed as if it were CLIP's."""
    monkeypatch.setattr(clip, "_has_native_bfloat16", lambda device: False)
    ours = Clip(locate(str(folder), no_words), no_words, "cpu")
    misread = Shrink(SIDE_PX, int(Image.Resampling.NEAREST))
    monkeypatch.setattr(Shrink, "of", lambda settings: misread)
    other = Clip(locate(str(folder), no_words), no_words, "cpu")
    assert isinstance(ours.front, Shrink) and other.front is middle
    assert np.abs(vectors_of(other, noise(5)) - vectors_of(ours, noise(5))).max() < 1e-5


@pytest.mark.parametrize("shape", [(70, 91), (224, 224), (31, 33), (500, 20), (9, 400)])
def test_the_front_gives_the_processors_pixels(tiny: Clip, shape: tuple[int, int]) -> None:
    """Prevents: pixels that are shifted, or scaled by another filter, than those that the model was trained with."""
    assert isinstance(tiny.front, Shrink)
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    settings = tiny._processor.to_dict()
    theirs = tiny._preprocess([middle(picture(rgb))])["pixel_values"][0].permute(1, 2, 0).numpy()
    ours = (tiny.front(picture(rgb)) / 255.0 - settings["image_mean"]) / settings["image_std"]
    assert np.abs(theirs - ours).max() < 1e-5


def test_a_model_that_bfloat16_changes_is_computed_in_float32(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a space whose vectors on two machines do not agree."""
    monkeypatch.setattr(clip, "_has_native_bfloat16", lambda device: True)
    monkeypatch.setattr(clip, "BFLOAT16_MIN_COSINE", 1.1)
    assert Clip(locate(str(folder), no_words), no_words, "cpu").space.precision == "float32"


def test_out_of_memory_halves_the_batch_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a run lost, or vectors lost or moved, where the GPU is small; and halving for ever."""
    said: list[str] = []
    embedder = Clip(locate(str(folder), no_words), said.append, "cpu")
    pictures = noise(20)
    expected = vectors_of(embedder, pictures)
    forward, most = embedder._forward, 6

    def small(batch: list[Rgb], precision: clip.Precision) -> np.ndarray:
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(batch, precision)

    monkeypatch.setattr(embedder, "_forward", small)
    found = vectors_of(embedder, pictures)
    assert (found * expected).sum(axis=1).min() > 0.999
    assert embedder.batch_size == 5
    assert len(said) == 2 and all("out of memory" in sentence for sentence in said)
    most = 0
    with pytest.raises(ModelError, match="too little memory"):
        vectors_of(embedder, pictures)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30_000), (30_000, 1), (3, 40), (500, 20)])
def test_odd_shapes(tiny: Clip, shape: tuple[int, int]) -> None:
    """Prevents: a strip that fills the memory, or three rows taken for three colour channels."""
    vector = vectors_of(tiny, [picture(np.full((*shape, 3), 90, np.uint8))])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


def test_the_cut_keeps_the_middle(tiny: Clip) -> None:
    """Prevents: a long picture embedded by what is not in its middle."""
    strip = np.asarray(Image.fromarray(noise(1)[0].rgb).resize((1600, 80)))
    exact = Image.fromarray(strip[:, 800 - 40 : 800 + 40])
    cosines = vectors_of(tiny, [picture(strip)]) @ vectors_of(tiny, [picture(np.asarray(exact))]).T
    assert cosines[0, 0] > 0.999


def test_text_vectors(tiny: Clip) -> None:
    """Prevents: a long text that crashes, or texts whose order is lost."""
    texts = ["a dog", "a " * 200, "", "two red cars"]
    together = tiny.embed_text(texts)
    assert together.shape == (4, DIM)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    alone = np.concatenate([tiny.embed_text([text]) for text in texts])
    assert np.abs(alone - together).max() < 1e-4


def test_a_stub_of_a_text_tower_is_refused(tmp_path: Path) -> None:
    """Prevents: zeros, or rounding noise, answered to a text query."""
    stub = Clip(locate(str(write_tiny_clip(tmp_path / "m", stub_text=True)), no_words), no_words, "cpu")
    assert vectors_of(stub, noise(1)).shape == (1, DIM)
    with pytest.raises(ModelError, match="no text tower"):
        stub.embed_text(["a dog"])


def test_weights_that_do_not_fill_the_model_are_refused(tmp_path: Path) -> None:
    """Prevents: random numbers in place of missing weights, other ones on every run."""
    model = write_tiny_clip(tmp_path / "m")
    tensors = load_file(model / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="missing"):
        embed.open_embedder(str(model), no_words, "cpu")


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    """Prevents: NaN in the store."""
    model = write_tiny_clip(tmp_path / "m")
    tensors = load_file(model / "model.safetensors")
    tensors["visual_projection.weight"][0, 0] = float("nan")
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="no usable vector"):
        vectors_of(embed.open_embedder(str(model), no_words, "cpu"), noise(2))


def test_code_of_a_model_is_never_run(tmp_path: Path) -> None:
    """Prevents: a downloaded model that executes its own Python."""
    model = write_tiny_clip(tmp_path / "m")
    ran = tmp_path / "ran"
    (model / "mine.py").write_text(f"open({str(ran)!r}, 'w')\nclass Mine: pass\n")
    (model / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "mine.Mine"}]))
    with pytest.raises(ModelError):
        embed.open_embedder(str(model), no_words, "cpu")
    assert not ran.exists()


def test_a_text_model_is_refused(tmp_path: Path) -> None:
    """Prevents: a traceback at the first picture for a model of sentences."""
    from transformers import BertConfig, BertModel, BertTokenizer

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]))
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    BertModel(
        BertConfig(vocab_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no model for pictures"):
        embed.open_embedder(str(tmp_path), no_words, "cpu")


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "mps:7"])
def test_a_device_that_is_not_there(folder: Path, device: str) -> None:
    """Prevents: a traceback, or a silent CPU, where a GPU was asked for."""
    with pytest.raises(ModelError, match=f"device {device} cannot be used"):
        embed.open_embedder(str(folder), no_words, device)


def test_nothing_but_our_sentences_reaches_the_terminal(folder: Path) -> None:
    """Prevents: progress bars and warnings of the libraries between our own lines."""
    code = (
        "import sys, numpy as np; from imgindex.search import embed; from imgindex.records import *; "
        "e = embed.open_embedder(sys.argv[1], print, 'cpu'); "
        "e.finish([e.front(Picture(PictureInfo('PNG', 9, 9, 'RGB', 8, False, 1), np.zeros((9, 9, 3), np.uint8)))]); "
        "e.embed_text(['a dog'])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.fixture(scope="module")
def real(clip_folder: Path) -> Clip:
    return Clip(locate(str(clip_folder), no_words), no_words, "cpu")


def jpegs(photos: Path, count: int) -> list[Path]:
    found = sorted((photos / "photos" / "train").glob("*.jpg"))
    return found[:: max(1, len(found) // count)][:count]


def test_bfloat16_stays_close_to_float32_on_real_photos(real: Clip, photos: Path) -> None:
    """Prevents: a precision that moves vectors further than the tolerance that spaces promise."""
    if real.space.precision != "bfloat16":
        pytest.skip("this processor computes float32")
    pictures = [decode.decode(path.read_bytes(), short_side_px=real.short_side_px) for path in jpegs(photos, 6)]
    exact = real._forward([real.front(p) for p in pictures], "float32")
    cosines = (vectors_of(real, pictures) * exact).sum(axis=1) / np.linalg.norm(exact, axis=1)
    assert cosines.mean() >= clip.BFLOAT16_MEAN_COSINE
    assert cosines.min() >= clip.BFLOAT16_MIN_COSINE


def test_reduced_decoding_stays_close_to_full_decoding(real: Clip, photos: Path) -> None:
    """Prevents: a decoder setting that moves the vectors of large photos."""
    cosines = []
    for path in jpegs(photos, 2):
        with Image.open(path) as image:
            large = image.convert("RGB").resize((2000, 1500), Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        large.save(stream, "JPEG", quality=90)
        drafted = decode.decode(stream.getvalue(), short_side_px=real.short_side_px)
        assert min(drafted.rgb.shape[:2]) < 1000
        full = replace(drafted, rgb=np.asarray(Image.open(stream)))
        cosines.append(float((vectors_of(real, [drafted]) * vectors_of(real, [full])).sum()))
    assert min(cosines) >= 0.995 and np.mean(cosines) >= 0.999


def test_real_weights_know_a_copy_and_have_no_words(real: Clip, photos: Path) -> None:
    """Prevents: preprocessing that is not the model's own; a stub of a text tower taken for one."""
    paths = jpegs(photos, 4)
    originals = [decode.decode(path.read_bytes(), short_side_px=real.short_side_px) for path in paths]
    copies = [replace(p, rgb=np.asarray(Image.fromarray(p.rgb).resize((300, 300)))) for p in originals]
    cosines = vectors_of(real, copies) @ vectors_of(real, originals).T
    assert (cosines.argmax(axis=1) == np.arange(len(paths))).all()
    with pytest.raises(ModelError, match="no text tower"):
        real.embed_text(["a dog"])
