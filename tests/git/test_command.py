"""How git is run: its environment, its bounds, and that nothing of it stays."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from selfheald.domain.errors import PermanentError, RefusedError, TransientError
from selfheald.git.command import Call, GitProgram
from selfheald.git.repositories import GitRepositories
from tests.git.origin import REPOSITORY, TOKEN, Origin

RECORDER = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
os.execvp("git", ["git", *sys.argv[1:]])
"""


def _script(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _shell(tmp_path: Path, text: str) -> GitProgram:
    return GitProgram(_script(tmp_path / "git", f"#!/bin/sh\n{text}\n"))


def _call(**more: object) -> Call:
    details: dict[str, object] = {"doing": "trying", "args": ("version",), "timeout": 20.0, **more}
    return Call(**details)  # type: ignore[arg-type]  # by name


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def _gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while _alive(pid):  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0)


async def test_git_runs() -> None:
    answer = await GitProgram().run(_call())

    assert answer.stdout.startswith(b"git version")


async def test_no_git_is_told(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="there is no program"):
        await GitProgram(str(tmp_path / "none")).run(_call())


async def test_a_mirror_that_went_away_is_tried_again_later(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="gone"):
        await GitProgram().run(_call(git_dir=tmp_path / "gone"))


async def test_git_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    program = _shell(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid; wait")

    with pytest.raises(TransientError, match="longer than"):
        await program.run(_call(timeout=1.0))

    await _gone(int((tmp_path / "pid").read_text()))


async def test_cancelling_ends_git_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    program = _shell(tmp_path, f"echo $$ > {tmp_path}/started; exec sleep 600")
    task = asyncio.create_task(program.run(_call()))
    pid = int(await asyncio.to_thread((tmp_path / "started").read_text))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await _gone(pid)


async def test_endless_output_is_refused_or_cut(tmp_path: Path) -> None:
    program = _shell(tmp_path, "yes")

    with pytest.raises(RefusedError, match="more than 1000 bytes"):
        await program.run(_call(limit=1000))
    assert (await program.run(_call(limit=4, may_be_cut=True))).stdout == b"y\ny\n"


async def test_git_that_does_not_listen_is_judged_by_how_it_ends(tmp_path: Path) -> None:
    program = _shell(tmp_path, "exec <&-; echo gone wrong >&2; exit 3")

    with pytest.raises(TransientError, match="ended with 3: gone wrong"):
        await program.run(_call(stdin=b"x" * 1_000_000))


async def test_an_error_in_what_is_fed_ends_git(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"start"
        raise RefusedError("the file changed")

    with pytest.raises(RefusedError, match="the file changed"):
        await _shell(tmp_path, "cat >/dev/null; exec sleep 600").run(_call(stdin=broken()))


async def test_git_sees_nothing_of_our_environment(tmp_path: Path) -> None:
    answer = await _shell(tmp_path, "env; nice").run(_call(gentle=True))

    lines = answer.stdout.decode().splitlines()
    names = {line.split("=")[0] for line in lines[:-1]}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        *("PATH", "HOME", "LC_ALL", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_ATTR_NOSYSTEM"),
        *("GIT_TERMINAL_PROMPT", "GIT_LITERAL_PATHSPECS", "GIT_NO_REPLACE_OBJECTS"),
    }
    assert int(lines[-1]) >= 10


async def test_the_token_is_in_no_argument_no_file_and_only_where_git_needs_it(origin: Origin, tmp_path: Path) -> None:
    log = tmp_path / "log"
    recorder = _script(tmp_path / "recorder", RECORDER.format(python="/usr/bin/env -S python3 -I", log=str(log)))
    repositories = origin.repositories(tmp_path / "state", program=recorder)

    tree = await repositories.checkout(REPOSITORY, origin.commit({"a": b"a"}), tmp_path / "tree")
    await repositories.push(REPOSITORY, tree.commit, f"selfheal-{tree.commit}", expected=None)
    await repositories.settled()
    await repositories.aclose()

    runs = [json.loads(line) for line in log.read_text().splitlines()]
    assert not any(TOKEN in json.dumps(argv) or "Authorization" in json.dumps(argv) for argv, _ in runs)
    with_token = [argv for argv, env in runs if "Authorization" in json.dumps(env)]
    assert {next(a for a in argv if a in ("fetch", "push", "ls-remote")) for argv in with_token} == {
        *("fetch", "push", "ls-remote")
    }
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert not any(b"Basic" in path.read_bytes() or TOKEN.encode() in path.read_bytes() for path in files)


async def test_other_protocols_are_refused_even_by_address(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    await repositories.checkout(REPOSITORY, origin.commit({"a": b"a"}), tmp_path / "tree")
    mirror = tmp_path / f"state/mirrors/{REPOSITORY}.git"

    with pytest.raises(TransientError, match="transport 'file' not allowed"):
        await GitProgram().run(_call(git_dir=mirror, args=("ls-remote", f"file://{origin.bare()}")))
