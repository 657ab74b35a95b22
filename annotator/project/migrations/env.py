"""Alembic environment: the connection is handed in by annotator.project.migrate."""

from alembic import context

from annotator.project.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
