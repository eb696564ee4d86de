"""Files that patterns leave out stay known, and take no part."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file", sa.Column("left_out", sa.Boolean, nullable=False, server_default="0"))
