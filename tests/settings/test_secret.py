"""Secrets are read when they are needed, and never shown."""

import os
from pathlib import Path

import pytest

from selfheald.domain.errors import ConfigError
from selfheald.settings.secret import Secret


def test_a_variables_secret_follows_the_variable() -> None:
    environ = {"TOKEN": "first\n"}
    secret = Secret(name="TOKEN", environ=environ)
    assert secret.read() == "first"

    environ["TOKEN"] = "second"

    assert secret.read() == "second"
    assert list(secret.seen()) == ["first", "second"]


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n", encoding="utf-8")
    secret = Secret(file=file)
    assert secret.read() == "first"

    replacement = tmp_path / "new"
    replacement.write_text("other\n", encoding="utf-8")
    os.replace(replacement, file)  # noqa: PTH105 - as Kubernetes does it

    assert secret.read() == "other"


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first", encoding="utf-8")
    secret = Secret(file=file)
    secret.read()
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)

    file.write_text("other", encoding="utf-8")
    os.utime(file, ns=times)

    assert secret.read() == "first"


def test_a_vanished_or_emptied_secret_says_what_to_do_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first", encoding="utf-8")
    secret = Secret(file=file)
    secret.read()

    file.write_text("", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ConfigError, match="token is empty; put the secret there"):
            secret.read()
    file.unlink()
    with pytest.raises(ConfigError, match="token cannot be read: No such file or directory; put the secret there"):
        secret.read()


def test_a_secret_never_shows_its_value() -> None:
    secret = Secret(name="TOKEN", environ={"TOKEN": "canary"})
    secret.read()

    assert "canary" not in f"{secret!r} {secret} {[secret]}"


def test_an_empty_variable_is_told_apart_from_a_missing_one() -> None:
    with pytest.raises(ConfigError, match="variable A is empty"):
        Secret(name="A", environ={"A": " "}).read()
    with pytest.raises(ConfigError, match="variable B is not set"):
        Secret(name="B", environ={}).read()


def test_secrets_are_the_same_if_they_stand_at_the_same_place(tmp_path: Path) -> None:
    here, there = Secret(name="TOKEN", environ={"TOKEN": "a"}), Secret(name="TOKEN", environ={"TOKEN": "b"})

    assert here == there
    assert len({here, there, Secret(file=tmp_path / "token"), Secret(name="OTHER")}) == 3
    assert here != "TOKEN"
