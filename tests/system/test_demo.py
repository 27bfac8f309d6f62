"""`selfheald demo` as anybody would run it: what it shows, and that nothing is left behind."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.sandbox.processes import marked, token
from tests.system.house import House, until
from tests.system.scripted_model import Say, Shell, scripted_model
from tests.system.test_loop import CODEX

from selfheald.cli.demo import Play
from selfheald.cli.demo_show import STEPS
from selfheald.domain.errors import SelfhealdError

pytestmark = pytest.mark.system

FIX = (
    "sed -i 's|return .total // people. . people|return [(total + i) // people for i in range(people)]|' "
    "billing/cents.py; echo 'lose no cent' > commit-message.txt"
)


@dataclass(slots=True)
class Demo:
    """A running demo, its temporary files in a folder of its own."""

    process: asyncio.subprocess.Process
    folder: Path
    output: str = ""
    reading: asyncio.Task[None] | None = field(default=None)

    async def read(self) -> None:
        assert self.process.stdout
        while chunk := await self.process.stdout.read(1 << 16):
            self.output += chunk.decode(errors="replace")

    async def end(self, number: int | None = None) -> int:
        """Its exit status; after Ctrl-C, which the terminal sends to the whole group, when asked for."""
        if number is not None:
            os.killpg(self.process.pid, number)
        return await asyncio.wait_for(self.process.wait(), 60)

    @property
    def text(self) -> str:
        """What it has shown so far, without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.output)

    @property
    def left_behind(self) -> list[object]:
        """Files and processes: each of the demo's processes has its folder in its command line or environment."""
        return [*self.folder.iterdir(), *marked(str(self.folder)), *_with_folder(self.folder)]


def _with_folder(folder: Path) -> list[int]:
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}".encode() in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


@asynccontextmanager
async def demo(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[Demo]:
    await asyncio.to_thread(folder.mkdir)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "selfheald", "demo", *arguments),
        env={**os.environ, "TMPDIR": str(folder), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    running = Demo(process, folder)
    reading = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await reading


async def test_it_shows_the_seven_steps_the_pull_request_the_fix_the_history_and_metrics(tmp_path: Path) -> None:
    async with demo(tmp_path / "demo") as running:
        assert await running.end() == 0

    steps = [line.split()[1] for line in running.output.splitlines() if line.startswith("✓")]
    assert steps == [step.split()[0] for step in STEPS]
    for part in ("What failed", "What proves it", "+    share, rest = divmod", "history", "publishing"):
        assert part in running.output
    assert 'selfheald_attempts_total{agent="command",outcome="fixed",project="billing"} 1.0' in running.output
    assert running.left_behind == []


@pytest.mark.parametrize("moment", ["· detect", "✓ break", "✓ decide", "agent: ", "✓ push", "✓ pull request"])
async def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    async with demo(tmp_path / "demo", "--keep", TTY_COMPATIBLE="1") as running:
        await until(lambda: moment in running.text)
        code = await running.end(signal.SIGINT)

    assert "Traceback" not in running.output
    assert code == 130, running.output
    assert running.left_behind == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_closed_terminal_or_a_request_to_end_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    async with demo(tmp_path / "demo", TTY_COMPATIBLE="1") as running:
        await until(lambda: "✓ break" in running.text)
        assert await running.end(number) == 130

    assert "Traceback" not in running.output
    assert running.left_behind == []


async def test_it_does_not_wait_for_ever(house: House) -> None:
    house.settings["projects"][0]["mode"] = "observe"

    async with house.daemon() as running:
        with pytest.raises(SelfhealdError, match="no pull request after 2 s"):
            await Play(town=house.town, daemon=running, folder=house.folder).until_proposed(2)


async def test_kept_it_stays_up_until_ctrl_c(tmp_path: Path) -> None:
    async with demo(tmp_path / "demo", "--keep") as running:
        found = await until(lambda: re.search(r"curl (http://\S+)/metrics", running.output))
        metrics = await asyncio.to_thread(lambda: urlopen(f"{found[1]}/metrics", timeout=10).read().decode())  # noqa: S310
        assert running.process.returncode is None
        assert await running.end(signal.SIGINT) == 130

    assert 'selfheald_cases{state="proposed"} 1.0' in metrics
    assert "Traceback" not in running.output
    assert running.left_behind == []


@pytest.mark.parametrize(
    ("codex", "missing"), [(False, "npm install -g @openai/codex@"), (True, "OPENAI_API_KEY")], ids=["codex", "key"]
)
async def test_the_real_agent_says_what_it_needs(tmp_path: Path, codex: bool, missing: str) -> None:  # noqa: FBT001
    path = f"{CODEX.parent}:/usr/bin:/bin" if codex else "/usr/bin:/bin"
    async with demo(tmp_path / "demo", "--agent", "codex", PATH=path, OPENAI_API_KEY="") as running:
        assert await running.end() == 2

    assert missing in running.output
    assert len(running.output.splitlines()) == 1


async def test_with_the_real_codex_it_ends_in_a_pull_request(tmp_path: Path) -> None:
    key = token()
    async with scripted_model([Shell(command=FIX), Say(text="Shared all.")], key=key) as model:
        path = f"{CODEX.parent}:{os.environ['PATH']}"
        chosen = ("--agent", "codex", "--base-url", model.url, "--model", "gpt-5.5")
        async with demo(tmp_path / "demo", *chosen, PATH=path, OPENAI_API_KEY=key) as running:
            assert await running.end() == 0, running.output

    assert "Selfheal CI: lose no cent" in running.output
    assert key not in running.output
    assert running.left_behind == []
