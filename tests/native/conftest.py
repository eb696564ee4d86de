"""Every library that runs on this processor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imgindex.native import library


@pytest.fixture(params=library.usable(), scope="module")
def each_library(request: pytest.FixtureRequest) -> Iterator[None]:
    """All libraries that run here: other tests load the fastest only."""
    loaded = library.Kernels(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "kernels", lambda: loaded)
        yield
