"""``python -m selfheald.simulator``: a simulated Semaphore and GitHub to explore by hand."""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from selfheald.simulator import example
from selfheald.simulator.bare import branches
from selfheald.simulator.town import Ports, Town, simulate

CONFIGURATION = """\
# selfheald.yaml; start the daemon with
#   SEMAPHORE_API_TOKEN={semaphore_token} GITHUB_TOKEN={github_token} OPENAI_API_KEY=...
organizations:
  - name: acme
    url: {semaphore_url}
    token_env: SEMAPHORE_API_TOKEN
    mcp_url: {semaphore_url}/mcp
github:
  api_url: {github_url}
  git_url: {git_url}
  token_env: GITHUB_TOKEN
agents:
  codex: {{kind: codex, api_key_env: OPENAI_API_KEY}}
state_dir: ./state
projects:
  - {{name: {project}, organization: acme}}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted. Gives the exit status."""
    options = _parser().parse_args(arguments)
    ports = Ports(semaphore=options.semaphore_port, github=options.github_port, git=options.git_port)
    with _folder(options.folder) as folder:
        try:
            asyncio.run(_run(folder, ports))
        except OSError as error:
            sys.stderr.write(f"the simulator cannot start: {error}\n")
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m selfheald.simulator",
        description="A Semaphore, a GitHub, a git server and a CI runner on 127.0.0.1, with an example repository "
        "whose test fails. It runs the commands of what is pushed to it, as you. Ctrl-C ends it.",
    )
    parser.add_argument("--folder", type=Path, help="where the repositories are kept (default: a temporary folder)")
    for server in ("semaphore", "github", "git"):
        parser.add_argument(f"--{server}-port", type=int, default=0, metavar="PORT", help="default: a free one")
    return parser


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="selfheald-simulator-") as folder:
        yield Path(folder)


async def _run(folder: Path, ports: Ports) -> None:
    interrupted, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    async with simulate(folder, ports=ports) as town:
        await _furnish(town)
        sys.stdout.write(_addresses(town))
        sys.stdout.flush()
        await interrupted.wait()


async def _furnish(town: Town) -> None:
    """Make the example and break it; a folder that was used before has it already."""
    town.project(example.PROJECT, repository=example.SLUG)
    if not town.github.path(example.SLUG).exists():
        await town.create_repository(example.SLUG, example.FILES)
        await town.push_files(example.SLUG, "main", example.BROKEN, example.MESSAGE)
        return
    head = (await branches(town.github.path(example.SLUG)))["main"]
    await town.runner.on_push(example.SLUG, "main", head, head)


def _addresses(town: Town) -> str:
    clone = f"{town.git_url.replace('//', f'//x-access-token:{town.github_token}@')}/{example.SLUG}.git"
    lines = [
        f"Semaphore  {town.semaphore_url}/api/v1alpha   token {town.semaphore_token}",
        f"GitHub     {town.github_url}   token {town.github_token}",
        f"git        {clone}",
        f"controls   {town.semaphore_url}/simulator/requests",
        "",
        CONFIGURATION.format(
            semaphore_url=town.semaphore_url,
            semaphore_token=town.semaphore_token,
            github_url=town.github_url,
            github_token=town.github_token,
            git_url=town.git_url,
            project=example.PROJECT,
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
