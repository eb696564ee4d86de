"""Statements on the images that take part in a search."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from imgindex.store.catalog import IS_HERE
from imgindex.store.schema import file, image


def present_images(tx: Connection) -> set[int]:
    """Ids of images with a file that is neither missing nor left out."""
    rows = select(file.c.image_id).where(file.c.image_id.is_not(None), IS_HERE)
    return set(tx.execute(rows.distinct()).scalars())


def flat_images(tx: Connection, texture_floor: float) -> set[int]:
    """Ids of images with less texture than `texture_floor`."""
    return set(tx.execute(select(image.c.id).where(image.c.texture < texture_floor)).scalars())


def same_pixel_digests(tx: Connection) -> list[list[int]]:
    """Lists of two or more ids of images with a present file that share one pixel digest."""
    here = select(file.c.id).where(file.c.image_id == image.c.id, IS_HERE).exists()
    again = (
        select(image.c.pixel_digest)
        .where(image.c.pixel_digest.is_not(None), here)
        .group_by(image.c.pixel_digest)
        .having(func.count() > 1)
    )
    groups: dict[bytes, list[int]] = {}
    rows = select(image.c.pixel_digest, image.c.id).where(image.c.pixel_digest.in_(again), here).order_by(image.c.id)
    for digest, found in tx.execute(rows):
        groups.setdefault(digest, []).append(found)
    return list(groups.values())
