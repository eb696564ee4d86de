"""Verdicts: copies of every kind are proven, what only looks alike is not, and nothing is an exception."""

from __future__ import annotations

import hashlib
import io
import itertools
import json

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from skimage import data

from imgindex.pictures import features, outline
from imgindex.proof import align, maps, verify
from imgindex.proof.decide import decide
from imgindex.records import LocalFeatures, Luma, Outline, PictureInfo, Relation, Rgb, Verdict, Verification
from tests.helpers.pictures import lit, scene


class Held:
    """A source that holds its picture; counts how often the full pixels were asked for."""

    def __init__(self, image: Image.Image, **info: object) -> None:
        self.rgb_pixels = np.asarray(image.convert("RGB"))
        known = {"format": "PNG", "mode": "RGB", "bit_depth": 8, "has_alpha": False, "frames": 1} | info
        self.info = PictureInfo(width_px=image.width, height_px=image.height, **known)  # type: ignore[arg-type]
        self.key = (self.rgb_pixels.shape, self.rgb_pixels.tobytes())
        self.asked = 0
        self._features: LocalFeatures | None = None

    def luma(self, long_side_px: int) -> Luma:
        return features.reduce_luma(cv2.cvtColor(self.rgb_pixels, cv2.COLOR_RGB2GRAY), long_side_px)

    def rgb(self, long_side_px: int) -> Rgb:
        scale = min(1.0, long_side_px / max(self.info.size))
        size = (max(1, round(self.info.width_px * scale)), max(1, round(self.info.height_px * scale)))
        return np.asarray(cv2.resize(self.rgb_pixels, size, interpolation=cv2.INTER_AREA))

    def tints(self) -> np.ndarray:
        return features.tints_of(self.rgb_pixels, self.luma(align.WORKING_PX))

    def outline(self) -> Outline:
        return outline.outline(self.luma(align.WORKING_PX))

    def features(self) -> LocalFeatures:
        if self._features is None:
            self._features = features.extract(features.working_luma(self.rgb_pixels))
        return self._features

    def pixel_digest(self) -> bytes:
        self.asked += 1
        return hashlib.sha256(self.rgb_pixels.tobytes()).digest()


def photo(name: str = "astronaut") -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


def check(a: Image.Image, b: Image.Image) -> Verification:
    """Both directions must give one verdict."""
    first, second = Held(a), Held(b)
    found, back = verify.verify(first, second), verify.verify(second, first)
    assert found.verdict.is_copy == back.verdict.is_copy
    json.dumps(found.evidence)
    return found


def cropped(image: Image.Image, x: float, y: float, keep: float) -> Image.Image:
    w, h = image.size
    return image.crop((round(x * w), round(y * h), round((x + keep) * w), round((y + keep) * h)))


def barred(image: Image.Image, colour: str, text: str = "") -> Image.Image:
    out = Image.new("RGB", (image.width, image.height + 90), colour)
    out.paste(image, (0, 90 if text else 45))
    if text:
        ImageDraw.Draw(out).text((20, 20), text, fill="black", font=ImageFont.load_default(40))
    return out


