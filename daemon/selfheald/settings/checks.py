"""What only the whole configuration, or this machine, can tell: references, duplicates, secrets, files.

They look at the raw values, so that they also speak when other keys are wrong. A value of the wrong type is passed over
here: the models tell it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from selfheald.domain.default_prompt import DEFAULT_PROMPT
from selfheald.domain.errors import ConfigError
from selfheald.settings.mistakes import KeyPath, Value
from selfheald.settings.models import DEFAULT_PROMPT_FILE
from selfheald.settings.raw import Keys, entries, listed, mapping, secret_variables
from selfheald.settings.secret import NoSecretError, Secret
from selfheald.settings.values import AgentKind

Finding = tuple[KeyPath, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the configuration is read."""

    folder: Path
    """Relative paths start here."""
    environ: Mapping[str, str]
    secrets: bool = True
    """Whether a secret that is not there is a mistake."""

    def path(self, text: str) -> Path:
        """Resolve a path of the configuration."""
        return self.folder / text


def check(raw: Keys, surroundings: Surroundings) -> Iterator[Finding]:
    """Find what is wrong with the whole."""
    yield from _organizations(raw, surroundings)
    yield from _github(raw, surroundings)
    yield from _agents(raw, surroundings)
    yield from _projects(raw)
    yield from _prompts(raw, surroundings)


def _organizations(raw: Keys, surroundings: Surroundings) -> Iterator[Finding]:
    organizations = entries(raw.get("organizations"))
    yield from _twice(organizations, "organizations")
    for index, organization in organizations:
        path: KeyPath = ("organizations", index)
        yield from _one_of(organization, path, ["token_env", "token_file"])
        yield from _readable(organization, path, "token", surroundings)


def _github(raw: Keys, surroundings: Surroundings) -> Iterator[Finding]:
    github = raw.get("github")
    if not isinstance(github, dict):
        return
    yield from _one_of(github, ("github",), ["token_env", "token_file", "app"])
    yield from _readable(github, ("github",), "token", surroundings)
    app = github.get("app")
    if isinstance(app, dict):
        yield from _readable(app, ("github", "app"), "private_key", surroundings, one_line=False)


def _agents(raw: Keys, surroundings: Surroundings) -> Iterator[Finding]:
    secrets, agents = set(secret_variables(raw)), mapping(raw.get("agents"))
    for name, agent in agents.items():
        if not isinstance(agent, dict):
            continue
        path: KeyPath = ("agents", name)
        yield from _agent_kind(agent, path)
        yield from _fallbacks(listed(agent.get("fallback")), path, list(agents))
        yield from _readable(agent, path, "api_key", surroundings)
        for index, variable in enumerate(listed(agent.get("env"))):
            if variable in secrets:
                yield (*path, "env", index), "this variable holds a secret, which an agent must not see"


def _agent_kind(agent: Keys, path: KeyPath) -> Iterator[Finding]:
    """Check what an agent needs besides its kind."""
    if agent.get("api_key_env") is not None and agent.get("api_key_file") is not None:
        yield (*path, "api_key_file"), "it stands beside `api_key_env`; exactly one is allowed"
    if agent.get("kind") == AgentKind.COMMAND:
        command = agent.get("command")
        if not command or (isinstance(command, list) and not str(command[0]).strip()):
            yield (*path, "command"), "it is missing: `kind: command` needs the program and its arguments"
        for key in ("idle_timeout", "max_turns"):
            if agent.get(key) is not None:
                yield (*path, key), "`kind: command` has none: what it says and asks is not understood; use `timeout`"
        return
    if agent.get("kind") == AgentKind.OPENCODE and agent.get("model") is None:
        yield (*path, "model"), "it is missing: `kind: opencode` has no model of its own"
    if agent.get("command"):
        yield (*path, "command"), "only `kind: command` has one; `binary` names the program of the other kinds"
    if all(agent.get(key) is None for key in ("api_key_env", "api_key_file", "base_url")):
        yield (
            (*path, "api_key_env"),
            "it is missing: give `api_key_env` or `api_key_file` (or the `base_url` of a free one)",
        )


def _fallbacks(fallbacks: list[Value], path: KeyPath, agents: list[str]) -> Iterator[Finding]:
    """Two may stand in for each other: who stands in for those who stand in is not asked."""
    others = [name for name in agents if name != path[-1]]
    for index, name in enumerate(fallbacks):
        where = (*path, "fallback", index)
        if name == path[-1]:
            yield where, "an agent cannot stand in for itself"
        elif name in fallbacks[:index]:
            yield where, f"`{name}` stands twice; keep one"
        else:
            yield from _reference(name, where, others, "agent")


