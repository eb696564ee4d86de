"""Reports and query answers as JSON, schema 2: fields may be added; a renamed field raises the schema.

Bytes in a path that are no UTF-8 are lone surrogates, which JSON escapes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from imgindex.acts import ApplySummary, RunStatus, Trace, UndoSummary
from imgindex.records import Loss
from imgindex.results import (
    Comparison,
    Finding,
    Group,
    IndexSummary,
    LeftAlone,
    Match,
    NotFollowed,
    Report,
    ReportedPair,
    Status,
)

SCHEMA = 2


def report_json(report: Report) -> str:
    return json.dumps({"schema": SCHEMA} | _report(report), indent=1)


def nightly_json(summary: IndexSummary, report: Report) -> str:
    """The answer of `imgindex nightly`: a report of what is new, and under `index` what the run did."""
    return json.dumps({"schema": SCHEMA, "index": asdict(summary)} | _report(report), indent=1)


def check_json(findings: Sequence[Finding]) -> str:
    """The answer of `imgindex check`."""
    return json.dumps({"schema": SCHEMA, "findings": [asdict(found) for found in findings]}, indent=1)


def _report(report: Report) -> dict[str, Any]:
    return {
        "store": report.store,
        "space": report.space,
        "generated_at": report.generated_at,
        "since": report.since,
        "counts": asdict(report.counts),
        "away": [{"folder": folder, "files": files} for folder, files in report.away],
        "groups": [group_fields(group) for group in report.groups],
        "resolved": [{"keeper": gone.keeper, "files": gone.files} for gone in report.resolved],
        "pairs": [pair_fields(pair) for pair in report.pairs],
        "hard_links": [list(names) for names in report.links],
        "skipped": [{"path": path, "reason": skip.reason, "detail": skip.detail} for path, skip in report.skipped],
    }


def index_json(summary: IndexSummary) -> str:
    """What a run of `imgindex index` did: the fields of `results.IndexSummary`."""
    return json.dumps({"schema": SCHEMA} | asdict(summary), indent=1)


def matches_json(query: str, space: str, matches: list[Match]) -> str:
    """The answer of `imgindex query`: fields as in `pairs`, `path` being the file found."""
    return json.dumps(
        {"schema": SCHEMA, "query": query, "space": space, "matches": [match_fields(match) for match in matches]},
        indent=1,
    )


def comparison_json(a: str, b: str, found: Comparison) -> str:
    """The answer of `imgindex compare`: fields as in `pairs`, with regions in pixels of the first picture."""
    written = {"written": [str(path) for path in found.written]}
    return json.dumps({"schema": SCHEMA, "a": a, "b": b} | comparison_fields(found) | written, indent=1)


def comparison_fields(found: Comparison) -> dict[str, Any]:
    o = found.outcome
    return {
        "verdict": o.verdict.value,
        "relation": None if o.relation is None else o.relation.value,
        "score": o.score,
        "ssim": o.ssim,
        "transform": o.transform,
        "share_a": o.share_a,
        "share_b": o.share_b,
        "scale": o.scale,
        "matrix": None if o.matrix is None else list(o.matrix),
        "regions": None if found.regions is None else [asdict(region) for region in found.regions],
    }


def status_json(status: Status, ignored: Sequence[LeftAlone] | None = None) -> str:
    """The answer of `imgindex status`: the fields of `results.Status`, and what is left alone where that was asked."""
    values = asdict(status) | {"skipped_by_reason": dict(status.skipped_by_reason)}
    more = {} if ignored is None else {"ignored": [asdict(left) for left in ignored]}
    return json.dumps({"schema": SCHEMA} | values | more, indent=1)


def settings_json(found: Mapping[str, tuple[Any, str]]) -> str:
    """The answer of `imgindex config`: of each setting its value, and where that comes from."""
    values = {name: {"value": value, "from": origin} for name, (value, origin) in found.items()}
    return json.dumps({"schema": SCHEMA, "settings": values}, indent=1)


def answer_json(answer: ApplySummary | UndoSummary) -> str:
    """The answer of `imgindex apply` or `imgindex undo`: the fields of the summary."""
    return json.dumps({"schema": SCHEMA} | asdict(answer), indent=1)


def runs_json(found: Sequence[RunStatus]) -> str:
    """The answer of `imgindex runs`."""
    return json.dumps({"schema": SCHEMA, "runs": [asdict(run) for run in found]}, indent=1)


def traces_json(found: Sequence[Trace]) -> str:
    """The answer of `imgindex where`."""
    return json.dumps({"schema": SCHEMA, "found": [asdict(trace) for trace in found]}, indent=1)


def group_fields(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "number": group.number,
        "keeper": group.keeper,
        "keeper_bytes": group.keeper_bytes,
        "width_px": group.width_px,
        "height_px": group.height_px,
        "why": list(group.why),
        "chosen_by": group.chosen_by,
        "not_followed": None if group.not_followed is None else _not_followed(group.not_followed),
        "keeper_new": group.keeper_new,
        "keeper_hard_links": list(group.keeper_links),
        "change": group.change.value,
        "reclaimable_bytes": group.reclaimable_bytes,
        "members": [
            {
                "path": member.path,
                "verdict": member.verdict.value,
                "score": member.score,
                "transform": member.transform,
                "grade": member.grade.value,
                "given": member.given,
                "loss": loss_fields(member.loss),
                "differs": list(member.differs),
                "size_bytes": member.size_bytes,
                "width_px": member.width_px,
                "height_px": member.height_px,
                "new": member.new,
                "hard_links": list(member.links),
            }
            for member in group.members
        ],
    }


def pair_fields(pair: ReportedPair) -> dict[str, Any]:
    return {
        "a": pair.a,
        "b": pair.b,
        "verdict": pair.verdict.value,
        "relation": None if pair.relation is None else pair.relation.value,
        "score": pair.score,
        "cosine": pair.cosine,
        "ssim": pair.ssim,
        "transform": pair.transform,
        "share_a": pair.share_a,
        "share_b": pair.share_b,
        "loss_a": None if pair.loss_a is None else loss_fields(pair.loss_a),
        "loss_b": None if pair.loss_b is None else loss_fields(pair.loss_b),
        "grade_a": None if pair.grade_a is None else pair.grade_a.value,
        "grade_b": None if pair.grade_b is None else pair.grade_b.value,
        "differs": list(pair.differs),
        "neither": pair.neither,
        "both_kept": pair.both_kept,
        "decided": None if pair.decided is None else pair.decided.value,
    }


def _not_followed(rule: NotFollowed) -> dict[str, Any]:
    return {"rule": rule.rule, "path": rule.path, "loss": loss_fields(rule.loss)}


def loss_fields(losses: Sequence[Loss]) -> list[dict[str, Any]]:
    return [asdict(loss) for loss in losses]


def match_fields(match: Match) -> dict[str, Any]:
    return {
        "path": match.path,
        "other_paths": list(match.other_paths),
        "hard_links": list(match.hard_links),
        "verdict": match.verdict.value,
        "relation": None if match.relation is None else match.relation.value,
        "score": match.score,
        "cosine": match.cosine,
        "ssim": match.ssim,
        "transform": match.transform,
        "width_px": match.width_px,
        "height_px": match.height_px,
        "size_bytes": match.size_bytes,
    }
