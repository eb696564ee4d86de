"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "space",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("preprocessing", sa.Text, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("precision", sa.Text, nullable=False),
        sa.Column("floor", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("active_space_id", sa.Integer, sa.ForeignKey("space.id")),
        sa.CheckConstraint("id = 1", name="state_has_one_row"),
    )
    op.create_table(
        "root",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("scanned_at_s", sa.Integer),
        sa.Column("files", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "image",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("bit_depth", sa.Integer, nullable=False),
        sa.Column("has_alpha", sa.Boolean, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("icc_digest", sa.LargeBinary),
        sa.Column("pixel_digest", sa.LargeBinary),
        sa.Column("texture", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("image_size_bytes", "image", ["size_bytes"])
    op.create_table(
        "skipped",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("environment", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "file",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("image_id", sa.Integer, sa.ForeignKey("image.id")),
        sa.Column("skipped_id", sa.Integer, sa.ForeignKey("skipped.id")),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("mtime_ns", sa.Integer, nullable=False),
        sa.Column("ctime_ns", sa.Integer, nullable=False),
        sa.Column("inode", sa.LargeBinary, nullable=False),
        sa.Column("device", sa.LargeBinary, nullable=False),
        sa.Column("missing_since_s", sa.Integer),
        sa.CheckConstraint("(image_id IS NULL) <> (skipped_id IS NULL)", name="file_is_indexed_or_skipped"),
        sqlite_autoincrement=True,
    )
    op.create_index("file_image_id", "file", ["image_id"])
    op.create_table(
        "embedding",
        sa.Column("image_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("space_id", sa.Integer, sa.ForeignKey("space.id"), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.create_index("embedding_space_image", "embedding", ["space_id", "image_id"])
    op.create_table(
        "pair",
        sa.Column("low_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("high_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("space_id", sa.Integer, sa.ForeignKey("space.id"), nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("floor", sa.Float),
        sa.Column("cosine", sa.Float),
        sa.Column("a_is_low", sa.Boolean, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("ssim", sa.Float),
        sa.Column("relation", sa.Text),
        sa.Column("transform", sa.Text),
        sa.Column("share_a", sa.Float, nullable=False),
        sa.Column("share_b", sa.Float, nullable=False),
        sa.Column("scale", sa.Float, nullable=False),
        sa.Column("inset", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("verifier_version", sa.Integer, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("low_id < high_id", name="pair_low_below_high"),
    )
    op.create_index("pair_high_id", "pair", ["high_id"])
    op.create_table(
        "watermark",
        sa.Column("image_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("space_id", sa.Integer, sa.ForeignKey("space.id"), primary_key=True),
        sa.Column("floor", sa.Float, nullable=False),
        sa.Column("k", sa.Integer, nullable=False),
        sa.Column("kth_cosine", sa.Float, nullable=False),
        sa.Column("verifier_version", sa.Integer, nullable=False),
    )
    op.create_table(
        "pending",
        sa.Column("low_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("high_id", sa.Integer, sa.ForeignKey("image.id"), primary_key=True),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("cosine", sa.Float),
        sa.Column("reason", sa.Text, nullable=False),
        sa.CheckConstraint("low_id < high_id", name="pending_low_below_high"),
    )
    op.create_table(
        "index_cache",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("space_id", sa.Integer, sa.ForeignKey("space.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("first_id", sa.Integer, nullable=False),
        sa.Column("last_id", sa.Integer, nullable=False),
        sa.Column("vectors", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO state (id, generation) VALUES (1, 0)")
