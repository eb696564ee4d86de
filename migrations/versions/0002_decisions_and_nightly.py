"""Decisions as an append-only log, what the last nightly report said, sketches, and the rules pairs were decided by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made_at_s", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("low_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("high_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("low_sha256 < high_sha256", name="decision_low_below_high"),
        sqlite_autoincrement=True,
    )
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER decision_no_{action.lower()} BEFORE {action} ON decision "
            "BEGIN SELECT RAISE(ABORT, 'decisions are an append-only log'); END"
        )
    op.create_table(
        "nightly",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("finished_at_s", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reported",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("group_number", sa.Integer, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("is_keeper", sa.Boolean, nullable=False),
    )
    op.create_table(
        "sketch",
        sa.Column("image_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("short_side_px", sa.Integer, nullable=False),
        sa.Column("sketch", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    op.add_column("watermark", sa.Column("nearest", sa.LargeBinary, nullable=False, server_default=sa.text("x''")))
    op.add_column("state", sa.Column("rules_version", sa.Integer, nullable=False, server_default="1"))