def _projects(raw: Keys) -> Iterator[Finding]:
    projects = entries(raw.get("projects"))
    organizations = [str(item.get("name")) for _, item in entries(raw.get("organizations"))]
    agents = list(mapping(raw.get("agents")))
    yield from _twice(projects, "projects")
    yield from _reference(mapping(raw.get("defaults")).get("agent"), ("defaults", "agent"), agents, "agent")
    for index, project in projects:
        path: KeyPath = ("projects", index)
        yield from _reference(project.get("organization"), (*path, "organization"), organizations, "organization")
        yield from _reference(project.get("agent"), (*path, "agent"), agents, "agent")
    if len(agents) > 1 and mapping(raw.get("defaults")).get("agent") is None:
        for index, project in projects:
            if project.get("agent") is None:
                yield (
                    ("projects", index, "agent"),
                    f"it is missing, here and in `defaults`; allowed are {_names(agents)}",
                )


def _prompts(raw: Keys, surroundings: Surroundings) -> Iterator[Finding]:
    levels: list[tuple[KeyPath, Keys]] = [(("defaults",), mapping(raw.get("defaults")))]
    levels += [(("projects", index), project) for index, project in entries(raw.get("projects"))]
    for path, level in levels:
        prompt = level.get("prompt")
        if isinstance(prompt, str):
            try:
                prompt_of(prompt, surroundings)
            except ConfigError as error:
                yield (*path, "prompt"), str(error)


def prompt_of(prompt: str | None, surroundings: Surroundings) -> str:
    """Read a prompt's file, or take the built-in prompt. Raises :class:`ConfigError`."""
    if prompt is None:
        return DEFAULT_PROMPT
    path = surroundings.path(prompt)
    if prompt == DEFAULT_PROMPT_FILE and not path.exists():
        return DEFAULT_PROMPT
    return _read_prompt(path)


def _read_prompt(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigError(f"the file {path} is not UTF-8 text") from None
    if not text.strip():
        raise ConfigError(f"the file {path} is empty; leave the key out for the built-in prompt")
    return text


def secret_of(
    keys: Mapping[str, Value], stem: str, surroundings: Surroundings, *, one_line: bool = True
) -> Secret | None:
    """Make the secret that ``<stem>_env`` or ``<stem>_file`` names."""
    variable, file = keys.get(f"{stem}_env"), keys.get(f"{stem}_file")
    if isinstance(variable, str):
        return Secret(
            name=variable, environ=surroundings.environ, one_line=one_line, shown=not _may_be_a_secret(variable)
        )
    if isinstance(file, str):
        return Secret(file=surroundings.path(file), one_line=one_line, shown=not _may_be_a_secret(file))
    return None


def _readable(
    keys: Keys, path: KeyPath, stem: str, surroundings: Surroundings, *, one_line: bool = True
) -> Iterator[Finding]:
    """Read a secret once, so that a missing one stops the start (unless nobody needs it)."""
    for key in (f"{stem}_env", f"{stem}_file"):
        secret = secret_of({key: keys.get(key)}, stem, surroundings, one_line=one_line)
        if secret:
            try:
                secret.read()
            except ConfigError as error:
                if surroundings.secrets or not isinstance(error, NoSecretError):
                    yield (*path, key), _without_value(str(error), keys[key])


def _without_value(text: str, name: Value) -> str:
    """Hide a name that may be a secret."""
    if isinstance(name, str) and _may_be_a_secret(name):
        return re.sub(rf"\S*{re.escape(name)}", "named here", text)
    return text


def _may_be_a_secret(name: str) -> bool:
    """Whether a name may be a secret in the wrong place: a variable in small letters, a long word as a file."""
    return name != name.upper() and name.isascii() and not re.search(r"[./]", name)


def _one_of(keys: Keys, path: KeyPath, choices: list[str]) -> Iterator[Finding]:
    given = [choice for choice in choices if keys.get(choice) is not None]
    if not given:
        yield (*path, choices[0]), f"it is missing; exactly one of {_names(choices)} is needed"
    for extra in given[1:]:
        yield (*path, extra), f"it stands beside `{given[0]}`; exactly one of {_names(choices)} is allowed"


def _twice(items: list[tuple[int, Keys]], level: str) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, item in items:
        name = item.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield (level, index, "name"), f"`{name[:80]}` stands twice, first in {level}[{first[name]}]; keep one"


def _reference(name: Value, path: KeyPath, names: list[str], kind: str) -> Iterator[Finding]:
    if isinstance(name, str) and name not in names:
        close = get_close_matches(name, names, n=1)
        meant = f"did you mean `{close[0]}`? " if close else ""
        yield path, f"there is no {kind} `{name[:80]}`; {meant}allowed are {_names(names)}"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name[:80]}`" for name in names) or "none: none is configured"
