"""The tables, portable between SQLite and PostgreSQL; the migrations make them.

Nothing in ``labels`` or ``clip_details`` is ever updated: an edit, an undo and a redo are new rows under a
new revision, and the row with the highest revision is the current one. Rows vanish only with a patient.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

HEAD: Final = "0002"
"""The newest migration; a test holds it equal to the scripts in ``migrations/versions``."""

metadata = sa.MetaData()

# A clip's ``patient`` is the one that it was imported for; its newest details say whose it is now.
clips = sa.Table(
    "clips",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False, unique=True),
    sa.Column("patient", sa.String(13), nullable=False, index=True),
    sa.Column("content_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("added_revision", sa.Integer, sa.ForeignKey("operations.revision"), nullable=False),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("target", sa.Integer, nullable=True),
    sa.Column("is_undoable", sa.Boolean, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("time", sa.DateTime, nullable=False),
)

clip_details = sa.Table(
    "clip_details",
    metadata,
    sa.Column("clip_id", sa.Integer, sa.ForeignKey("clips.id"), primary_key=True),
    sa.Column("revision", sa.Integer, sa.ForeignKey("operations.revision"), primary_key=True),
    sa.Column("split", sa.String(10), nullable=False),
    sa.Column("header", sa.Text, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
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

labels = sa.Table(
    "labels",
    metadata,
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

sa.Index(
    "ix_labels_cells",
    labels.c.clip_id,
    labels.c.frame,
    labels.c.structure,
    labels.c.revision,
    labels.c.status,
    labels.c.origin,
    labels.c.snapshot_id,
    labels.c.author,
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

erasures = sa.Table("erasures", metadata, sa.Column("file", sa.String(120), primary_key=True))
