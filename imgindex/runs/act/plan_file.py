"""A plan as a JSON file that a person can read, and edit: what is read is taken for nothing but a wish.

Names are as Python has them: bytes that are not UTF-8 are lone surrogates, which JSON escapes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from imgindex.acts import Companion, Plan, Planned
from imgindex.errors import UsageError
from imgindex.records import Grade, Loss, Verdict

SCHEMA = 1

MAX_BYTES = 1 << 30
"""Of a plan: some million files."""


def plan_json(plan: Plan) -> str:
    """The plan as text; `plan_of` reads it."""
    return json.dumps(
        {
            "imgindex_plan": SCHEMA,
            "store": plan.store,
            "space": plan.space,
            "made_at": plan.made_at,
            "counts": {"files": len(plan.files), "bytes": plan.size_bytes, "left_out": len(plan.left_out)},
            "files": [_file(one) for one in plan.files],
            "left_out": [{"copy": one.path, "keeper": one.keeper, "why": one.why} for one in plan.left_out],
        },
        indent=1,
    )


def _file(one: Planned) -> dict[str, Any]:
    return {
        "keeper": one.keeper,
        "copy": one.path,
        "verdict": one.verdict.value,
        "grade": one.grade.value,
        "score": one.score,
        "transform": one.transform,
        "loss": [asdict(loss) for loss in one.loss],
        "why": list(one.why),
        "knows": list(one.knows),
        "bytes": one.size_bytes,
        "companions": [
            {"path": own.path, "sha256": own.sha256.hex(), "bytes": own.size_bytes} for own in one.companions
        ],
        "copy_sha256": one.sha256.hex(),
        "keeper_sha256": one.keeper_sha256.hex(),
    }


def plan_of(data: bytes, name: str) -> Plan:
    """The plan in the bytes of the file `name`; raises UsageError, which says where it is none."""
    try:
        read = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is no plan: it is no JSON ({error}); make one with: imgindex plan -o FILE") from error
    if not isinstance(read, dict) or "imgindex_plan" not in read:
        raise UsageError(f"{name} is no plan of imgindex; make one with: imgindex plan -o FILE")
    if read["imgindex_plan"] != SCHEMA:
        raise UsageError(f"{name} is a plan of another imgindex (its schema is {read['imgindex_plan']}); plan again.")
    entries = read.get("files")
    if not isinstance(entries, list):
        raise UsageError(f"{name} is damaged: it has no list of files; plan again.")
    planned = []
    for number, entry in enumerate(entries, 1):
        try:
            planned.append(_planned(entry))
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise UsageError(f"File {number} of {name} is damaged ({error}); correct it, or plan again.") from error
    twice = len(planned) - len({one.path for one in planned})
    if twice:
        raise UsageError(f"{name} names {twice} of its files more than once; plan again.")
    return Plan(_text(read, "store"), _text(read, "space"), _text(read, "made_at"), tuple(planned))


def _text(read: Mapping[str, Any], key: str) -> str:
    return str(read.get(key, ""))


def _planned(entry: Any) -> Planned:
    if not isinstance(entry, dict):
        raise TypeError("it is no object of JSON")
    return Planned(
        path=_path(entry, "copy"),
        sha256=_digest(entry, "copy_sha256"),
        size_bytes=_number(entry, "bytes"),
        keeper=_path(entry, "keeper"),
        keeper_sha256=_digest(entry, "keeper_sha256"),
        verdict=Verdict(entry["verdict"]),
        grade=Grade(entry["grade"]),
        score=float(entry["score"]),
        transform=entry["transform"],
        loss=tuple(Loss(one["what"], one["amount"], one["words"]) for one in entry.get("loss", ())),
        why=tuple(map(str, entry.get("why", ()))),
        knows=tuple(map(str, entry.get("knows", ()))),
        companions=tuple(
            Companion(_path(own, "path"), _digest(own, "sha256"), _number(own, "bytes"))
            for own in entry.get("companions", ())
        ),
    )


def _path(entry: Mapping[str, Any], key: str) -> str:
    """An absolute path that says where it leads: no `..`, nothing that a system reads in two ways."""
    value = entry[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f'"{key}" is no path')
    path = os.fsencode(value)
    if not path.startswith(b"/") or path.startswith(b"//") or b"\0" in path or os.path.normpath(path) != path:
        raise ValueError(f'"{key}" is no absolute path without "..": {value!r}')
    return value


def _digest(entry: Mapping[str, Any], key: str) -> bytes:
    value = bytes.fromhex(entry[key])
    if len(value) != 32:
        raise ValueError(f'"{key}" is no SHA-256')
    return value


def _number(entry: Mapping[str, Any], key: str) -> int:
    value = entry[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f'"{key}" is no number of bytes')
    return value
