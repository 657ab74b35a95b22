"""The address of a database server: stored in clear beside the project, so its password is kept elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from annotator.core.errors import ProjectError

PASSWORD_VARIABLE: Final = "ANNOTATOR_DATABASE_PASSWORD"
_SECRETS: Final = ("password", "passwd", "pwd", "passphrase", "sslpassword")


def refuse_password(folder: Path, text: str | None) -> None:
    """Refuse an address that holds a password, which would stand in clear in the project's marker.

    Raises
    ------
    ProjectError
        Where it does, or where it is no address; the sentence does not repeat it.
    """
    if text is None:
        return
    url = _parsed(folder, text)
    if url.password is not None or any(name.lower() in _SECRETS for name in url.query):
        raise ProjectError(
            f"{folder}: the database address holds a password, which the project would store in clear; leave it out "
            f"and set the environment variable {PASSWORD_VARIABLE}."
        )


def with_password(folder: Path, text: str) -> sa.URL:
    """The address to connect to, with the password of the environment where there is one.

    Raises
    ------
    ProjectError
        Where it is no address.
    """
    url = _parsed(folder, text)
    password = os.environ.get(PASSWORD_VARIABLE)
    return url.set(password=password) if password and url.username and url.password is None else url


def _parsed(folder: Path, text: str) -> sa.URL:
    try:
        return sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ProjectError(f"{folder}: the database address is not of the form DIALECT://USER@HOST/NAME.") from None
