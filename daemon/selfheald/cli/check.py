"""``selfheald check``."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import click
from rich.table import Table
from rich.text import Text

from selfheald.cli import options
from selfheald.domain.errors import NotFoundError, SelfhealdError, UnauthorizedError
from selfheald.domain.policy import Mode, Project
from selfheald.domain.prices import PriceTable
from selfheald.ports import Probe
from selfheald.settings.mistakes import MistakesError, dotted
from selfheald.settings.secret import NoSecretError
from selfheald.settings.values import Configuration, SandboxKind

_FURTHER = (
    "pipeline_files",
    "tags",
    "own_pull_requests",
    "forked_pull_requests",
    "superseded_by",
    "prompt",
    "verify",
    "limits",
    "validation",
    "pull_request",
    "protected_paths",
    "guards",
)
"""What else a project resolves to, for programs: a table has no room for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one probe found."""

    what: str
    ok: bool
    found: str


@click.command()
@options.config_option
@options.json_option
@click.option("--offline", is_flag=True, help="Only read the configuration; no secret is needed.")
def check(config: str | None, *, as_json: bool, offline: bool) -> None:
    """Validate the configuration, print what each project resolves to, then probe everything that it names.

    Exit status 1: something does not work; each line says what and how to mend it. 2: the configuration has mistakes,
    all told at once.
    """
    try:
        configuration = options.read_configuration(config, secrets=not offline)
    except MistakesError as error:
        if as_json:
            mistakes = [{"where": one.where, "key": dotted(one.path), "text": one.text} for one in error.mistakes]
            options.print_json({"mistakes": mistakes})
        raise
    options.set_up_logs(configuration)
    findings = () if offline else options.run(_probe(configuration))
    if as_json:
        projects = [_plain(one) for one in configuration.projects]
        options.print_json({"projects": projects, "findings": findings, "not_set": _not_set(configuration)})
    else:
        _show(configuration, findings, offline=offline)
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(1)


def _not_set(configuration: Configuration) -> Sequence[str]:
    """The secrets that are not there for this user."""
    places: dict[str, None] = {}
    for secret in configuration.secrets():
        try:
            secret.read()
        except NoSecretError:
            places[secret.place] = None
    return list(places)


def _warn(places: Sequence[str]) -> None:
    if places:
        text = f": {', '.join(places)}. Whatever asks Semaphore, GitHub or a model needs them"
        options.console.print(Text.assemble("\n", ("not set here", "yellow"), options.safe(text)))


async def _probe(configuration: Configuration) -> Sequence[Finding]:
    from selfheald.app.outside import open_outside  # noqa: PLC0415 - the daemon's modules take a while to load
    from selfheald.app.wiring import wire  # noqa: PLC0415
    from selfheald.app.zone import make_limiter  # noqa: PLC0415
    from selfheald.semaphore.mcp import probe_mcp  # noqa: PLC0415

    async with open_outside(configuration) as outside:
        engine = wire(outside, "check")
        findings = [await _finding("sandbox", outside.sandbox.probe())]
        findings.append(Finding(what="sandbox limits", ok=True, found=make_limiter(configuration).told()))
        findings.append(Finding(what="egress", ok=True, found=_egress(configuration)))
        for name, agent in outside.agents.items():
            findings.append(await _finding(f"agent {name}", agent.probe()))
            findings.append(
                Finding(what=f"budget of {name}", ok=True, found=_budget(configuration.agents[name].prices))
            )
        for one in configuration.organizations:
            findings.append(await _finding(f"organization {one.name}", _listing(outside.cis[one.name].projects())))
            await engine.targets.refresh(one.name)
            if one.mcp_url:
                probing = probe_mcp(one.mcp_url, one.token.read, organization=one.name)
                findings.append(await _finding(f"mcp of {one.name}", probing))
        for project in configuration.projects:
            if project.mode is Mode.OFF:
                continue
            target = engine.targets.get(project.name)
            problem = engine.targets.problems.get(project.name, "its organization does not answer")
            if target is None:
                findings.append(Finding(what=f"project {project.name}", ok=False, found=problem))
                continue
            found = f"id {target.project_id}, repository {target.repository}"
            findings.append(Finding(what=f"project {project.name}", ok=True, found=found))
            reading = outside.code_host.default_branch(target.repository)
            findings.append(await _finding(f"repository {target.repository}", _branch(reading)))
        return findings


async def _finding(what: str, probing: Awaitable[Probe]) -> Finding:
    """One probe; what goes wrong is said with the way to mend it."""
    try:
        async with asyncio.timeout(60):
            probe = await probing
    except TimeoutError:
        return Finding(what=what, ok=False, found="no answer within 60 s: look at the network and the address")
    except SelfhealdError as error:
        return Finding(what=what, ok=False, found=f"{error.message}{_mend(error)}")
    return Finding(what=what, ok=probe.ok, found=probe.found)


def _egress(configuration: Configuration) -> str:
    if configuration.sandbox is SandboxKind.NONE:
        return "whatever this machine reaches: `sandbox: none` has no gate"
    hosts = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in configuration.egress)
    return ", ".join(hosts) or "no host"


def _budget(prices: PriceTable) -> str:
    if prices.known:
        return "by its prices"
    return "it has no `prices`: cost counts as 0, and only `limits.tokens_per_attempt` bounds an attempt"


def _mend(error: SelfhealdError) -> str:
    match error:
        case UnauthorizedError():
            return ": put a token in place that may do this"
        case NotFoundError():
            return ": look at the name, and at what the token may see"
        case _:
            return ""


async def _listing(projects: Awaitable[Sequence[object]]) -> Probe:
    count = len(await projects)
    hint = "" if count else ": the token sees none, or Semaphore has an outage"
    return Probe(ok=count > 0, found=f"{_projects(count)}{hint}")


def _projects(count: int) -> str:
    return "1 project" if count == 1 else f"{count} projects"


async def _branch(reading: Awaitable[str]) -> Probe:
    return Probe(ok=True, found=f"default branch {await reading}")


def _plain(project: Project) -> dict[str, object]:
    return {
        "name": project.name,
        "organization": project.organization,
        "repository": project.repository or "as Semaphore says",
        "agent": project.agent,
        "mode": project.mode,
        "when": project.when.text,
        "include": project.branches.include,
        "exclude": project.branches.exclude,
        **{name: getattr(project, name) for name in _FURTHER},
    }


def _show(configuration: Configuration, findings: Sequence[Finding], *, offline: bool) -> None:
    console = options.console
    count = _projects(len(configuration.projects))
    console.print(Text.assemble(("ok", "green"), f"  {configuration.path}: {count}\n"))
    table = options.table("project", "organization", "mode", "agent", "when", "branches")
    for project in configuration.projects:
        branches = ", ".join(project.branches.include) + " but " + ", ".join(project.branches.exclude or ("none",))
        row = (project.organization, project.mode, project.agent, project.when.text, branches)
        table.add_row(project.name, *row)
    console.print(table)
    if offline:
        _warn(_not_set(configuration))
        return
    console.print()
    results = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = Text("ok", "green") if finding.ok else Text("no", "red")
        results.add_row(mark, finding.what, options.safe(finding.found))
    console.print(results)
