"""The background thread and the jobs that window and command line share; no Qt."""

from annotator.engine.session import SessionOptions, TrainingSession
from annotator.engine.thread import Engine, open_session

__all__ = ["Engine", "SessionOptions", "TrainingSession", "open_session"]
