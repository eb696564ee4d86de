"""Decoders that are installed on request: which format needs which, and what to say where it is not there."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from importlib import metadata

from imgindex.skips import Skip


@dataclass(frozen=True, slots=True)
class Extra:
    """What `pip install "imgindex[name]"` brings: `library`, which decodes `what`."""

    name: str
    library: str
    what: str


EXTRAS = {
    "RAW": Extra("raw", "rawpy", "Camera RAW"),
    "JXL": Extra("jxl", "imagecodecs", "JPEG XL"),
}
"""By the name of the decoder (`formats.Format.decoder`)."""


@functools.cache
def installed(library: str) -> bool:
    """Whether it can be imported; looked up once in a process."""
    return importlib.util.find_spec(library) is not None


def missing(decoder: str) -> Skip | None:
    """Why a content of this decoder is skipped: its extra is not installed."""
    extra = EXTRAS.get(decoder)
    if extra is None or installed(extra.library):
        return None
    return Skip(
        "not-installed",
        f'{extra.what} files need a decoder that is not installed; run pip install "imgindex[{extra.name}]", '
        "and index again.",
    )


def versions() -> list[str]:
    """The version of every extra's library, "" where it is not installed."""
    libraries = [extra.library for extra in EXTRAS.values()]
    return [metadata.version(library) if installed(library) else "" for library in libraries]
