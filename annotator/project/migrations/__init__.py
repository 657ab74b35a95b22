"""Alembic migrations of the annotation database; run by :mod:`annotator.project.migrate` at open."""
