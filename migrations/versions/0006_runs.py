"""What was done to files: runs, and their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.Text, nullable=False, unique=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("destination", sa.LargeBinary),
        sa.Column("plan_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("started_at_s", sa.Integer, nullable=False),
        sa.Column("finished_at_s", sa.Integer),
        sa.Column("undone_at_s", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "step",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("keeper", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("target", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    for column in ("run_id", "path", "target"):
        op.create_index(f"step_{column}", "step", [column])
