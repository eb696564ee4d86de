"""What the verbs answer, as data, before it is written as text, JSON or CSV.

Paths are absolute and text, as `os.fsdecode` gives it: `pathlib.Path`, `open` and JSON take them, whatever bytes are in
a name. `to_dict` and `to_dicts` give rows of text and numbers, for `pandas.DataFrame` and `polars.DataFrame`.
"""

from imgindex.results.asking import Comparison, Match, Matches, Region
from imgindex.results.decided import DecidedPair, Deciding, ImportedDecisions
from imgindex.results.listing import Between, Embeddings, File
from imgindex.results.report import (
    Change,
    Corners,
    Counts,
    Group,
    Member,
    NotFollowed,
    Report,
    ReportedPair,
    Resolved,
    Thumbnail,
    losses_text,
)
from imgindex.results.runs import (
    Finding,
    IndexSummary,
    IngestSummary,
    LeftAlone,
    RootStatus,
    Status,
    VerifySummary,
    WeighSummary,
)

__all__ = [
    "Between",
    "Change",
    "Comparison",
    "Corners",
    "Counts",
    "DecidedPair",
    "Deciding",
    "Embeddings",
    "File",
    "Finding",
    "Group",
    "ImportedDecisions",
    "IndexSummary",
    "IngestSummary",
    "LeftAlone",
    "Match",
    "Matches",
    "Member",
    "NotFollowed",
    "Region",
    "Report",
    "ReportedPair",
    "Resolved",
    "RootStatus",
    "Status",
    "Thumbnail",
    "VerifySummary",
    "WeighSummary",
    "losses_text",
]
