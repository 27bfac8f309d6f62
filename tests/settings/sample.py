"""A small configuration that is right, to be made wrong."""

from collections.abc import Mapping
from pathlib import Path

from selfheald.settings.loading import load
from selfheald.settings.mistakes import MistakesError
from selfheald.settings.values import Configuration

ENVIRON = {"SEMAPHORE_API_TOKEN": "canary-semaphore", "GITHUB_TOKEN": "canary-github", "OPENAI_API_KEY": "canary-model"}

SMALL = """\
organizations:
  - name: acme
    url: https://acme.semaphoreci.com
    token_env: SEMAPHORE_API_TOKEN
github:
  token_env: GITHUB_TOKEN
agents:
  codex:
    kind: codex
    api_key_env: OPENAI_API_KEY
projects:
  - name: billing
    organization: acme
"""


def load_text(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON, *, secrets: bool = True) -> Configuration:
    """Load a configuration that consists of this text."""
    path = folder / "selfheald.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ, secrets=secrets)


def mistakes_in(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """Give the lines of the error, without the folder's name."""
    try:
        load_text(folder, text, environ)
    except MistakesError as error:
        return str(error).replace(f"{folder}/", "").splitlines()
    return []
