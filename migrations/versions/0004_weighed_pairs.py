"""What would be lost with either image of a proven pair, weighed after it was verified."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "weighed",
        sa.Column("low_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("high_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("grade_a", sa.Text),
        sa.Column("grade_b", sa.Text),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("weigher_version", sa.Integer, nullable=False),
        sa.Column("judge_version", sa.Integer, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("low_id < high_id", name="weighed_low_below_high"),
    )
    op.create_index("weighed_high_id", "weighed", ["high_id"])
