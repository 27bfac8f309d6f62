"""``selfheald demo``."""

import asyncio
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.live import Live

from selfheald.cli import demo_scene as scene
from selfheald.cli import demo_show as show
from selfheald.cli.case import show_history
from selfheald.cli.demo_daemon import Daemon, daemon
from selfheald.cli.options import console
from selfheald.domain.attempt import Attempt
from selfheald.domain.case import Case, CaseState
from selfheald.domain.errors import SelfhealdError
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.simulator.town import Town, simulate
from selfheald.store.open import FILE_NAME, open_store

PATIENCE_SECONDS = {"command": 60, **dict.fromkeys(scene.KEYS, 900)}
"""How long the demo waits for its pull request."""

METRICS = ("selfheald_decisions_total", "selfheald_cases{", "selfheald_attempts_total", "selfheald_polls_total")


@click.command()
@click.option(
    "--agent",
    type=click.Choice(list(PATIENCE_SECONDS)),
    default="command",
    show_default=True,
    help="Who fixes the bug: a script that says that it is one, or a real agent.",
)
@click.option("--base-url", metavar="URL", help="A real agent's model: its API.")
@click.option("--model", metavar="NAME", help="A real agent's model.")
@click.option("--keep", is_flag=True, help="Leave everything running, to explore.")
def demo(*, agent: str, base_url: str | None, model: str | None, keep: bool) -> None:
    """The whole loop on this machine, with no account, token or network.

    Starts a loopback Semaphore, a loopback GitHub and a real git server, breaks a real test suite, lets a small CI run
    it, and starts the real daemon, which heals it. Ctrl-C leaves nothing behind.
    """
    cast = scene.Cast(kind=agent, base_url=base_url, model=model)
    cast.check()
    try:
        asyncio.run(_demo(cast, keep=keep))
    except asyncio.CancelledError:
        raise click.Abort from None


def _end_as_by_ctrl_c() -> None:
    """Obey a terminal that is closed, and whoever asks for the end, as Ctrl-C: nothing stays behind."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def end() -> None:
        if task and not task.cancelling():
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)


async def _demo(cast: scene.Cast, *, keep: bool) -> None:
    _end_as_by_ctrl_c()
    sandbox = await _sandbox()
    with tempfile.TemporaryDirectory(prefix="selfheald-demo-") as name:
        folder = Path(name)
        async with simulate(folder) as town:
            await scene.set_up(town)
            configuration = scene.write_configuration(folder, town, cast, sandbox=sandbox)
            async with daemon(configuration, scene.environment(town)) as running:
                play = Play(town=town, daemon=running, folder=folder)
                case = await play.until_proposed(PATIENCE_SECONDS[cast.kind])
                await play.show_result(case)
                _show_next(town, running, configuration, keep=keep)
                if keep:
                    await asyncio.Event().wait()


async def _sandbox() -> str:
    """Bubblewrap where it works; the demo's script may run unconfined where it does not, and the demo says so."""
    probe = await Bubblewrap().probe()
    if probe.ok:
        return "bubblewrap"
    console.print(f"The agent runs unconfined in this demo: {probe.found}", style="yellow")
    return "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """The demo while it lasts."""

    town: Town
    daemon: Daemon
    folder: Path

    async def until_proposed(self, patience: float) -> Case:
        """Break the tests, and watch until the pull request is there. Raises :class:`SelfhealdError` if it is not."""
        progress = show.Progress()
        try:
            async with asyncio.timeout(patience):
                return await self._until_proposed(progress)
        except TimeoutError as error:
            raise SelfhealdError(f"there is no pull request after {patience:.0f} s") from error

    async def _until_proposed(self, progress: show.Progress) -> Case:
        with Live(progress, console=console, refresh_per_second=10, transient=not console.is_terminal) as live:
            breaking = asyncio.create_task(self._break(progress), name="breaking the tests")
            try:
                case = await self._watch(progress)
            finally:
                breaking.cancel()
                await asyncio.gather(breaking, return_exceptions=True)
            live.refresh()
        if not console.is_terminal:
            console.print(progress)
        return case

    async def show_result(self, case: Case) -> None:
        """The pull request, the fix, the case's history, the metrics."""
        pull_request = self.town.github.pull_requests[scene.SLUG][case.pull_request or 0]
        show.show_pull_request(
            console,
            title=pull_request.title,
            url=case.pull_request_url,
            body=pull_request.body or "",
            labels=pull_request.labels,
        )
        async with await open_store(self.folder / "state" / FILE_NAME, read_only=True) as store:
            attempts, events = await store.cases.attempts(case.id), await store.cases.events(case.id)
        show.show_diff(console, (self.folder / "state" / attempts[-1].folder / "fix.diff").read_text())
        show_history(events)
        show.show_metrics(console, await self.daemon.metrics(), METRICS)

    async def _break(self, progress: show.Progress) -> None:
        await self.daemon.started.wait()
        commit = await self.town.push_files(scene.SLUG, "main", scene.BROKEN, scene.BREAKING)
        (pipeline,) = await self.town.finished(commit)
        progress.finish("break", f"{scene.BREAKING!r} ({commit[:10]}): CI says {pipeline.result}")

    async def _watch(self, progress: show.Progress) -> Case:
        """Read the daemon's log and its store, as anybody could."""
        while True:
            self.daemon.check()
            if said := self.daemon.said("agent_progress"):
                progress.said = f"agent: {said['line']}"
            case = await self._case()
            if case and (done := _told(case, await self._attempts(case), progress)):
                return done
            await asyncio.sleep(0.05)

    async def _case(self) -> Case | None:
        try:
            async with await open_store(self.folder / "state" / FILE_NAME, read_only=True) as store:
                return next(iter(await store.cases.cases()), None)
        except SelfhealdError:
            return None  # the daemon has not made its store yet

    async def _attempts(self, case: Case) -> Sequence[Attempt]:
        async with await open_store(self.folder / "state" / FILE_NAME, read_only=True) as store:
            return await store.cases.attempts(case.id)


