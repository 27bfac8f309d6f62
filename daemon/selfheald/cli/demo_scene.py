"""What the demo plays with: a repository with a test suite, a change that breaks it, a configuration."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import selfheald.simulator.fixer
from selfheald.agents.build import KINDS
from selfheald.domain.errors import ConfigError
from selfheald.simulator.fixer import BUGGY, RIGHT
from selfheald.simulator.town import Town

PROJECT = "billing"
SLUG = "acme/billing"
BREAKING = "Simplify how an amount is shared"

_PIPELINE = """\
version: v1.0
name: Tests
agent:
  machine: {type: e2-standard-2, os_image: ubuntu2404}
blocks:
  - name: Tests
    task:
      jobs:
        - name: Unit tests
          commands:
            - checkout
            - python3 -B -m unittest discover --verbose --start-directory tests -t .
"""
_CENTS = '''\
"""Money, in cents: it never gets lost."""


def split(total, people):
    """Share an amount among people as evenly as whole cents allow."""
'''
_TESTS = """\
import unittest

from billing.cents import split


class SplitTest(unittest.TestCase):
    def test_an_even_amount(self):
        self.assertEqual(split(100, 4), [25, 25, 25, 25])

    def test_no_cent_is_lost(self):
        self.assertEqual(sum(split(100, 3)), 100)
"""

FILES = {
    "README.md": "# billing\n\nShares amounts among people.\n",
    ".semaphore/semaphore.yml": _PIPELINE,
    "billing/__init__.py": "",
    "billing/cents.py": _CENTS + RIGHT,
    "tests/__init__.py": "",
    "tests/test_cents.py": _TESTS,
}
BROKEN = {"billing/cents.py": _CENTS + BUGGY}


KEYS = {
    "codex": "OPENAI_API_KEY",
    "claude-code": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "opencode": "OPENAI_API_KEY",
}
"""Real agent: the variable that holds its model's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who fixes the bug."""

    kind: str
    """``command`` (a script that says that it is one), or a real agent."""
    base_url: str | None = None
    model: str | None = None

    def check(self) -> None:
        """Raise :class:`ConfigError` when the real agent cannot be started here."""
        if self.kind not in KEYS:
            return
        package, key = KINDS[self.kind].package, KEYS[self.kind]
        if shutil.which(package.program) is None:
            how = f"install it with `npm install -g {package.name}@{package.tested}`"
            raise ConfigError(f"--agent {self.kind}: {package.program} is not on PATH; {how}")
        if not os.environ.get(key) and not self.base_url:
            raise ConfigError(f"--agent {self.kind}: set {key}, or give --base-url of a model that needs no key")
        if KINDS[self.kind].needs_model and not self.model:
            raise ConfigError(f"--agent {self.kind}: give --model")

    def settings(self) -> dict[str, object]:
        """The agent as the configuration describes it."""
        if self.kind in KEYS:
            key = KEYS[self.kind]
            chosen = {"api_key_env": os.environ.get(key) and key, "base_url": self.base_url, "model": self.model}
            return {"kind": self.kind, "timeout": "10m", **{name: value for name, value in chosen.items() if value}}
        # The interpreter itself and not the virtual environment's link to it: the sandbox shows only what is mounted.
        python, script = os.path.realpath(sys.executable), selfheald.simulator.fixer.__file__
        mounts = [script] if sys.base_prefix == "/usr" else [sys.base_prefix, script]
        return {"kind": "command", "command": [python, script, "{prompt_file}"], "mounts": mounts, "timeout": "1m"}


def write_configuration(folder: Path, town: Town, cast: Cast, *, sandbox: str) -> Path:
    """Write the daemon's configuration file; JSON is YAML too."""
    configuration = {
        "organizations": [{"name": "acme", "url": town.semaphore_url, "token_env": "SEMAPHORE_API_TOKEN"}],
        "github": {"api_url": town.github_url, "git_url": town.git_url, "token_env": "GITHUB_TOKEN"},
        "agents": {cast.kind: cast.settings()},
        "state_dir": str(folder / "state"),
        "listen": "127.0.0.1:0",
        "sandbox": sandbox,
        "workers": 1,
        "poll": {"interval": "1s", "idle_interval": "1s", "requests_per_second": 50, "follow": "1s"},
        "log": {"format": "json"},
        "projects": [{"name": PROJECT, "organization": "acme"}],
    }
    path = folder / "selfheald.yaml"
    path.write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")
    return path


def environment(town: Town) -> dict[str, str]:
    """The daemon's environment: this one's, with the demo's tokens."""
    tokens = {"SEMAPHORE_API_TOKEN": town.semaphore_token, "GITHUB_TOKEN": town.github_token}
    return {**os.environ, **tokens}


async def set_up(town: Town) -> None:
    """Make the repository, and the project that builds each push to it."""
    await town.create_repository(SLUG, FILES)
    town.project(PROJECT)
