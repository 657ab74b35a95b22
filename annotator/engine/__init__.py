"""The background thread and the jobs that window and command line share; no Qt."""

from annotator.engine.options import SessionOptions
from annotator.engine.session import TrainingSession
from annotator.engine.thread import Engine, open_session

__all__ = ["Engine", "SessionOptions", "TrainingSession", "open_session"]
