"""Copy photographs that ship inside scikit-image and scikit-learn into OUT, with edited copies beside them.

python scripts/demo_photos.py OUT
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

PHOTOS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "hubble": ("skimage", "data/hubble_deep_field.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "motorcycle-left": ("skimage", "data/motorcycle_left.png"),
    "motorcycle-right": ("skimage", "data/motorcycle_right.png"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}


def packaged(package: str, name: str) -> Path:
    """A file inside an installed package, which need not be imported for it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; run scripts/demo, which installs it")
    return Path(spec.origin).parent / name


def captioned(photo: Image.Image, text: str) -> Image.Image:
    bar = photo.height // 8
    out = Image.new("RGB", (photo.width, photo.height + bar), "white")
    out.paste(photo, (0, bar))
    ImageDraw.Draw(out).text((bar // 3, bar // 5), text, fill="black", font=ImageFont.load_default(bar * 0.55))
    return out


def make(out: Path) -> None:
    """Write the photos as high-quality JPEGs to OUT and their copies to OUT/edited."""
    edited = out / "edited"
    edited.mkdir(parents=True)
    photos = {}
    for name, (package, inside) in PHOTOS.items():
        photos[name] = Image.open(packaged(package, inside)).convert("RGB")
        photos[name].save(out / f"{name}.jpg", quality=95)

    def save(name: str, picture: Image.Image, quality: int = 88) -> None:
        picture.save(edited / f"{name}.jpg", quality=quality)

    temple, astronaut = photos["temple"], photos["astronaut"]
    shutil.copy(out / "rocket.jpg", edited / "rocket-copied.jpg")
    save("coffee-recompressed", photos["coffee"], quality=30)
    save("flower-half-size", photos["flower"].resize((photos["flower"].width // 2, photos["flower"].height // 2)))
    save("cat-mirrored-turned", ImageOps.mirror(photos["cat"]).rotate(90, expand=True))
    save("temple-cropped", temple.crop((120, 60, temple.width - 60, temple.height - 40)))
    save("astronaut-grey", ImageOps.grayscale(astronaut).convert("RGB"))
    save("astronaut-captioned", captioned(astronaut, "ready when you are"))
    print(f"{len(photos)} photographs and 7 edited copies are in {out}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]))
