"""A checksum in every row of every table, made by triggers: no bit that a disk flips is read as a value."""

import contextlib
import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SEALED = {
    "state": "id, generation, active_space_id, rules_version",
    "root": "id, path, scanned_at_s, files",
    "image": (
        "id, sha256, size_bytes, format, width_px, height_px, mode, bit_depth, has_alpha, frames, icc_digest, "
        "pixel_digest, texture"
    ),
    "skipped": "id, reason, detail, environment",
    "file": "id, path, image_id, skipped_id, size_bytes, mtime_ns, ctime_ns, inode, device, missing_since_s, left_out",
    "space": "id, fingerprint, name, model, revision, preprocessing, dim, precision, floor",
    "embedding": "image_id, space_id, digest, generation",
    "sketch": "image_id, short_side_px, digest",
    "pair": (
        "low_id, high_id, space_id, proposed_by, floor, cosine, a_is_low, verdict, score, ssim, relation, transform, "
        "share_a, share_b, scale, inset, evidence, verifier_version"
    ),
    "weighed": "low_id, high_id, grade_a, grade_b, said, evidence, weigher_version, judge_version",
    "watermark": "image_id, space_id, floor, k, kth_cosine, verifier_version, nearest",
    "pending": "low_id, high_id, proposed_by, cosine, reason",
    "index_cache": "id, space_id, name, digest, generation, first_id, last_id, vectors, size_bytes, mtime_ns",
    "nightly": "id, finished_at_s",
    "reported": "path, group_number, sha256, is_keeper",
}

HAD_CHECKSUMS = {"pair": ("a_is_low", "inset"), "weighed": ()}
"""Tables whose rows had a checksum of another kind, and those of its values that were truth values."""


def _seal(table: str, columns: str) -> None:
    """Rows that do not match a checksum which they had, or whose texts are none, are left to be found by `check`."""
    sealed = f"imgindex_checksum({columns})"
    if table in HAD_CHECKSUMS:
        names = columns.split(", ")
        truths = [names.index(name) for name in HAD_CHECKSUMS[table]]
        driver = op.get_bind().connection.driver_connection
        driver.create_function("checksum_of_before", -1, lambda *values: _of_before(values, truths))
        sealed = f"CASE WHEN checksum = checksum_of_before({columns}) THEN {sealed} ELSE x'' END"
    seal = f"UPDATE {table} SET checksum = {sealed}"
    try:
        op.get_bind().exec_driver_sql(seal)
    except sa.exc.DBAPIError:  # a text that is no UTF-8: all but its row
        rowids = [rowid for [rowid] in op.get_bind().exec_driver_sql(f"SELECT rowid FROM {table}")]
        for rowid in rowids:
            with contextlib.suppress(sa.exc.DBAPIError):
                op.get_bind().exec_driver_sql(f"{seal} WHERE rowid = ?", (rowid,))


def _of_before(values: tuple[object, ...], truths: list[int]) -> bytes | None:
    written = [{0: False, 1: True}.get(value, value) if at in truths else value for at, value in enumerate(values)]
    try:
        data = json.dumps(written, separators=(",", ":"), ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return None
    return hashlib.blake2b(data, digest_size=8).digest()


def upgrade() -> None:
    for table in SEALED.keys() - HAD_CHECKSUMS.keys():
        op.add_column(table, sa.Column("checksum", sa.LargeBinary, nullable=False, server_default=sa.text("x''")))
    for table, columns in SEALED.items():
        _seal(table, columns)
        old = ", ".join(f"OLD.{column}" for column in columns.split(", "))
        seal = f"BEGIN UPDATE {table} SET checksum = imgindex_checksum({columns}) WHERE {table}.rowid = NEW.rowid; END"
        op.execute(f"CREATE TRIGGER {table}_sealed AFTER INSERT ON {table} {seal}")
        op.execute(
            f"CREATE TRIGGER {table}_whole BEFORE UPDATE OF {columns} ON {table} "
            f"WHEN OLD.checksum IS NOT imgindex_checksum({old}) "
            f"BEGIN SELECT RAISE(ABORT, 'a row of {table} is not as it was written'); END"
        )
        op.execute(f"CREATE TRIGGER {table}_resealed AFTER UPDATE OF {columns} ON {table} {seal}")
