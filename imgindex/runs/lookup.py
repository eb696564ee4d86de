"""Single images and pages of files, as the store has them: for those who ask for a little at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from imgindex.errors import UsageError
from imgindex.pictures.contents import OnDisk
from imgindex.records import PictureInfo, StoredImage
from imgindex.results import RootStatus
from imgindex.store import Store, catalog, listing
from imgindex.store.listing import FileRow

SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as a list shows it; `modified_at_s` is its unix time. `image` is the id of the image that it shows, None
    where it was skipped for `reason`. `missing`: the last completed scan did not find it."""

    path: str
    size_bytes: int
    modified_at_s: int
    missing: bool
    image: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Image:
    """One stored image and its files, missing ones included. `id` is the sha256 of its bytes, as 64 hexadecimal
    digits: it stays the same in every store."""

    id: str
    info: PictureInfo
    size_bytes: int
    files: tuple[ListedFile, ...]


def digest_of(image: str) -> bytes | None:
    """The sha256 that an image's id stands for; None where it is no id."""
    if len(image) != SHA256_DIGITS or not all(c in "0123456789abcdef" for c in image):
        return None
    return bytes.fromhex(image)


def image(store: Store, image_id: str) -> Image | None:
    """The stored image of this id."""
    with store.read() as tx:
        digest = digest_of(image_id)
        found = None if digest is None else listing.image_with(tx, digest)
        if found is None:
            return None
        rows = listing.files_of_image(tx, found.id)
    return Image(image_id, found.info, found.size_bytes, tuple(_listed(row) for row in rows))


def found_files(store: Store, image_id: str) -> tuple[StoredImage, tuple[bytes, ...]] | None:
    """(the stored image of this id, the paths of its files that are not missing)."""
    digest = digest_of(image_id)
    if digest is None:
        return None
    with store.read() as tx:
        stored = listing.image_with(tx, digest)
        if stored is None:
            return None
        paths = catalog.present_paths(tx, [stored.id])
    return stored, tuple(paths.get(stored.id, ()))


def original(store: Store, image_id: str) -> tuple[str, bytes] | None:
    """(name of a file, its bytes) of the stored image of this id: read once, and what was read has its digest.

    Raises UsageError where no file has this content now.
    """
    found = found_files(store, image_id)
    if found is None:
        return None
    stored, paths = found
    for path in paths:
        try:
            return os.path.basename(os.fsdecode(path)), OnDisk((path,), stored.sha256).read()
        except OSError:
            continue
    raise UsageError("No file that shows this image can be read now, or has its content still.")


def images_of(store: Store, paths: list[str]) -> dict[str, str]:
    """The id of the image that each of these files shows, of those that are indexed."""
    with store.read() as tx:
        found = catalog.contents(tx, [os.fsencode(path) for path in paths])
    return {os.fsdecode(path): sha256.hex() for path, sha256 in found.items()}


def files(store: Store, *, after: str, limit: int, below: str | None) -> list[ListedFile]:
    """The `limit` files that follow the path `after`, in order of their bytes; only those below the folder `below`."""
    with store.read() as tx:
        folder = None if below is None else os.fsencode(below)
        return [_listed(row) for row in listing.files_after(tx, os.fsencode(after), limit, folder)]


def roots(store: Store) -> list[RootStatus]:
    """The folders that were indexed, by path."""
    with store.read() as tx:
        return [RootStatus(os.fsdecode(path), scanned, files) for path, scanned, files in catalog.roots(tx)]


def _listed(row: FileRow) -> ListedFile:
    image_id = None if row.sha256 is None else row.sha256.hex()
    at_s = row.mtime_ns // 10**9
    return ListedFile(os.fsdecode(row.path), row.size_bytes, at_s, row.is_missing, image_id, row.reason)
