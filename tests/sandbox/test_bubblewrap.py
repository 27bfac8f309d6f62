"""What only bubblewrap promises: nothing of the host but a read-only system, the tree and the home."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sandbox.processes import command_lines, marked, none_left, token

from selfheald.domain.errors import ConfigError, TransientError
from selfheald.domain.limits import SandboxLimits
from selfheald.ports import Command, Exit
from selfheald.sandbox import view
from selfheald.sandbox.bubblewrap import Bubblewrap, advice
from selfheald.sandbox.cgroups import find_ground, left_behind
from selfheald.sandbox.doors import OPENING
from selfheald.sandbox.limiter import remove_groups

CANARY = token()


REFUSAL = '[ "$1" = --version ] && echo bubblewrap 0.11.0 || { echo "bwrap: %s" >&2; exit 1; }'


@pytest.fixture
def command(tmp_path: Path) -> Command:
    tree, home = tmp_path / "attempts" / "1" / "tree", tmp_path / "attempts" / "1" / "home"
    tree.mkdir(parents=True)
    home.mkdir()
    return Command(argv=("true",), tree=tree, home=home, timeout=timedelta(seconds=60))


async def shell(command: Command, script: str) -> tuple[Exit, list[str]]:
    lines: list[str] = []
    ended = await Bubblewrap().run(
        replace(command, argv=("bash", "-c", script)), lambda line: lines.append(line.decode())
    )
    return ended, lines


def program(folder: Path, script: str) -> str:
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


async def test_only_the_listed_folders_exist_inside(command: Command) -> None:
    _, lines = await shell(command, "ls -A /; echo --; ls -A /home /run /var /tmp /dev/shm")

    top, below = "\n".join(lines).split("--\n")
    aliases = {name[1:] for name in view.USR_ALIASES}
    assert set(top.split()) - aliases == {"dev", "etc", "home", "proc", "run", "tmp", "tree", "usr", "var"}
    assert " ".join(["in", *below.split()]) == "in /dev/shm: /home: agent /run: /tmp: /var: tmp"


async def test_host_files_and_other_attempts_cannot_be_read(command: Command, tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text(CANARY)
    other = tmp_path / "attempts" / "2"
    other.mkdir()
    (other / "prompt.md").write_text(CANARY)
    hidden = [
        tmp_path / "state.sqlite",
        other / "prompt.md",
        Path("/root"),
        Path("/etc/shadow"),
        Path("/etc/ssl/private"),
    ]

    ended, lines = await shell(command, f"for f in {' '.join(map(str, hidden))}; do cat $f || ls $f; done")

    assert lines == []
    assert ended.stderr.count("No such file or directory") == 2 * len(hidden)


async def test_only_tree_home_and_scratch_are_writable(command: Command) -> None:
    places = (
        "/ /etc /usr /usr/bin /bin /home /run /var /dev /proc /proc/sys/kernel /tree /home/agent /tmp /var/tmp /dev/shm"
    )

    _, lines = await shell(command, f"for d in {places}; do (echo x > $d/probe) 2>/dev/null && echo $d; done; true")

    assert " ".join(lines) == "/tree /home/agent /tmp /var/tmp /dev/shm"


async def test_no_setting_of_the_kernel_can_be_written_and_none_of_its_secrets_be_read(command: Command) -> None:
    # Opened only, not written: to the kernel the program of a daemon that runs as root may be root.
    opened = (
        "for f in $(find /proc/sys /proc/irq /proc/fs -type f 2>/dev/null); do (: >> $f) 2>/dev/null && echo $f; done"
    )
    read = f"for f in {' '.join(view.KERNEL_SECRETS)}; do head -c 1 $f 2>/dev/null && echo $f; done"

    _, lines = await shell(command, f"test -r /proc/sys/kernel/hostname && echo there; {opened}; {read}; true")

    assert lines == ["there"]


async def test_what_is_written_to_tmp_is_gone_afterwards_and_bounded(command: Command) -> None:
    await shell(command, "echo x > /tmp/left")

    _, lines = await shell(command, "ls -A /tmp; df --output=size -B1 /tmp /dev/shm | tail -2")

    assert [int(line) for line in lines] == [SandboxLimits().tmp, view.SHM_BYTES]


async def test_processes_of_the_host_are_out_of_sight(command: Command) -> None:
    _, lines = await shell(command, "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l")

    assert int(lines[-1]) <= 6
    assert str(command.tree) not in "\n".join(lines)


async def test_the_program_has_no_rights(command: Command) -> None:
    script = "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; id -u; hostname; unshare -U true || echo no"
    _, lines = await shell(command, script)

    assert [line.split()[-1] for line in lines] == ["0" * 16, "0" * 16, "1", view.UID, "sandbox", "no"]


async def test_names_of_users_and_hosts_resolve(command: Command) -> None:
    _, lines = await shell(command, "whoami; getent hosts localhost | wc -l; ls /etc/ssl/certs/ca-certificates.crt")

    assert lines == ["agent", "1", "/etc/ssl/certs/ca-certificates.crt"]


async def test_lines_that_take_long_leave_the_daemon_its_turns(command: Command) -> None:
    turns, seen = 0, []

    async def daemon() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def on_line(_: bytes) -> None:
        seen.append(turns)
        over = time.monotonic() + 0.02
        while time.monotonic() < over:
            pass

    other = asyncio.create_task(daemon())
    await Bubblewrap().run(replace(command, argv=("seq", "100")), on_line)
    other.cancel()

    assert len(seen) == 100
    assert len(set(seen)) > 50, "it was the daemon's turn between most lines"


async def test_secrets_are_in_no_command_line(command: Command) -> None:
    mark, seen, stdin = token(), [], b"another " + CANARY.encode()

    def on_line(line: bytes) -> bool:
        seen.append((line, command_lines()))
        return False

    await Bubblewrap().run(
        replace(command, argv=("sh", "-c", f'echo "$KEY"; sleep 1000; : {mark}'), env={"KEY": CANARY}, stdin=stdin),
        on_line,
    )

    line, processes = seen[0]
    assert line.decode() == CANARY
    assert any(mark in text for text in processes.values())
    assert not any(CANARY in text for text in processes.values())


async def test_a_mount_is_shown_read_only_at_its_own_path(command: Command, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.mkdir()
    (tool / "data").write_text("shown")
    (tmp_path / "link").symlink_to(tool)

    lines: list[bytes] = []
    script = f"cat {tool}/data {tmp_path}/link/data; echo x > {tool}/data || ls {tmp_path}"
    await Bubblewrap().run(replace(command, argv=("sh", "-c", script), mounts=(tool, tmp_path / "link")), lines.append)

    assert lines == [b"shownshownlink", b"tool"]


@pytest.mark.parametrize(
    ("mount", "complaint"),
    [
        ("tool", "must be absolute"),
        ("/usr/../root", "must be absolute"),
        ("/no/such/tool", "no such file"),
        ("/", "too wide"),
        ("/etc", "too wide"),
        (str(Path.home()), "too wide"),
        ("/proc/1", "nothing of"),
        ("/run", "nothing of"),
        ("STATE", "selfheald's own"),
        ("STATE/cases", "selfheald's own"),
        ("STATE/..", "must be absolute"),
        ("ABOVE", "selfheald's own"),
        ("LINK", "selfheald's own"),
    ],
)
async def test_a_mount_that_would_undo_the_sandbox_is_refused(
    command: Command, tmp_path: Path, mount: str, complaint: str
) -> None:
    state = tmp_path / "above" / "state"
    (state / "cases").mkdir(parents=True)
    (tmp_path / "link").symlink_to(state)
    for word, path in {"STATE": state, "ABOVE": state.parent, "LINK": tmp_path / "link"}.items():
        mount = mount.replace(word, str(path))

    with pytest.raises(ConfigError, match=complaint):
        await Bubblewrap(forbidden=[state]).run(replace(command, mounts=(Path(mount),)), lambda _: None)


STARTER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from selfheald.ports import Command
from selfheald.sandbox.bubblewrap import Bubblewrap
tree, home, script = sys.argv[1:]
command = Command(argv=("sh", "-c", script), tree=Path(tree), home=Path(home), timeout=timedelta(seconds=100))
asyncio.run(Bubblewrap(owner="killed").run(command, lambda line: print(line.decode(), flush=True)))
"""


