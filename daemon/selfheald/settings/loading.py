"""Reads the configuration, or says everything that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from selfheald.settings import checks, document, overrides
from selfheald.settings.checks import Surroundings
from selfheald.settings.document import Document
from selfheald.settings.mistakes import KeyPath, Mistake, MistakesError, Value
from selfheald.settings.models import Settings
from selfheald.settings.overrides import Override
from selfheald.settings.resolve import resolve
from selfheald.settings.shape import annotation_at
from selfheald.settings.values import Configuration
from selfheald.settings.wording import explain

DEFAULT_PATH = Path("config/selfheald.yaml")


def load(path: Path | None, environ: Mapping[str, str], *, secrets: bool = True) -> Configuration:
    """Read the configuration; ``None`` takes the file that ``SELFHEALD_CONFIG`` names, then :data:`DEFAULT_PATH`.

    It can be called again at any time (``SIGHUP``); nothing is kept between calls. Secrets given by a variable are
    looked up in ``environ`` later too. Without ``secrets`` it is no mistake when one is not there: commands that only
    look into the state folder need none. Raises :class:`MistakesError`, a ``ConfigError`` with one line per mistake.
    """
    path = path or Path(environ.get("SELFHEALD_CONFIG") or DEFAULT_PATH)
    file = document.read(path)
    if file.root is None:
        raise MistakesError(file.mistakes)
    surroundings = Surroundings(folder=file.folder, environ=environ, secrets=secrets)
    settings, mistakes = _settings(file, surroundings)
    if settings is None or mistakes:
        raise MistakesError(mistakes)
    return resolve(settings, path, surroundings)


def _settings(file: Document, surroundings: Surroundings) -> tuple[Settings | None, list[Mistake]]:
    """Validate file and environment together; everything that is wrong is in the second part."""
    variables, mistakes = overrides.read(surroundings.environ, file.data)
    mistakes.extend(file.mistakes)
    raw = overrides.merged(file.data, variables)
    findings = list(checks.check(raw, surroundings))
    settings = None
    try:
        settings = _validated(raw)
    except ValidationError as error:
        findings += [
            (path, explain(detail, path))
            for detail in error.errors(include_url=False)
            for path in [_path(detail["loc"])]
        ]
    mistakes.extend(_placed(path, text, file, variables) for path, text in findings)
    return settings, mistakes


def _validated(raw: dict[str, Value]) -> Settings:
    # Not as `**raw`: a key such as `_env_file` would be taken for an option of pydantic-settings.
    return Settings(keys=raw)  # type: ignore[call-arg]


def _path(loc: KeyPath) -> KeyPath:
    """Drop what pydantic adds to a path: ``[key]`` for a mapping's wrong key."""
    return tuple(part for part in loc if part != "[key]")


def _placed(path: KeyPath, text: str, file: Document, variables: list[Override]) -> Mistake:
    """Find out who gave the wrong value: a variable that set it or what it lies in, or else the file."""
    for variable in reversed(variables):
        if path[: len(variable.path)] == variable.path:
            return variable.mistake(path, text)
    if not file.has(path):
        for variable in variables:
            inside = annotation_at(path[:-1]) is not None and not file.has(path[:-1])
            if variable.path[: len(path)] == path or (inside and variable.path[: len(path) - 1] == path[:-1]):
                return variable.mistake(path, text)
    return file.mistake(path, text)
