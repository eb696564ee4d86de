"""The tables of the store. SQLite is the only truth; everything else in the store directory can be rebuilt.

The migrations in `migrations/` make these tables; a test holds the two to each other. Every row of every table has a
checksum: those of decisions, runs and steps are made by their writers, all others by the triggers of `sqlite.seals`.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

HEAD_REVISION = "0007"
"""The Alembic revision that these tables have; a test holds it to the newest file of `migrations/versions`."""

metadata = MetaData()


def _checksum() -> Column[bytes]:
    """The last column of a table whose rows are sealed: what `store.sqlite.seals` keeps of the others."""
    return Column("checksum", LargeBinary, nullable=False, default=b"")


state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("active_space_id", Integer, ForeignKey("space.id")),
    Column("rules_version", Integer, nullable=False, server_default="1"),
    _checksum(),
    CheckConstraint("id = 1", name="state_has_one_row"),
)
"""One row. `generation` grows in every transaction that changes embeddings, and only there. `rules_version` is that of
`decide.RULES_VERSION` by which the stored pairs have their verdicts."""

root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("scanned_at_s", Integer),
    Column("files", Integer, nullable=False),
    _checksum(),
    sqlite_autoincrement=True,
)
"""A folder that was given to `index`, its last completed scan and how many files that scan saw."""

image = Table(
    "image",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("size_bytes", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    Column("bit_depth", Integer, nullable=False),
    Column("has_alpha", Boolean, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("icc_digest", LargeBinary),
    Column("pixel_digest", LargeBinary),
    Column("texture", Float, nullable=False),
    _checksum(),
    Index("image_size_bytes", "size_bytes"),
    sqlite_autoincrement=True,
)
"""One distinct content. Two images with `texture` below texture.TEXTURE_FLOOR are no candidates by cosine."""

skipped = Table(
    "skipped",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("environment", Boolean, nullable=False),
    _checksum(),
    sqlite_autoincrement=True,
)
"""Why a file is not indexed. Rows of the environment's making are tried again on every run."""

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("image_id", Integer, ForeignKey("image.id")),
    Column("skipped_id", Integer, ForeignKey("skipped.id")),
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("ctime_ns", Integer, nullable=False),
    Column("inode", LargeBinary, nullable=False),
    Column("device", LargeBinary, nullable=False),
    Column("missing_since_s", Integer),
    Column("left_out", Boolean, nullable=False, server_default="0"),
    _checksum(),
    CheckConstraint("(image_id IS NULL) <> (skipped_id IS NULL)", name="file_is_indexed_or_skipped"),
    Index("file_image_id", "image_id"),
    sqlite_autoincrement=True,
)
"""A path as `os.fsencode` gives it. `inode` and `device` are 8 bytes big-endian: they may exceed a signed integer. What
is `left_out` was not looked at by the last scan, for a pattern or because its folder is hidden: until a scan looks at
it again it takes no part in anything."""

