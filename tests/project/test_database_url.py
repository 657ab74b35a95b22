"""A database's password never stands in the project folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.core.errors import ProjectError
from annotator.project import Project
from annotator.project.database_url import PASSWORD_VARIABLE, with_password
from annotator.testing.sessions import PAIR

CLEAR = ("postgresql://ada:s3cret@db.example/echo", "postgresql://db.example/echo?user=ada&password=s3cret")


@pytest.mark.parametrize("url", CLEAR)
def test_an_address_with_a_password_makes_nothing(tmp_path: Path, url: str) -> None:
    with pytest.raises(ProjectError, match=PASSWORD_VARIABLE) as caught:
        Project.create(tmp_path / "project", PAIR, database_url=url)
    assert "s3cret" not in str(caught.value)
    assert not (tmp_path / "project").exists()


def test_no_address_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="DIALECT://"):
        Project.create(tmp_path / "project", PAIR, database_url="s3cret")


def test_the_password_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "s3cret")
    assert with_password(tmp_path, "postgresql://ada@db.example/echo").password == "s3cret"
    assert with_password(tmp_path, "sqlite:///annotations.db").password is None


def test_a_database_elsewhere_works(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    Project.create(tmp_path / "project", PAIR, database_url=url).close()
    with Project.open(tmp_path / "project") as opened:
        assert opened.protocol.ids == PAIR.ids
