"""The verbs as a typed Python API: all that `ui` calls to get work done.

In: paths, pictures and numbers of a caller. Out: the values of `imgindex.results`, or an error of `imgindex.errors`.
`ImageIndex` is an open store; each module here has the verbs of one kind.
"""

from imgindex.acts import Action, ApplySummary, Plan, RunStatus, Trace, UndoSummary
from imgindex.api.acting import plan_json, read_plan, write_plan
from imgindex.api.image_index import ImageIndex, open
from imgindex.api.pair import compare
from imgindex.errors import (
    ImgIndexError,
    ModelError,
    RootError,
    StoreError,
    StoreLocked,
    StoreTooNew,
    UsageError,
)
from imgindex.ports import Embedder, Progress, Silent, Workers
from imgindex.records import DecisionKind, Grade, Loss, Reach, Relation, Space, Verdict
from imgindex.results import (
    Between,
    Change,
    Comparison,
    Counts,
    Embeddings,
    File,
    Finding,
    Group,
    IndexSummary,
    LeftAlone,
    Match,
    Matches,
    Member,
    Region,
    Report,
    ReportedPair,
    Status,
)
from imgindex.results.decided import DecidedPair, Deciding, ImportedDecisions
from imgindex.runs.report.changes import only_new
from imgindex.workers.inline import InlineWorkers
from imgindex.workers.pool import WorkerProcesses

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
