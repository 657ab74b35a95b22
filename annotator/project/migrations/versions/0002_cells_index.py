"""An index that holds everything the timeline shows, so that a project opens without reading a mask."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    columns = ["clip_id", "frame", "structure", "revision", "status", "origin", "snapshot_id", "author"]
    op.create_index("ix_labels_cells", "labels", columns)
