"""What lasts: `config.toml` in the directory of the store, where a person writes down what every run is to do.

`Settings` is the whole of what the file may say. A further key is a field of it with a default, a further table a field
that is a dataclass like it; both are checked, shown by `imgindex config` and refused when misspelt without more code.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgindex.errors import StoreError, UsageError

FILE_NAME = "config.toml"

Check: typing.TypeAlias = Callable[[Any], str]
"""Says what a value has to be, where it is not that; empty where it is right."""


def setting(default: Any, *, check: Check | None = None) -> Any:
    """A field of a table with its default, and what its value has to be beyond its type."""
    return field(default=default, metadata={} if check is None else {"check": check})


def is_filled(value: str) -> str:
    return "" if value else "must not be empty"


def is_count(value: int) -> str:
    return "" if value >= 0 else "must be 0 or more"


def are_folders(values: tuple[str, ...]) -> str:
    """Where the program is started must not decide what it indexes."""
    wrong = [value for value in values if not os.path.isabs(os.path.expanduser(value))]
    return "must be whole paths, from / or ~ on" if wrong else ""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which of several copies stays, the table `[keep]`.

    protected  folders of which no file ever goes, and each is a keeper
    rules      as of `report --keep`, the weightiest first
    """

    protected: tuple[str, ...] = setting((), check=are_folders)
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line takes where neither an option nor the environment says otherwise.

    roots    folders for `index` and `nightly`
    include  patterns as of a .gitignore file: only files that match one
    exclude  such patterns: no files that match one
    model    what a new store gets
    device   where a CLIP model runs: auto, cpu, cuda or mps
    jobs     worker processes; 0: one per core
    keep     which of several copies stays, here and in the Python API
    """

    roots: tuple[str, ...] = setting((), check=are_folders)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    model: str = setting("auto", check=is_filled)
    device: str = setting("auto", check=is_filled)
    jobs: int = setting(0, check=is_count)
    keep: Keep = field(default_factory=Keep)


def read(directory: Path) -> Settings:
    """The settings of the store in this directory; UsageError, a sentence, where its file is not right."""
    found: Settings = _table(Settings, _parsed(directory / FILE_NAME), directory / FILE_NAME)
    return found


def written(directory: Path) -> dict[str, Any]:
    """What the file says, checked, by dotted name (`jobs`, `keep.rules`); nothing where there is no file."""
    path = directory / FILE_NAME
    given = _parsed(path)
    values = dict(named_values(_table(Settings, given, path)))
    return {name: value for name, value in values.items() if _has(given, name)}


def named_values(table: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every setting, those of tables last."""
    tables = []
    for one in dataclasses.fields(table):
        value = getattr(table, one.name)
        if dataclasses.is_dataclass(value):
            tables.append((one.name, value))
        else:
            yield prefix + one.name, value
    for name, value in tables:
        yield from named_values(value, f"{prefix}{name}.")


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except PermissionError as error:
        raise StoreError(f"The store in {path.parent} cannot be read: {error.strerror} ({path.name}).") from error
    except OSError as error:
        raise UsageError(f"The settings in {path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise UsageError(f"The settings in {path} cannot be read: {error}. Mend it, or remove the file.") from error


def _table(kind: type[Any], given: Mapping[str, Any], path: Path, prefix: str = "") -> Any:
    types = typing.get_type_hints(kind)
    known = {one.name: one for one in dataclasses.fields(kind)}
    for name in given:
        if name not in known:
            raise UsageError(f"{path} has a setting {prefix}{name}, which there is not; {_meant(name, known, prefix)}.")
    values = {}
    for name, value in given.items():
        wanted = types[name]
        if dataclasses.is_dataclass(wanted) and isinstance(value, dict):
            values[name] = _table(typing.cast("type[Any]", wanted), value, path, f"{prefix}{name}.")
            continue
        taken = tuple(value) if isinstance(value, list) else value
        problem = _wrong_type(wanted, taken) or known[name].metadata.get("check", lambda _: "")(taken)
        if problem:
            shown = json.dumps(value, ensure_ascii=False, default=str)
            raise UsageError(f"The setting {prefix}{name} in {path} {problem}; it is {shown}.")
        values[name] = taken
    return kind(**values)


def _meant(name: str, known: Mapping[str, object], prefix: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {prefix}{near[0]}" if near else f"there are {', '.join(prefix + one for one in known)}"


def _wrong_type(wanted: Any, value: Any) -> str:
    """What a value of the type `wanted` is called, where this is none."""
    if typing.get_origin(wanted) is tuple:
        item = typing.get_args(wanted)[0]
        is_right = isinstance(value, tuple) and not any(_wrong_type(item, one) for one in value)
        return "" if is_right else 'must be a list of texts: ["one", "other"]'
    if dataclasses.is_dataclass(wanted):
        return "must be a table of settings"
    if wanted is float:
        return "" if isinstance(value, (int, float)) and not isinstance(value, bool) else "must be a number"
    words = {str: "a text in quotes", bool: "true or false", int: "a whole number"}
    return "" if type(value) is wanted else f"must be {words[wanted]}"


def _has(given: Mapping[str, Any], name: str) -> bool:
    first, _, rest = name.partition(".")
    return first in given and (not rest or _has(given[first], rest))
