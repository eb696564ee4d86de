"""Labelled benchmarks from distinct photos: edited copies, and pictures that share something and are no copies.

ukbench   the edits of the imagededup and Immaculate benchmarks: crop, both flips, a 25 degree turn, a square
edits     what people do to pictures before they save them again
traps     two different photos with one watermark, caption, page or form; crops that share nothing; collages
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
QUALITY = 90

Edit = Callable[[Image.Image, random.Random], Image.Image]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is true of two files of a benchmark, by name."""

    a: str
    b: str
    copy: bool
    kind: str


def photos_in(folder: Path, limit: int | None, seed: int = 0) -> list[Path]:
    """At most `limit` photos below `folder`, shuffled by `seed`."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    random.Random(seed).shuffle(found)
    return found[:limit]


def load(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def cropped(keep: float) -> Edit:
    def edit(image: Image.Image, rng: random.Random) -> Image.Image:
        width, height = round(image.width * keep), round(image.height * keep)
        x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
        return image.crop((x, y, x + width, y + height))

    return edit


def recompressed(image: Image.Image, _: random.Random) -> Image.Image:
    from io import BytesIO

    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=15)
    return Image.open(buffer).convert("RGB")


def third(image: Image.Image, _: random.Random) -> Image.Image:
    return image.resize((max(16, image.width // 3), max(16, image.height // 3)), Image.Resampling.LANCZOS)


def square(image: Image.Image, _: random.Random) -> Image.Image:
    return image.resize((min(image.size), min(image.size)), Image.Resampling.BICUBIC)


def written_over(text: str) -> Edit:
    def edit(image: Image.Image, _: random.Random) -> Image.Image:
        layer = Image.new("RGBA", image.size)
        font = ImageFont.load_default(max(12, image.height // 11))
        for share in (0.2, 0.5, 0.8):
            place = (image.width // 8, round(image.height * share))
            ImageDraw.Draw(layer).text(place, text, fill=(255, 255, 255, 130), font=font)
        return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")

    return edit


def captioned(text: str) -> Edit:
    def edit(image: Image.Image, _: random.Random) -> Image.Image:
        bar = max(12, image.height // 6)
        out = Image.new("RGB", (image.width, image.height + bar), "white")
        out.paste(image, (0, bar))
        font = ImageFont.load_default(max(10, bar // 2))
        ImageDraw.Draw(out).text((image.width // 25, bar // 5), text, fill="black", font=font)
        return out

    return edit


def letterboxed(image: Image.Image, _: random.Random) -> Image.Image:
    out = Image.new("RGB", (image.width, round(image.height * 1.35)))
    out.paste(image, (0, round(image.height * 0.175)))
    return out


UKBENCH: dict[str, Edit] = {
    "crop": cropped(0.7),
    "hflip": lambda image, _: ImageOps.mirror(image),
    "vflip": lambda image, _: ImageOps.flip(image),
    "rot25": lambda image, _: image.rotate(25, resample=Image.Resampling.BICUBIC),
    "square": square,
}

EDITS: dict[str, Edit] = {
    "jpeg15": recompressed,
    "third": third,
    "crop50": cropped(0.5),
    "rot90": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "gray": lambda image, _: ImageOps.grayscale(image).convert("RGB"),
    "dark": lambda image, _: ImageEnhance.Brightness(image).enhance(0.55),
    "contrast": lambda image, _: ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(1.5)).enhance(1.6),
    "blur": lambda image, _: image.filter(ImageFilter.GaussianBlur(max(image.size) / 400)),
    "watermark": written_over("sample sample"),
    "caption": captioned("when the build is green"),
    "letterbox": letterboxed,
}

PROFILES: dict[str, dict[str, Edit]] = {"ukbench": UKBENCH, "edits": EDITS}


def make_copies(photos: Sequence[Path], out: Path, profile: str, seed: int = 0) -> list[Expectation]:
    """Write every photo and its edited copies; all pairs of one photo are copies, all others are not listed."""
    out.mkdir(parents=True)
    expected = []
    for number, path in enumerate(photos):
        image, rng = load(path), random.Random(f"{seed}/{number}")
        names = {"original": f"{number:05d}_original.jpg"}
        image.save(out / names["original"], quality=QUALITY)
        for edit, apply in PROFILES[profile].items():
            names[edit] = f"{number:05d}_{edit}.jpg"
            apply(image, rng).save(out / names[edit], quality=QUALITY)
        edits = list(names)
        expected += [
            Expectation(names[a], names[b], True, f"{a} + {b}") for at, a in enumerate(edits) for b in edits[at + 1 :]
        ]
    return expected


def _page(image: Image.Image) -> Image.Image:
    """One grey page of an album program around any picture."""
    out = Image.new("RGB", (900, 700), (236, 236, 240))
    draw = ImageDraw.Draw(out)
    draw.rectangle((0, 0, 900, 56), fill=(40, 60, 110))
    draw.text((20, 14), "Albums   Places   People   Options", fill="white", font=ImageFont.load_default(24))
    for y in range(90, 680, 34):
        draw.text(
            (20, y),
            "Pictures of summer and other lists"[: 12 + y % 21],
            fill=(70, 70, 80),
            font=ImageFont.load_default(18),
        )
    small = ImageOps.contain(image, (520, 520))
    out.paste(small, (340 + (520 - small.width) // 2, 110 + (520 - small.height) // 2))
    return out


def _form(number: int, rng: random.Random) -> Image.Image:
    """One printed bill; two of them differ in a few digits."""
    out = Image.new("RGB", (620, 820), "white")
    draw = ImageDraw.Draw(out)
    draw.text((120, 40), "WESTERN STATIONERY", fill="black", font=ImageFont.load_default(30))
    for row in range(14):
        y = 120 + row * 46
        draw.text((50, y), f"Line {row + 1:02d}   paper and envelopes", fill="black", font=ImageFont.load_default(20))
        amount = f"{rng.randint(1, 99):2d}.{rng.randint(0, 99):02d}" if row in (3, 9) else f"{row * 3 + 1:2d}.50"
        draw.text((500, y), amount, fill="black", font=ImageFont.load_default(20))
    draw.text((50, 780), f"Bill no. 2021-{number:05d}", fill="black", font=ImageFont.load_default(18))
    return out


def make_traps(photos: Sequence[Path], out: Path, seed: int = 0) -> tuple[list[Expectation], list[tuple[str, str]]]:
    """(expectations, (keeper, member) names that must never be): photos two by two."""
    out.mkdir(parents=True)
    expected: list[Expectation] = []
    never: list[tuple[str, str]] = []
    for number, (path_a, path_b) in enumerate(zip(photos[::2], photos[1::2], strict=False)):
        rng = random.Random(f"{seed}/{number}")
        a, b = load(path_a), load(path_b)
        half = min(a.height, b.height) // 2
        collage = Image.new("RGB", (2 * round(half * 1.3), half))
        for at, image in enumerate((a, b)):
            collage.paste(ImageOps.fit(image, (round(half * 1.3), half)), (at * round(half * 1.3), 0))
        files = {
            "a": a, "b": b, "collage": collage,
            "left": a.crop((0, 0, round(a.width * 0.45), a.height)),
            "right": a.crop((round(a.width * 0.55), 0, a.width, a.height)),
            "page_a": _page(a), "page_b": _page(b),
            "mark_a": written_over("(c) some studio")(a, rng), "mark_b": written_over("(c) some studio")(b, rng),
            "caption_a": captioned("monday again")(a, rng), "caption_b": captioned("monday again")(b, rng),
            "form_1": _form(2 * number, rng), "form_2": _form(2 * number + 1, rng),
        }  # fmt: skip
        names = {key: f"{number:05d}_{key}.jpg" for key in files}
        for key, image in files.items():
            image.save(out / names[key], quality=92)
        expected += _trap_pairs(names)
        never += [
            (names[k], names[m]) for k, m in (("collage", "a"), ("collage", "b"), ("page_a", "a"), ("page_b", "b"))
        ]
    return expected, never


def _trap_pairs(names: dict[str, str]) -> Iterable[Expectation]:
    others = (
        ("left", "right"),
        ("a", "b"),
        ("page_a", "page_b"),
        ("mark_a", "mark_b"),
        ("caption_a", "caption_b"),
        ("form_1", "form_2"),
    )
    copies = (("a", "left"), ("a", "right"), ("a", "mark_a"), ("b", "mark_b"), ("a", "caption_a"), ("b", "caption_b"))
    for copy, pairs in ((False, others), (True, copies)):
        for a, b in pairs:
            yield Expectation(names[a], names[b], copy, f"{a} + {b}")