def marked(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    for y in (0.2, 0.5, 0.8):
        place = (image.width * 0.12, image.height * y)
        ImageDraw.Draw(layer).text(place, "(c) a studio", fill=(255, 255, 255, 130), font=ImageFont.load_default(46))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def page(image: Image.Image, side_px: int = 400) -> Image.Image:
    out = Image.new("RGB", (900, 700), (236, 236, 240))
    draw = ImageDraw.Draw(out)
    draw.rectangle((0, 0, 900, 56), fill=(40, 60, 110))
    draw.text((20, 14), "Gallery   Albums   Shared", fill="white", font=ImageFont.load_default(24))
    for y in range(90, 680, 34):
        draw.text(
            (20, y), "Holiday pictures and other"[: 10 + y % 16], fill=(70, 70, 80), font=ImageFont.load_default(18)
        )
    out.paste(ImageOps.contain(image, (side_px, side_px)), (400, 150))
    return out


COPIES = {
    "jpeg": lambda i: jpeg(i, 15),
    "third": lambda i: i.resize((i.width // 3, i.height // 3), Image.Resampling.LANCZOS),
    "crop": lambda i: cropped(i, 0.2, 0.1, 0.6),
    "mirror": ImageOps.mirror,
    "flip": ImageOps.flip,
    "turn": lambda i: i.rotate(25, resample=Image.Resampling.BICUBIC),
    "quarter": lambda i: i.transpose(Image.Transpose.ROTATE_90),
    "stretch": lambda i: i.resize((i.width, round(i.height * 0.7))),
    "gray": lambda i: ImageOps.grayscale(i).convert("RGB"),
    "dark": lambda i: ImageEnhance.Brightness(i).enhance(0.55),
    "blur": lambda i: i.filter(ImageFilter.GaussianBlur(1.5)),
    "mark": marked,
    "caption": lambda i: barred(i, "white", "when it is green"),
    "letterbox": lambda i: barred(i, "black"),
    "page": page,
    "mirrored turned crop": lambda i: cropped(ImageOps.mirror(i).rotate(12, Image.Resampling.BICUBIC), 0.2, 0.2, 0.6),
}


@pytest.mark.parametrize("edit", COPIES)
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_copies_are_proven(edit: str, name: str) -> None:
    """What people do to pictures before they save them again must be found."""
    found = check(photo(name), COPIES[edit](photo(name)))
    assert found.verdict is Verdict.NEAR_DUPLICATE
    assert 0 < found.score <= 99.9
    assert found.relation is not None


@pytest.mark.parametrize("dress", [lambda i: i, marked, lambda i: barred(i, "white", "one caption"), page])
def test_two_photos_in_the_same_dress_are_no_copies(dress: object) -> None:
    """A shared watermark, caption bar or page around the picture must not make a match."""
    a, b = photo("astronaut"), photo("chelsea").resize((512, 512))
    assert not check(dress(a), dress(b)).verdict.is_copy  # type: ignore[operator]


@pytest.mark.parametrize("side_px", [180, 280, 360])
def test_two_pages_that_show_another_small_photo_are_no_copies(side_px: int) -> None:
    """Screenshots of one shop or one album: nearly all of them is the same page, and each shows another picture."""
    names = ("astronaut", "chelsea", "coffee", "rocket")
    pages = [page(photo(name).resize((512, 512)), side_px) for name in names]
    for first, second in itertools.combinations(pages, 2):
        assert not check(first, second).verdict.is_copy
        assert not check(first, second.resize((128, 100))).verdict.is_copy
    assert all(check(each, jpeg(each, 40)).verdict.is_copy for each in pages)


def test_crops_that_share_nothing_are_no_copies() -> None:
    """Both belong to the whole photo, but deleting one for the other loses a picture."""
    whole = photo()
    left = whole.crop((0, 0, 230, 512))
    right = whole.crop((282, 0, 512, 512))
    assert not check(left, right).verdict.is_copy
    assert check(whole, left).relation is Relation.A_CONTAINS_B


def test_another_moment_of_one_scene_is_no_copy() -> None:
    """The two cameras of a stereo pair see everything shifted by its distance: what a moved camera does to a burst."""
    left, right, _ = data.stereo_motorcycle()
    found = check(Image.fromarray(left), Image.fromarray(right))
    assert found.verdict is not Verdict.NEAR_DUPLICATE


def form(amounts: list[str]) -> Image.Image:
    out = Image.new("RGB", (620, 820), "white")
    draw = ImageDraw.Draw(out)
    for row, amount in enumerate(amounts):
        draw.text(
            (50, 60 + row * 46), f"Item {row:02d}   standard quality", fill="black", font=ImageFont.load_default(20)
        )
        draw.text((500, 60 + row * 46), amount, fill="black", font=ImageFont.load_default(20))
    return out


@pytest.mark.parametrize("edit", ["none", "jpeg", "blur", "half"])
def test_a_changed_digit_is_seen(edit: str) -> None:
    """Two receipts of one shop differ in a digit; deleting one of them is a loss. A copy of one is still a copy."""
    amounts = [f"{row + 10}.50" for row in range(15)]
    changed = amounts.copy()
    changed[6] = "18.50"
    dress = {
        "none": lambda i: i,
        "jpeg": lambda i: jpeg(i, 30),
        "blur": lambda i: i.filter(ImageFilter.GaussianBlur(1.2)),
        "half": lambda i: i.resize((310, 410), Image.Resampling.LANCZOS),
    }[edit]
    assert not check(form(amounts), dress(form(changed))).verdict.is_copy
    assert check(form(amounts), dress(form(amounts))).verdict.is_copy


def test_relation_scale_and_matrix() -> None:
    """The keeper rule reads these: a picture shown smaller in another must say so."""
    whole = photo()
    shown = check(whole, page(whole))
    assert shown.relation is Relation.B_CONTAINS_A
    assert shown.scale == pytest.approx(400 / 512, rel=0.01)
    matrix = np.array(shown.matrix).reshape(2, 3)
    corner = maps.apply(matrix, np.array([[0.0, 0.0], [512.0, 512.0]]))
    assert np.abs(corner - [[400, 150], [800, 550]]).max() < 2
    assert check(whole, barred(whole, "black")).relation is Relation.SAME
    assert check(whole, barred(whole, "white", "a caption")).relation is Relation.B_CONTAINS_A
    assert check(whole, whole.resize((256, 256))).transform == "resized 0.50x"


def test_same_pixels_needs_everything_equal() -> None:
    """A re-encoded PNG is the same; another profile or one changed pixel is not, and none is read in full in vain."""
    image = photo()
    assert verify.verify(Held(image), Held(image)).verdict is Verdict.SAME_PIXELS
    assert verify.verify(Held(image), Held(image, icc_digest=b"x")).verdict is Verdict.NEAR_DUPLICATE
    changed = image.copy()
    changed.putpixel((5, 5), (255, 0, 255))
    found = verify.verify(Held(image), Held(changed))
    assert found.verdict is Verdict.NEAR_DUPLICATE
    assert found.score <= 99.9
    other = Held(photo("chelsea").resize((512, 512)))
    verify.verify(Held(image), other)
    assert other.asked == 0


def odd_pictures() -> dict[str, Image.Image]:
    ramp = np.tile(np.linspace(0, 255, 400).astype(np.uint8), (300, 1))
    rng = np.random.default_rng(1)
    return {
        "blank": Image.new("L", (400, 300), 255),
        "black": Image.new("L", (640, 480), 0),
        "gradient": Image.fromarray(ramp),
        "tiny": Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)),
        "thread": Image.fromarray(rng.integers(0, 256, (1, 2000), np.uint8)),
        "upright": Image.fromarray(rng.integers(0, 256, (2000, 1), np.uint8)),
        "dot": Image.new("L", (1, 1), 7),
        "noise": Image.fromarray(rng.integers(0, 256, (200, 300), np.uint8)),
        "photo": photo(),
    }


def test_odd_pictures_get_a_verdict() -> None:
    """A blank, a gradient, 8 x 8 and 1 x 2000 pass through every path with a verdict, not an exception."""
    sources = {name: Held(image) for name, image in odd_pictures().items()}
    for first, a in sources.items():
        for second, b in sources.items():
            found = verify.verify(a, b)
            assert found.verdict.is_copy == (first == second)
            json.dumps(found.evidence)


def test_stored_evidence_gives_the_same_verdict() -> None:
    """A changed threshold re-decides from stored evidence; with unchanged ones nothing may change."""
    for edit in ("jpeg", "mark", "page"):
        found = verify.verify(Held(photo()), Held(COPIES[edit](photo())))
        assert decide(json.loads(json.dumps(found.evidence))) is found.verdict


class Unfeatured(Held):
    """A source that has no features to give."""

    def features(self) -> LocalFeatures:
        raise AssertionError("features were made")


def test_features_are_made_only_where_they_may_help() -> None:
    """Prevents: each old picture's features made again because a new one has its light and shade."""
    strangers = Unfeatured(lit(0, 480, 360)), Unfeatured(lit(1, 480, 360))
    found = verify.verify(*strangers, lambda: False)
    assert not found.verdict.is_copy
    assert found.evidence["frame"] >= align.FRAME_CORRELATION
    with pytest.raises(AssertionError, match="features were made"):
        verify.verify(*strangers)
    one = scene(1, 480, 360)
    settled = verify.verify(Unfeatured(one), Unfeatured(one.resize((240, 180))), lambda: pytest.fail("asked"))
    assert settled.verdict is Verdict.NEAR_DUPLICATE


def test_a_mirrored_fit_with_windows_far_off_must_be_sharp() -> None:
    """Prevents: halves of one symmetric thing called copies, and copies that were mirrored and turned refuted."""
    mirrored = verify.verify(Held(photo()), Held(ImageOps.mirror(photo()))).evidence
    assert decide(mirrored) is Verdict.NEAR_DUPLICATE
    assert decide(mirrored | {"shift90": 2.0, "shift50": 0.15}) is not Verdict.NEAR_DUPLICATE
    assert decide(mirrored | {"shift90": 2.0, "shift50": 0.05}) is Verdict.NEAR_DUPLICATE
    assert decide(mirrored | {"shift90": 1.5, "shift50": 0.15}) is Verdict.NEAR_DUPLICATE
