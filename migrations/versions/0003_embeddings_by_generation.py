"""Embeddings by generation, so that what a search index lacks is found without reading every vector; and when its files
were written, so that one is appended to without reading it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("embedding_generation", "embedding", ["space_id", "generation", "image_id"])
    op.add_column("index_cache", sa.Column("size_bytes", sa.Integer))
    op.add_column("index_cache", sa.Column("mtime_ns", sa.Integer))