def test_everything_dies_with_a_daemon_that_is_killed(command: Command) -> None:
    mark = token()
    script = f"(setsid sh -c 'sleep 1000; : {mark}' &); echo began; sleep 1000"
    source = Path(__file__).parents[2] / "daemon"
    argv = [sys.executable, "-c", STARTER, str(command.tree), str(command.home), script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(source)}) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"began\n"
        # The daemon has the script in its own command line: it is looked for without it.
        inside = [os.pidfd_open(pid) for pid in marked(mark) if pid != daemon.pid]

        daemon.send_signal(signal.SIGKILL)

        daemon.wait(30)
        try:
            assert inside
            assert all(_dead_within(pidfd, seconds=30) for pidfd in inside)
        finally:
            for pidfd in inside:
                os.close(pidfd)
    left = asyncio.run(remove_groups("killed"))  # as the next daemon does
    ground = find_ground()
    assert left == (1 if ground else 0)
    assert ground is None or list(left_behind(ground, "killed")) == []


def _dead_within(pidfd: int, *, seconds: float) -> bool:

    return bool(select.select([pidfd], [], [], seconds)[0])


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo bubblewrap 0.6.1", "bubblewrap 0.6.1 is too old: 0.8 or newer is needed"),
        ("echo ${1#--}", "of unknown version is too old"),
        (REFUSAL % "No permissions to create new namespace", "kernel.unprivileged_userns_clone=1"),
        (REFUSAL % "setting up uid map: Permission denied", "kernel.apparmor_restrict_unprivileged_userns=0"),
        (REFUSAL % "loopback: Failed RTM_NEWADDR: Operation not permitted", "apparmor_restrict_unprivileged_userns=0"),
        (REFUSAL % "Can't mount proc on /newroot/proc: Operation not permitted", "procMount: Unmasked"),
    ],
)
async def test_the_probe_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path, script: str, told: str) -> None:
    probe = await Bubblewrap(program=program(tmp_path, script)).probe()

    assert not probe.ok
    assert told in probe.found


