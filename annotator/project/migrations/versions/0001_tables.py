"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "operations",
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("target", sa.Integer, nullable=True),
        sa.Column("is_undoable", sa.Boolean, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
    )
    op.create_table(
        "clips",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(120), nullable=False, unique=True),
        sa.Column("patient", sa.String(13), nullable=False, index=True),
        sa.Column("content_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("added_revision", sa.Integer, sa.ForeignKey("operations.revision"), nullable=False),
    )
    op.create_table(
        "clip_details",
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), primary_key=True),
        sa.Column("revision", sa.Integer, sa.ForeignKey("operations.revision"), primary_key=True),
        sa.Column("split", sa.String(10), nullable=False),
        sa.Column("header", sa.Text, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("data_revision", sa.Integer, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("is_validated", sa.Boolean, nullable=False),
        sa.Column("file", sa.String(120), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("is_tainted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "labels",
        sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), primary_key=True),
        sa.Column("frame", sa.Integer, primary_key=True),
        sa.Column("structure", sa.String(32), primary_key=True),
        sa.Column("revision", sa.Integer, sa.ForeignKey("operations.revision"), primary_key=True, index=True),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("origin", sa.String(10), nullable=False),
        sa.Column("snapshot_id", sa.Integer, sa.ForeignKey("snapshots.id"), nullable=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("inside", sa.LargeBinary, nullable=True),
        sa.Column("outside", sa.LargeBinary, nullable=True),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table("erasures", sa.Column("file", sa.String(120), primary_key=True))
