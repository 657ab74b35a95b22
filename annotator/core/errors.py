"""The one error hierarchy: every message is a plain sentence that a user can act on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from annotator.core.identity import FrameKey

COMMAND: Final = "a command for whoever looks after the installation"
"""What follows a command in a sentence that the window shows too, where nothing in the window does the same."""


class AnnotatorError(Exception):
    """Base of every error raised on purpose; ``str(error)`` is one plain sentence.

    It can be pickled whatever its constructor takes, so that it comes back from a process of its own.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """The message and the attributes, without the constructor."""
        return _unpickled, (type(self), self.args, self.__dict__)


def _unpickled(kind: type[AnnotatorError], args: tuple[Any, ...], attributes: dict[str, Any]) -> AnnotatorError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class BadInput(AnnotatorError):
    """A file or value from outside that cannot be used.

    Parameters
    ----------
    where
        The file (or option) at fault; only its name and parent are shown where it is a path.
    what
        What is wrong, as a clause: ``"the pixel data ends after 3 of 30 frames"``.
    remedy
        What to do, as a clause: ``"export the clip again from the archive"``.
    """

    def __init__(self, where: str | Path, what: str, remedy: str) -> None:
        self.where = str(where)
        self.what = what
        self.remedy = remedy
        super().__init__(f"{where}: {what}; {remedy}.")


class ProjectError(AnnotatorError):
    """A project folder that cannot be opened, written or trusted."""


class ReadOnlyProject(ProjectError):
    """A write was asked of a project that this process may only read."""


class CorruptProject(ProjectError):
    """Bytes on disk that do not match what was committed."""


class Contradiction(AnnotatorError):
    """Two claims about the same pixels that cannot both be true."""


class ContradictingLabels(Contradiction):
    """Labels from outside that contradict those of a project.

    Parameters
    ----------
    sentence
        Which frames do, and what to do.
    replaceable
        Frame and structure of each label of the project that would give way, were the new ones to replace them.
    left_out
        Frame and structure of each draft that would then be left out.
    can_replace
        Whether that would not be refused too.
    """

    def __init__(
        self,
        sentence: str,
        replaceable: tuple[tuple[FrameKey, str], ...] = (),
        left_out: tuple[tuple[FrameKey, str], ...] = (),
        *,
        can_replace: bool = False,
    ) -> None:
        self.replaceable, self.left_out, self.can_replace = replaceable, left_out, can_replace
        super().__init__(sentence)


class UnknownName(AnnotatorError):
    """A protocol, structure, clip, plugin or option that does not exist.

    Parameters
    ----------
    kind
        What was looked for, such as ``"protocol"``.
    name
        The name that was not found.
    known
        The names that exist, offered in the message.
    """

    def __init__(self, kind: str, name: str, known: tuple[str, ...] | list[str] = ()) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        offer = f"; choose one of {', '.join(self.known)}" if self.known else ""
        super().__init__(f"There is no {kind} called '{name}'{offer}.")


class BrokenPlugin(AnnotatorError):
    """A plugin that cannot be loaded, or does not keep its contract.

    Parameters
    ----------
    plugin
        Its name and kind, and the package that it came with where that is known.
    what
        What is wrong, as a clause.
    """

    def __init__(self, plugin: str, what: str) -> None:
        self.plugin, self.what = plugin, what
        super().__init__(f"The plugin {plugin} {what}; repair or uninstall it.")


class TrainingFailed(AnnotatorError):
    """The learner stopped on an error; the message says why and what to do."""


class NoDevice(AnnotatorError):
    """A device that this machine lacks, or on which nothing can be computed."""


class IncompatibleWeights(AnnotatorError):
    """Weights that were trained for another protocol, network or format version."""


class Cancelled(AnnotatorError):
    """A job ended because the user asked it to; nothing half-written is left."""

    def __init__(self, job: str) -> None:
        super().__init__(f"{job} was cancelled; nothing half-written was left behind.")
