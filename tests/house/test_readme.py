"""What the README says is so: each of its tables, configurations and commands is held against the code."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import BaseModel
from tests.house.checkout import OPERATING, README, ROOT, SOURCE, blocks, code, table, tables

from selfheald.cli.main import Commands, cli
from selfheald.domain.policy import Mode
from selfheald.settings.loading import load
from selfheald.settings.models import DefaultKeys

TEXT = README.read_text(encoding="utf-8")
GUIDE = OPERATING.read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

ENVIRON = {"SEMAPHORE_API_TOKEN": "canary-semaphore", "GITHUB_TOKEN": "canary-github", "OPENAI_API_KEY": "canary-model"}

KEYS = ("key", "default", "set it to")
COMMANDS = ("command", "what it does")
TARGETS = ("target", "what it does")
FOLDERS = ("folder", "what it is")


def targets() -> dict[str, str]:
    """The Makefile's targets, with what they say about themselves."""
    return dict(re.findall(r"^([a-z-]+):.*?## (.*)$", MAKEFILE, re.MULTILINE))


def test_every_table_of_the_readme_is_checked() -> None:
    assert [rows[0] for rows in tables(TEXT)] == [KEYS, COMMANDS, TARGETS]


def test_every_command_is_listed_in_the_order_of_the_help() -> None:
    assert [code(row[0]) for row in table(TEXT, *COMMANDS)] == [f"selfheald {name}" for name in Commands.names]


def test_every_target_is_listed_with_its_own_words() -> None:
    assert {code(target): meaning for target, meaning in table(TEXT, *TARGETS)} == {
        f"make {name}": meaning for name, meaning in targets().items()
    }


@pytest.mark.parametrize(("key", "default"), [row[:2] for row in table(TEXT, *KEYS)])
def test_every_key_of_the_readme_exists_with_this_default(key: str, default: str) -> None:
    value: Any = DefaultKeys()
    for part in code(key).split("."):
        assert isinstance(value, BaseModel)
        value = getattr(value, part)

    assert yaml.safe_load(code(default)) == value


def test_the_configuration_of_the_readme_loads(tmp_path: Path) -> None:
    (block,) = blocks(TEXT, "yaml")
    path = tmp_path / "selfheald.yaml"
    path.write_text(block, encoding="utf-8")

    (project,) = load(path, ENVIRON).projects

    assert (project.name, project.mode) == ("billing", Mode.OBSERVE)


@pytest.mark.parametrize("text", [TEXT, GUIDE, CONTRIBUTING], ids=["readme", "operating", "contributing"])
def test_every_target_that_is_named_exists(text: str) -> None:
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets().keys()


@pytest.mark.parametrize("text", [TEXT, GUIDE], ids=["readme", "operating"])
def test_every_command_line_in_a_block_is_one_that_selfheald_takes(text: str) -> None:
    lines = [line.removeprefix("$ ") for block in blocks(text, "sh", "console") for line in block.splitlines()]
    calls = [shlex.split(line)[1:] for line in lines if line.startswith("selfheald ")]

    assert calls
    for call in calls:
        parse(call)


@pytest.mark.parametrize("text", [TEXT, GUIDE], ids=["readme", "operating"])
def test_every_command_that_is_named_in_the_text_exists(text: str) -> None:
    named = re.findall(r"`selfheald ([a-z]+)([^`]*)`", text)

    assert {name for name, _ in named} <= Commands.names.keys()
    assert [f"{name} {flag}" for name, rest in named for flag in flags(rest) if flag not in options(name)] == []


def test_the_commands_that_the_readme_says_are_missing_are_missing() -> None:
    missing = re.findall(r"^- There is no command `(\w+)`", TEXT, re.MULTILINE)

    assert not set(missing) & Commands.names.keys()


def test_every_room_of_the_daemon_is_in_the_layout() -> None:
    listed = {code(row[0]) for row in table(CONTRIBUTING, *FOLDERS)}
    rooms = {f"{path.name}/" for path in SOURCE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    files = {path.name for path in SOURCE.glob("*.py") if not path.name.startswith("__")}

    assert listed == rooms | files


def parse(call: list[str]) -> None:
    """Let click read a command line, without running it. Raises click's errors."""
    with cli.make_context("selfheald", list(call)) as context:
        name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(name, rest, parent=context)


def flags(text: str) -> list[str]:
    """The options in a command line."""
    return re.findall(r"--[a-z-]+", text)


def options(name: str) -> set[str]:
    """The options of a command."""
    with cli.make_context("selfheald", [name]) as context:
        command = cli.get_command(context, name)
    assert command is not None
    return {option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts}