_REACHED = {
    CaseState.QUEUED: 0,
    CaseState.HEALING: 0,
    CaseState.PUSHING: 1,
    CaseState.VALIDATING: 2,
    CaseState.PUBLISHING: 3,
    CaseState.PROPOSED: 4,
}


def _told(case: Case, attempts: Sequence[Attempt], progress: show.Progress) -> Case | None:
    """Tell how far the case is; the case once its pull request is there. Raises when it ended otherwise."""
    if case.state.is_end:
        why = case.reason.meaning if case.reason else ""
        raise SelfhealdError(f"the case ended {case.state}: {why} {attempts[-1].note if attempts else ''}")
    progress.finish("detect", f"pipeline {case.pipeline.id[:8]} of {case.project} failed on {case.source_branch}")
    progress.finish("decide", f"case {case.id} is opened for commit {case.commit[:10]}")
    reached = _REACHED[case.state]
    if reached > 0:
        agent = attempts[-1].agent if attempts else ""
        progress.finish("heal", f"agent {agent}: {case.summary}")
    if reached > 1:
        progress.finish("push", f"{case.branch[:19]}… is at {(case.pushed or '')[:10]}")
    if reached > 2:  # noqa: PLR2004 - the step before the last
        progress.finish("validate", f"pipeline {(case.proof or '')[:8]} passed on our commit")
    if case.state is CaseState.PROPOSED:
        progress.finish("pull request", case.pull_request_url)
        return case
    return None


def _show_next(town: Town, running: Daemon, configuration: Path, *, keep: bool) -> None:
    if keep:
        with_config = f"--config {configuration}"
        commands = [
            (f"selfheald cases {with_config}", "all cases"),
            (f"selfheald case 1 {with_config}", "this case, with its history and diff"),
            (f"selfheald case 1 --prompt {with_config}", "what the agent was told"),
            (f"curl {running.address}/metrics", "the daemon's metrics"),
            (f"git clone {town.git_url}/{scene.SLUG}.git", f"any user, password {town.github_token}: push and break"),
            ("export", f"SEMAPHORE_API_TOKEN={town.semaphore_token} GITHUB_TOKEN={town.github_token} before these"),
        ]
    else:
        commands = [
            ("selfheald demo --keep", "the same, and everything stays up to explore"),
            ("selfheald demo --agent codex", "the real Codex CLI, with your key"),
            ("selfheald check", "with config/selfheald.yaml filled in: does everything answer?"),
            ("selfheald once --dry-run", "what would be healed right now, nothing written outside"),
            ("selfheald run", "the daemon"),
        ]
    show.show_next(console, kept=keep, commands=commands)
