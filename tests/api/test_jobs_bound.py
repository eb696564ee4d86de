"""How many worker processes may be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import imgindex
from imgindex.errors import UsageError


def test_more_jobs_than_a_machine_can_use_are_refused(tmp_path: Path) -> None:
    """Prevents: a billion processes, which took all memory before anybody could stop them."""
    with pytest.raises(UsageError, match="at most"):
        imgindex.open(tmp_path / "store", jobs=10**9)
    assert not (tmp_path / "store").exists()
