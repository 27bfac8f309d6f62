"""What every command has in common: help, exit statuses, one line instead of a traceback."""

import asyncio
import os
import re
import subprocess
import sys

import pytest
from tests.cli.conftest import Desk

from selfheald import __version__
from selfheald.cli.main import Commands


def test_the_version_is_printed(desk: Desk) -> None:
    done = desk.selfheald("version")

    assert (done.code, done.out, done.err) == (0, f"selfheald {__version__}\n", "")


def test_the_help_lists_every_command_and_the_exit_statuses(desk: Desk) -> None:
    done = desk.selfheald("--help")

    assert done.code == 0
    assert all(re.search(rf"^  {name} ", done.out, re.MULTILINE) for name in Commands.names)
    assert "Exit status: 0 done, 1 it ran and the answer is" in " ".join(done.out.split())


@pytest.mark.parametrize("name", Commands.names)
def test_each_command_explains_itself(desk: Desk, name: str) -> None:
    done = desk.selfheald(name, "-h")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: selfheald {name} ")
    assert "--help" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Usage: selfheald"),
        (("heel",), "No such command 'heel'"),
        (("case",), "Missing argument 'ID'"),
        (("case", "one"), "'one' is not a valid integer"),
        (("cases", "--limit", "few"), "'few' is not a valid integer"),
        (("explain",), "Missing argument 'PIPELINE_ID'"),
        (("once", "--quickly"), "No such option"),
        (("demo", "--agent", "nobody"), "'nobody' is not one of"),
        (("check", "--config"), "requires an argument"),
        (("condition",), "give either EXPR or --jsonl FILE"),
    ],
)
def test_wrong_usage_is_told_with_exit_status_2(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    done = desk.selfheald(*arguments)

    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize("command", [("run",), ("once",), ("check",), ("cases",), ("case", "1"), ("explain", "x")])
def test_a_missing_configuration_is_named(desk: Desk, command: tuple[str, ...]) -> None:
    desk.configuration.unlink()

    done = desk.selfheald(*command)

    assert (done.code, done.out) == (2, "")
    assert str(desk.configuration) in done.err


def test_the_option_wins_over_the_environment_and_may_stand_before_the_command(desk: Desk) -> None:
    elsewhere = desk.configuration.rename(desk.configuration.with_name("other.yaml"))

    for arguments in (("--config", str(elsewhere), "cases"), ("cases", "--config", str(elsewhere))):
        assert desk.selfheald(*arguments).code == 0


@pytest.mark.parametrize("command", [("--help",), ("cases", "--json"), ("case", "1", "--json"), ("case", "1")])
def test_a_reader_that_leaves_is_no_error(healed: Desk, command: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**healed.environment, "SELFHEALD_CONFIG": str(healed.configuration)}

    done = subprocess.run(
        [sys.executable, "-m", "selfheald", *command],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_a_command_with_130(desk: Desk) -> None:
    async def interrupted() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "selfheald", "condition", "--jsonl", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=desk.environment | {"PYTHONUNBUFFERED": "1"},
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"expr": "true", "inputs": {}}\n')
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b'{"result": true}\n'
        process.send_signal(2)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, err.decode().strip()

    assert asyncio.run(interrupted()) == (130, "")
