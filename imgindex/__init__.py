"""Finds duplicate pictures and proves it.

    import imgindex

    with imgindex.open("my.store") as images:
        images.index("photos")
        for group in images.report().groups:
            print("keep", group.keeper, "and not", [member.path for member in group.members])
        for match in images.query("holiday.jpg", k=5):
            print(match.score, match.verdict, match.path)

`open` gives an `ImageIndex`, which has the verbs of the command line; `compare` takes two pictures, and no store. Their
answers are small frozen values (`Report`, `Group`, `Match`, ...). What they refuse is an `ImgIndexError`: its text is a
sentence for a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgindex.api import (
        Action,
        ApplySummary,
        Between,
        Change,
        Comparison,
        Counts,
        DecidedPair,
        Deciding,
        DecisionKind,
        Embedder,
        Embeddings,
        File,
        Finding,
        Grade,
        Group,
        ImageIndex,
        ImgIndexError,
        ImportedDecisions,
        IndexSummary,
        InlineWorkers,
        LeftAlone,
        Loss,
        Match,
        Matches,
        Member,
        ModelError,
        Plan,
        Progress,
        Reach,
        Region,
        Relation,
        Report,
        ReportedPair,
        RootError,
        RunStatus,
        Silent,
        Space,
        Status,
        StoreError,
        StoreLocked,
        StoreTooNew,
        Trace,
        UndoSummary,
        UsageError,
        Verdict,
        WorkerProcesses,
        Workers,
        compare,
        only_new,
        open,
        plan_json,
        read_plan,
        write_plan,
    )

__version__ = "0.1.0"
__all__ = [
    "Action",
    "ApplySummary",
    "Between",
    "Change",
    "Comparison",
    "Counts",
    "DecidedPair",
    "Deciding",
    "DecisionKind",
    "Embedder",
    "Embeddings",
    "File",
    "Finding",
    "Grade",
    "Group",
    "ImageIndex",
    "ImgIndexError",
    "ImportedDecisions",
    "IndexSummary",
    "InlineWorkers",
    "LeftAlone",
    "Loss",
    "Match",
    "Matches",
    "Member",
    "ModelError",
    "Plan",
    "Progress",
    "Reach",
    "Region",
    "Relation",
    "Report",
    "ReportedPair",
    "RootError",
    "RunStatus",
    "Silent",
    "Space",
    "Status",
    "StoreError",
    "StoreLocked",
    "StoreTooNew",
    "Trace",
    "UndoSummary",
    "UsageError",
    "Verdict",
    "WorkerProcesses",
    "Workers",
    "compare",
    "only_new",
    "open",
    "plan_json",
    "read_plan",
    "write_plan",
]


def __getattr__(name: str) -> Any:
    """The API is loaded when it is used: importing numpy and OpenCV for `imgindex --help` would be waste."""
    if name in __all__:
        from imgindex import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What `help` and completion list, before any of it is loaded."""
    return sorted({*globals(), *__all__})
