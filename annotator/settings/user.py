"""Settings of one user on one computer, kept as JSON in the platform's configuration folder."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotator.core.disk_errors import write_aside
from annotator.core.errors import BadInput

_RECENT_KEPT = 10


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # Without USERNAME, Python 3.12 asks on Windows for a module of Unix.
        return "unknown"


class UserSettings(BaseModel):
    """What a user may set.

    Parameters
    ----------
    author
        Name that is written beside every label; the login name at first.
    recent_projects
        Folders, newest first, at most ten.
    shortcuts
        Action id to key sequence, where it differs from the default.
    brush_size
        Diameter in screen-independent image pixels.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    """

    model_config = ConfigDict(extra="ignore")
    author: str = Field(default_factory=_login_name, min_length=1)
    recent_projects: tuple[str, ...] = ()
    shortcuts: dict[str, str] = Field(default_factory=dict)
    brush_size: int = Field(default=14, ge=1, le=400)
    device: str = "auto"

    def with_recent(self, project: Path) -> UserSettings:
        """The settings with a project moved to the front of the recent ones."""
        return self.model_copy(update={"recent_projects": _recent((str(project.resolve()),), self.recent_projects)})


def _recent(newer: tuple[str, ...], older: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*newer, *older)))[:_RECENT_KEPT]


def settings_path() -> Path:
    """Where the settings file is; ``ANNOTATOR_CONFIG_DIR`` overrides the platform's folder."""
    override = os.environ.get("ANNOTATOR_CONFIG_DIR")
    folder = Path(override) if override else user_config_path("annotator", appauthor=False)
    return folder / "settings.json"


def load_settings() -> UserSettings:
    """The stored settings, or the defaults where there are none.

    Raises
    ------
    BadInput
        Where the file is not valid settings.
    """
    path = settings_path()
    try:
        return UserSettings.model_validate_json(path.read_bytes())
    except OSError:
        return UserSettings()
    except ValidationError:
        raise BadInput(path, "it does not hold valid settings", "correct or delete it") from None


def save_settings(settings: UserSettings) -> None:
    """Write the settings aside and rename them into place.

    Raises
    ------
    BadInput
        Where the folder cannot be written.
    """
    path = settings_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, settings.model_dump_json(indent=2).encode())
    except OSError as error:
        raise BadInput(path, f"the settings cannot be written ({error.strerror})", "free the folder") from None


def save_changes(settings: UserSettings, *, since: UserSettings) -> None:
    """Write what changed over what is stored by now, which may be another window's.

    Parameters
    ----------
    settings
        As they are.
    since
        As they were when they were loaded or last written.

    Raises
    ------
    BadInput
        Where the folder cannot be written.
    """
    changed = {name: value for name, value in settings if value != getattr(since, name)}
    try:
        stored = load_settings() if settings_path().exists() else settings
    except BadInput:
        stored = settings
    if "recent_projects" in changed:
        changed["recent_projects"] = _recent(settings.recent_projects, stored.recent_projects)
    save_settings(stored.model_copy(update=changed))
