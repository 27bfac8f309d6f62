"""What holds in every sandbox."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sandbox.processes import none_left, token

from selfheald.domain.errors import NotFoundError
from selfheald.domain.limits import Limit
from selfheald.ports import Command, Exit, Sandbox
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.lines import LINE_LIMIT, TAIL_LIMIT
from selfheald.sandbox.unconfined import Unconfined

LONG = timedelta(seconds=60)


@pytest.fixture(params=[Bubblewrap, Unconfined])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made: Sandbox = request.param()
    return made


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "tree").mkdir()
    (tmp_path / "home").mkdir()
    return Command(argv=("true",), tree=tmp_path / "tree", home=tmp_path / "home", timeout=LONG)


def shell(command: Command, script: str, **changes: object) -> Command:
    return replace(command, argv=("sh", "-c", script), **changes)  # type: ignore[arg-type]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def one_turn() -> None:
    """Let the event loop go round once."""
    turned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turned.set_result, None)
    await turned


async def output(sandbox: Sandbox, command: Command) -> tuple[Exit, list[str]]:
    lines: list[str] = []
    ended = await sandbox.run(command, lambda line: lines.append(line.decode()))
    return ended, lines


async def test_the_program_runs_in_the_tree_with_its_arguments(sandbox: Sandbox, command: Command) -> None:
    inside = sandbox.layout(command.tree, command.home)

    ended, lines = await output(
        sandbox, replace(command, argv=("sh", "-c", 'pwd; printf "%s\\n" "$@"', "sh", "a b", "*"))
    )

    assert (ended.code, ended.timed_out) == (0, False)
    assert lines == [inside.tree, "a b", "*"]


async def test_tree_and_home_are_shared_writable(sandbox: Sandbox, command: Command) -> None:
    await output(sandbox, shell(command, 'echo fixed > file; echo mine > "$HOME/note"'))

    assert (command.tree / "file").read_text() == "fixed\n"
    assert (command.home / "note").read_text() == "mine\n"


async def test_the_environment_is_what_was_given_and_nothing_of_the_daemon(sandbox: Sandbox, command: Command) -> None:
    given = {"SEMAPHORE_GIT_SHA": "abc", "QUOTED": "a b'c\nd"}

    _, lines = await output(sandbox, replace(command, argv=("env", "-0"), env=given))

    seen = dict(part.split("=", 1) for part in "\n".join(lines).split("\0") if part)
    assert given.items() <= seen.items()
    assert seen["HOME"] == sandbox.layout(command.tree, command.home).home
    assert set(seen) - set(given) <= {"PATH", "HOME", "LANG", "PWD", "SELFHEALD_RUN"}


async def test_standard_input_is_given_to_its_end(sandbox: Sandbox, command: Command) -> None:
    prompt = b"line\n" * 200_000

    ended, lines = await output(sandbox, replace(command, argv=("wc", "-c"), stdin=prompt))

    assert (ended.code, lines) == (0, [str(len(prompt))])


async def test_without_input_a_reader_sees_the_end_at_once(sandbox: Sandbox, command: Command) -> None:
    ended, lines = await output(sandbox, replace(command, argv=("cat",)))

    assert (ended.code, lines) == (0, [])


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("exit 255", 255), ("kill -9 $$", -9), ("kill $$", -15)])
async def test_the_exit_code_is_told(sandbox: Sandbox, command: Command, script: str, code: int) -> None:
    ended, _ = await output(sandbox, shell(command, script))

    assert ended.code == code


async def test_the_end_of_standard_error_is_kept_apart(sandbox: Sandbox, command: Command) -> None:
    ended, lines = await output(sandbox, shell(command, "seq 100000 >&2; echo out; echo the end >&2"))

    assert lines == ["out"]
    assert ended.stderr.endswith("100000\nthe end\n")
    assert len(ended.stderr) <= TAIL_LIMIT


async def test_a_last_line_without_line_end_counts(sandbox: Sandbox, command: Command) -> None:
    _, lines = await output(sandbox, shell(command, "printf 'a\\n\\nb'"))

    assert lines == ["a", "", "b"]


async def test_a_long_line_is_cut(sandbox: Sandbox, command: Command) -> None:
    _, lines = await output(sandbox, shell(command, "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next"))

    assert [len(line) for line in lines] == [LINE_LIMIT, 4]


async def test_a_missing_program_is_not_found(sandbox: Sandbox, command: Command) -> None:
    with pytest.raises(NotFoundError, match="no-such-agent"):
        await output(sandbox, replace(command, argv=("no-such-agent",)))


async def test_a_missing_file_is_not_found(sandbox: Sandbox, command: Command) -> None:
    with pytest.raises(NotFoundError):
        await output(sandbox, replace(command, argv=("./agent",)))


async def test_a_program_of_the_tree_runs(sandbox: Sandbox, command: Command) -> None:
    program = command.tree / "agent"
    program.write_text("#!/bin/sh\necho here\n")
    program.chmod(0o755)

    _, lines = await output(sandbox, replace(command, argv=("./agent",)))

    assert lines == ["here"]


async def test_the_time_limit_ends_every_process(sandbox: Sandbox, command: Command) -> None:
    mark = token()
    orphan = f"(setsid sh -c 'sleep 1000; : {mark}' </dev/null >/dev/null 2>&1 &)"

    ended, _ = await output(sandbox, shell(command, f"{orphan}; sleep 1000; : {mark}", timeout=timedelta(seconds=1)))

    assert (ended.code, ended.timed_out) == (None, True)
    assert ended.seconds >= 1
    none_left(mark)


async def test_what_a_program_leaves_behind_ends_with_it(sandbox: Sandbox, command: Command) -> None:
    mark = token()

    ended, lines = await output(sandbox, shell(command, f"(setsid sh -c 'sleep 1000; : {mark}' &); echo done"))

    assert (ended.code, lines) == (0, ["done"])
    none_left(mark)


async def test_a_program_ends_when_the_reader_says_so(sandbox: Sandbox, command: Command) -> None:
    mark = token()
    seen: list[bytes] = []

    def on_line(line: bytes) -> bool:
        seen.append(line)
        return len(seen) < 2

    ended = await sandbox.run(shell(command, f"seq 100; sleep 1000; : {mark}"), on_line)

    assert (ended.code, ended.timed_out) == (None, False)
    assert seen == [b"1", b"2"]
    none_left(mark)


async def test_a_flood_of_output_ends_the_program(sandbox: Sandbox, command: Command) -> None:
    ended = await sandbox.run(replace(command, argv=("cat", "/dev/zero")), lambda _: None)

    assert (ended.code, ended.timed_out) == (None, False)
    assert ended.limit is Limit.OUTPUT


async def test_a_flood_of_lines_ends_the_program_and_leaves_others_their_turn(
    sandbox: Sandbox, command: Command
) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await one_turn()

    beside = asyncio.create_task(others())
    heard: list[bytes] = []
    ended = await sandbox.run(replace(command, argv=("yes", "")), heard.append)
    beside.cancel()

    assert ended.limit is Limit.OUTPUT
    assert turns > len(heard) / 100


async def test_cancelling_ends_every_process(sandbox: Sandbox, command: Command) -> None:
    mark, began = token(), asyncio.Event()
    script = f"(setsid sh -c 'sleep 1000; : {mark}' &); echo began; sleep 1000; : {mark}"
    task = asyncio.create_task(sandbox.run(shell(command, script), lambda _: began.set()))
    await asyncio.wait_for(began.wait(), 30)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    none_left(mark)


async def test_cancelling_right_at_the_start_leaves_nothing(sandbox: Sandbox, command: Command) -> None:
    mark = token()
    for turns in range(8):
        task = asyncio.create_task(sandbox.run(shell(command, f"sleep 1000; : {mark}"), lambda _: None))
        for _ in range(turns):
            await one_turn()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    none_left(mark)


async def test_an_error_of_the_reader_ends_the_program(sandbox: Sandbox, command: Command) -> None:
    mark = token()

    def on_line(line: bytes) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await sandbox.run(shell(command, f"echo; sleep 1000; : {mark}"), on_line)
    none_left(mark)


async def test_limits_are_set_and_core_files_are_off(sandbox: Sandbox, command: Command) -> None:
    _, lines = await output(sandbox, shell(command, "ulimit -c; ulimit -n; ulimit -v"))

    assert lines[0] == "0"
    assert int(lines[1]) <= 16384
    assert lines[2] == "unlimited"


async def test_no_file_descriptor_of_the_daemon_gets_in(sandbox: Sandbox, command: Command) -> None:
    _, lines = await output(sandbox, replace(command, argv=("ls", "/proc/self/fd")))

    assert lines == ["0", "1", "2", "3"]


async def test_no_file_descriptor_is_lost_in_the_daemon(sandbox: Sandbox, command: Command) -> None:
    await output(sandbox, command)
    before = descriptors()

    for _ in range(5):
        await output(sandbox, command)

    assert descriptors() == before


async def test_the_probe_is_content_here(sandbox: Sandbox) -> None:
    probe = await sandbox.probe()

    assert probe.ok
    assert probe.found