space = Table(
    "space",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("preprocessing", Text, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("precision", Text, nullable=False),
    Column("floor", Float, nullable=False),
    _checksum(),
    sqlite_autoincrement=True,
)

embedding = Table(
    "embedding",
    metadata,
    Column("image_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("space_id", Integer, ForeignKey("space.id"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False),
    _checksum(),
    Index("embedding_space_image", "space_id", "image_id"),
    Index("embedding_generation", "space_id", "generation", "image_id"),
)
"""`vector` is float32[dim], little-endian, norm 1 within 1e-3; `digest` is checksum.of_bytes of it."""

sketch = Table(
    "sketch",
    metadata,
    Column("image_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("short_side_px", Integer, nullable=False),
    Column("sketch", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _checksum(),
)
"""`sketch` is what `sketch.drawn` gives, its first byte the version, of a picture decoded for an embedder that wants
`short_side_px`; `digest` is checksum.of_bytes of it."""

pair = Table(
    "pair",
    metadata,
    Column("low_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("high_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("space_id", Integer, ForeignKey("space.id"), nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("floor", Float),
    Column("cosine", Float),
    Column("a_is_low", Boolean, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("ssim", Float),
    Column("relation", Text),
    Column("transform", Text),
    Column("share_a", Float, nullable=False),
    Column("share_b", Float, nullable=False),
    Column("scale", Float, nullable=False),
    Column("inset", Boolean, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("verifier_version", Integer, nullable=False),
    _checksum(),
    CheckConstraint("low_id < high_id", name="pair_low_below_high"),
    Index("pair_high_id", "high_id"),
)
"""One verified pair: a is the image of the smaller sha256, b the other. `evidence` is JSON."""

weighed = Table(
    "weighed",
    metadata,
    Column("low_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("high_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("grade_a", Text),
    Column("grade_b", Text),
    Column("said", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("weigher_version", Integer, nullable=False),
    Column("judge_version", Integer, nullable=False),
    _checksum(),
    CheckConstraint("low_id < high_id", name="weighed_low_below_high"),
    Index("weighed_high_id", "high_id"),
)
"""What would be lost with either image of a proven pair, a and b being those of its row in `pair`, which there always
is. `grade_a` says how a stands below b; `said` is JSON of the rest of records.Weighing, but for its `evidence`,
which is JSON, too. A proven pair without a row is not weighed."""

watermark = Table(
    "watermark",
    metadata,
    Column("image_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("space_id", Integer, ForeignKey("space.id"), primary_key=True),
    Column("floor", Float, nullable=False),
    Column("k", Integer, nullable=False),
    Column("kth_cosine", Float, nullable=False),
    Column("verifier_version", Integer, nullable=False),
    Column("nearest", LargeBinary, nullable=False, server_default=text("x''")),
    _checksum(),
)
"""This image's search is done; written in the transaction of its pairs. `kth_cosine` is what a new image must reach,
`nearest` the neighbours it was taken from (records.NEIGHBOUR)."""

pending = Table(
    "pending",
    metadata,
    Column("low_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("high_id", Integer, ForeignKey("image.id"), primary_key=True),
    Column("proposed_by", Text, nullable=False),
    Column("cosine", Float),
    Column("reason", Text, nullable=False),
    _checksum(),
    CheckConstraint("low_id < high_id", name="pending_low_below_high"),
)
"""A candidate that could not be read; tried again on every run."""

index_cache = Table(
    "index_cache",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("space_id", Integer, ForeignKey("space.id"), nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("first_id", Integer, nullable=False),
    Column("last_id", Integer, nullable=False),
    Column("vectors", Integer, nullable=False),
    Column("size_bytes", Integer),
    Column("mtime_ns", Integer),
    _checksum(),
    sqlite_autoincrement=True,
)
"""A FAISS file in the store directory, trusted only while its sha256 is `digest`. The files of a space, in the order of
`id`, hold together what the space had at the `generation` of the last: a base and what was appended to it. A file that
still has its `size_bytes` and `mtime_ns` is appended to without being read."""

decision = Table(
    "decision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made_at_s", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("low_sha256", LargeBinary(32), nullable=False),
    Column("high_sha256", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    CheckConstraint("low_sha256 < high_sha256", name="decision_low_below_high"),
    sqlite_autoincrement=True,
)
"""What a person said of two contents; the last row of a pair counts. Triggers refuse update and delete."""

nightly = Table(
    "nightly",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("finished_at_s", Integer, nullable=False),
    _checksum(),
    sqlite_autoincrement=True,
)
"""One row for each nightly run whose report was given out."""

reported = Table(
    "reported",
    metadata,
    Column("path", LargeBinary, primary_key=True),
    Column("group_number", Integer, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("is_keeper", Boolean, nullable=False),
    _checksum(),
)
"""The groups of the last nightly report, file by file: what is not new any more."""

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", Text, nullable=False, unique=True),
    Column("action", Text, nullable=False),
    Column("destination", LargeBinary),
    Column("plan_sha256", LargeBinary(32), nullable=False),
    Column("started_at_s", Integer, nullable=False),
    Column("finished_at_s", Integer),
    Column("undone_at_s", Integer),
    Column("state", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""What one `apply` did, or is doing: see acts.Run."""

step = Table(
    "step",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("keeper", LargeBinary, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("target", LargeBinary),
    Column("state", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Index("step_run_id", "run_id"),
    Index("step_path", "path"),
    Index("step_target", "target"),
    sqlite_autoincrement=True,
)
"""One file of a run, on record before it moves: see acts.Step. `facts` is JSON."""

SEALED = tuple(table for table in metadata.sorted_tables if table not in (decision, run, step))
"""Tables whose rows are sealed."""

_DIGESTED = frozenset({embedding.c.vector, sketch.c.sketch})
"""Columns that have a digest of their own in the row, which the checksum takes in."""


def sealed_columns(table: Table) -> tuple[str, ...]:
    """The columns whose values the checksum of a row is made of, in their order."""
    return tuple(column.name for column in table.c if column.name != "checksum" and column not in _DIGESTED)
