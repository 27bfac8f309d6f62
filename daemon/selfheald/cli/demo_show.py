"""What the demo shows: progress while it lasts, and the result."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

STEPS = ("break", "detect", "decide", "heal", "push", "validate", "pull request")
MEANINGS = {
    "break": "a push to main, and CI runs its tests for real",
    "detect": "the daemon sees the failed pipeline at Semaphore",
    "decide": "guards, rules and limits allow a case",
    "heal": "the agent works in its sandbox",
    "push": "our branch is pushed",
    "validate": "CI runs the tests on our branch",
    "pull request": "CI has passed, so a pull request appears",
}


@dataclass(slots=True)
class Progress:
    """Which step is being done, since when, and what was said about the done ones."""

    done: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Each done step's seconds since the start of the step, and what came of it."""
    said: str = ""
    started: float = field(default_factory=time.monotonic)
    _since: float = field(default_factory=time.monotonic)
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    @property
    def current(self) -> str | None:
        """The first step that is not done."""
        return next((step for step in STEPS if step not in self.done), None)

    def finish(self, step: str, what: str) -> bool:
        """Say that a step is done; whether that is news. Those before it are done too."""
        if step in self.done:
            return False
        for earlier in STEPS[: STEPS.index(step)]:
            self.finish(earlier, "")
        now = time.monotonic()
        self.done[step] = (now - self._since, what)
        self._since, self.said = now, ""
        return True

    def __rich__(self) -> RenderableType:
        """A line for each step; what is said now below them."""
        table = Table.grid(padding=(0, 1))
        for step in STEPS:
            table.add_row(*self._row(step))
        return Group(table, Text(f"    {self.said}", style="dim", no_wrap=True, overflow="ellipsis"))

    def _row(self, step: str) -> Sequence[RenderableType]:
        if step in self.done:
            seconds, what = self.done[step]
            return Text("✓", style="green"), Text(step, style="bold"), Text(what), Text(f"{seconds:.1f} s", style="dim")
        if step == self.current:
            seconds = time.monotonic() - self._since
            return self._spinner, Text(step, style="bold cyan"), Text(MEANINGS[step]), Text(f"{seconds:.0f} s", "dim")
        return Text("·", style="dim"), Text(step, style="dim"), Text(MEANINGS[step], style="dim"), Text("")


def show_pull_request(console: Console, *, title: str, url: str, body: str, labels: Iterable[str]) -> None:
    """The pull request as a reviewer sees it."""
    visible = "\n".join(line for line in body.splitlines() if not line.startswith("<!--"))
    heading = Text.assemble((title, "bold"), f"\n{url}\nlabels: {', '.join(labels)}")
    console.print(Panel(Group(heading, Rule(style="dim"), Markdown(visible)), title="the pull request"))


def show_diff(console: Console, diff: str) -> None:
    """The fix."""
    console.print(Panel(Syntax(diff.rstrip(), "diff", background_color="default"), title="the fix"))


def show_metrics(console: Console, metrics: str, names: Sequence[str]) -> None:
    """Some of the daemon's metrics."""
    lines = [line for line in metrics.splitlines() if line.startswith(tuple(names)) and not line.endswith(" 0.0")]
    console.print(Panel(Text("\n".join(lines)), title="some of /metrics"))


def show_next(console: Console, *, kept: bool, commands: Sequence[tuple[str, str]]) -> None:
    """What to try next."""
    table = Table.grid(padding=(0, 2))
    for command, meaning in commands:
        table.add_row(Text(command, style="bold"), meaning)
    title = "it all keeps running: try this in another terminal (Ctrl-C ends it)" if kept else "what to try next"
    console.print(Panel(table, title=title))
