"""The picture that a request is about: uploaded, or already here and named by its path or its id."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, BinaryIO

from fastapi import File, Form, UploadFile

from imgindex.ui.http.problems import Problem, unknown
from imgindex.ui.http.service import Service

ImageFile = Annotated[UploadFile | None, File(description="The picture itself.")]
PathField = Annotated[
    str | None, Form(max_length=4096, description="Or the path of a file, below a folder that is indexed here.")
]
IdField = Annotated[str | None, Form(max_length=64, description="Or the id of an image that is indexed here.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """The picture of a request as its form names it: in one of three ways."""

    image: UploadFile | None
    path: str | None
    id: str | None


@asynccontextmanager
async def file_of(service: Service, asked: Asked) -> AsyncIterator[str]:
    """The path of a file that shows the picture, for the time that it is looked at. Raises Problem."""
    given = [value for value in (asked.image, asked.path, asked.id) if value]
    if len(given) != 1:
        raise Problem(422, "asked", "Give one of: image (an upload), path, id.")
    if asked.image is not None:
        path = os.path.join(service.uploads, secrets.token_hex(16))
        try:
            await service.run(_written, asked.image.file, path)
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    elif asked.path:
        yield await service.run(_below_a_root, service, asked.path)
    else:
        yield await service.run(file_of_image, service, asked.id or "")


def _written(upload: BinaryIO, path: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        shutil.copyfileobj(upload, file)


def _below_a_root(service: Service, path: str) -> str:
    """The file with its links resolved. What is not below an indexed folder is refused alike, be it there or not."""
    refused = Problem(403, "path", "That path is not below a folder that is indexed here.")
    if not os.path.isabs(path) or "\0" in path:
        raise refused
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise refused from error
    roots = (root.path for root in service.images.roots())
    if not any(real.startswith(root.rstrip("/") + "/") for root in roots):
        raise refused
    return real


def is_image_id(text: str) -> bool:
    """Whether an image could have this id."""
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def file_of_image(service: Service, image_id: str) -> str:
    found = service.images.image(image_id)
    if found is None:
        raise unknown("image")
    paths = [file.path for file in found.files if not file.missing]
    if not paths:
        raise Problem(409, "missing", "No file shows this image any more.")
    return paths[0]
