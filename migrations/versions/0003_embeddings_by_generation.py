"""Embeddings by generation: what a search index lacks is found without reading every vector."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("embedding_generation", "embedding", ["space_id", "generation", "image_id"])