async def test_the_probe_names_the_package_when_bubblewrap_is_missing(tmp_path: Path) -> None:
    probe = await Bubblewrap(program=str(tmp_path / "bwrap")).probe()

    assert not probe.ok
    assert "Debian package bubblewrap" in probe.found


async def test_a_broken_bubblewrap_is_found_out_by_the_probe(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)

    probe = await Bubblewrap(program=str(broken)).probe()

    assert not probe.ok
    assert "asking" in probe.found


async def test_a_sandbox_that_cannot_start_is_transient(command: Command) -> None:
    with pytest.raises(TransientError, match="starting the sandbox: bwrap:"):
        await Bubblewrap().run(replace(command, tree=command.tree / "gone"), lambda _: None)


async def test_a_silent_bubblewrap_is_told_by_its_code(command: Command, tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="bubblewrap ended with 4"):
        await Bubblewrap(program=program(tmp_path, "exit 4")).run(command, lambda _: None)


async def test_a_bubblewrap_that_says_nothing_is_ended_by_the_time_limit(command: Command, tmp_path: Path) -> None:
    silent = Bubblewrap(program=program(tmp_path, "exec sleep 1000"))

    ended = await silent.run(replace(command, timeout=timedelta(milliseconds=100)), lambda _: None)

    assert (ended.code, ended.timed_out) == (None, True)


async def test_the_end_of_bubblewrap_itself_is_a_signal(command: Command) -> None:
    mark = token()

    def on_line(line: bytes) -> None:
        for pid in marked(mark):
            if Path(f"/proc/{pid}/status").read_text().count("Name:\tbwrap"):
                os.kill(pid, signal.SIGKILL)
                return

    ended = await Bubblewrap().run(replace(command, argv=("sh", "-c", f"echo; sleep 1000; : {mark}")), on_line)

    assert ended.code is not None
    assert ended.code < 0
    none_left(mark)


def test_a_system_without_merged_usr_is_shown_folder_by_folder(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").symlink_to("usr/lib")

    arguments = " ".join(view.system(tmp_path))

    assert "--ro-bind /bin /bin" in arguments
    assert "--symlink usr/lib /lib" in arguments
    assert "/sbin" not in arguments


async def test_the_probe_tells_of_the_network() -> None:
    assert (await Bubblewrap().probe()).found.endswith("; no network but the gate")


def test_doors_that_cannot_be_opened_are_advised_upon() -> None:
    assert "setns" in advice(f"{OPENING}: Operation not permitted")


def test_java_finds_its_settings_and_nobody_its_passwords(tmp_path: Path) -> None:
    for name in ("java-17-openjdk/security", "java-17-openjdk/management", "maven/logging"):
        (tmp_path / "etc" / name).mkdir(parents=True)
    for name in ("java-17-openjdk/net.properties", "maven/m2.conf", "maven/settings.xml"):
        (tmp_path / "etc" / name).touch()

    shown = {part for part in view.system(tmp_path) if part.startswith(("/etc/java", "/etc/maven"))}

    assert shown == {
        "/etc/java-17-openjdk/security",
        "/etc/java-17-openjdk/net.properties",
        "/etc/maven/logging",
        "/etc/maven/m2.conf",
    }


def test_there_is_no_advice_for_what_is_not_known() -> None:
    assert advice("bwrap: out of luck") == ""
