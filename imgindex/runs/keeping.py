"""The keep rules of a run: those of the store's config.toml, and what the run itself was given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imgindex import settings
from imgindex.errors import UsageError
from imgindex.keep.rules import KeepRules


def keep_rules(
    directory: Path, protected: Iterable[str] = (), rules: Iterable[str] | None = None, *, even_if_lost: bool = False
) -> KeepRules:
    """`protected` folders come beside those of the file; `rules`, where given, take the place of those there."""
    written = settings.read(directory).keep
    try:
        lasting = KeepRules.read(written.protected, written.rules)
    except UsageError as error:
        raise UsageError(f"The setting keep.rules in {directory / settings.FILE_NAME}: {error}") from error
    given = KeepRules.read(protected, () if rules is None else rules)
    folders = tuple(dict.fromkeys((*lasting.protected, *given.protected)))
    return KeepRules(folders, lasting.rules if rules is None else given.rules, even_if_lost)
