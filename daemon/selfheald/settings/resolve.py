"""Checked settings to the values that the rest of the program works with."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from selfheald.domain.conditions.language import Condition
from selfheald.domain.durations import parse_duration, parse_rate
from selfheald.domain.finding import GuardAction
from selfheald.domain.guards.change import GuardPolicy
from selfheald.domain.guards.rules import GuardChoice, Rule
from selfheald.domain.ids import AgentName, OrganizationName, ProjectName, Slug
from selfheald.domain.limits import SandboxLimits, parse_size
from selfheald.domain.policy import BranchFilter, Limits, Project, PullRequestPolicy, Validation
from selfheald.domain.prices import Prices, PriceTable
from selfheald.settings import values
from selfheald.settings.checks import Surroundings, prompt_of, secret_of
from selfheald.settings.fields import split_address
from selfheald.settings.models import (
    AgentKeys,
    DefaultKeys,
    GitHubKeys,
    GuardKeys,
    LimitKeys,
    OrganizationKeys,
    PollKeys,
    PriceKeys,
    ProjectKeys,
    PullRequestKeys,
    SandboxLimitsKeys,
    Settings,
)
from selfheald.settings.secret import NoSecretError, Secret
from selfheald.settings.values import AgentKind, Configuration

_Keys = TypeVar("_Keys", bound=BaseModel)

MODEL_APIS = {
    AgentKind.CODEX: "https://api.openai.com/v1",
    AgentKind.CLAUDE_CODE: "https://api.anthropic.com",
    AgentKind.GEMINI: "https://generativelanguage.googleapis.com",
    AgentKind.OPENCODE: "https://api.openai.com/v1",
}
"""Where each kind's own provider listens."""


def resolve(settings: Settings, path: Path, surroundings: Surroundings) -> Configuration:
    """Turn settings that have no mistake into the configuration. Reads the prompts' files; raises ``ConfigError``."""
    host, port = split_address(settings.listen)
    return Configuration(
        path=path,
        organizations=tuple(_organization(keys, surroundings) for keys in settings.organizations),
        github=_github(settings.github, surroundings),
        agents={AgentName(name): _agent(name, keys, surroundings) for name, keys in settings.agents.items()},
        state_dir=surroundings.path(settings.state_dir),
        listen=values.Listen(host=host, port=port),
        sandbox=settings.sandbox,
        sandbox_limits=_sandbox_limits(settings.sandbox_limits),
        egress=tuple(split_address(address) for address in settings.egress),
        workers=settings.workers,
        poll=_poll(settings.poll),
        log=values.Log(format=settings.log.format, level=settings.log.level),
        git=values.Identity(name=settings.git.name, email=settings.git.email),
        drain_timeout=parse_duration(settings.drain_timeout),
        projects=tuple(_project(settings, keys, surroundings) for keys in settings.projects),
    )


def _sandbox_limits(keys: SandboxLimitsKeys) -> SandboxLimits:
    return SandboxLimits(
        memory=parse_size(keys.memory),
        processes=keys.processes,
        cpus=keys.cpus,
        cpu_time=parse_duration(keys.cpu_time),
        open_files=keys.open_files,
        disk=parse_size(keys.disk),
        tmp=parse_size(keys.tmp),
        output=parse_size(keys.output),
    )


def _organization(keys: OrganizationKeys, surroundings: Surroundings) -> values.Organization:
    return values.Organization(
        name=OrganizationName(keys.name),
        url=keys.url.rstrip("/"),
        token=_needed(_secret(keys, "token", surroundings)),
        mcp_url=keys.mcp_url,
    )


def _github(keys: GitHubKeys, surroundings: Surroundings) -> values.GitHub:
    app = None
    if keys.app:
        key = secret_of(keys.app.model_dump(), "private_key", surroundings, one_line=False)
        app = values.GitHubApp(id=keys.app.id, private_key=_needed(key))
    return values.GitHub(
        api_url=keys.api_url.rstrip("/"),
        git_url=keys.git_url.rstrip("/"),
        token=_secret(keys, "token", surroundings),
        app=app,
    )


def _agent(name: str, keys: AgentKeys, surroundings: Surroundings) -> values.AgentConfig:
    base_url = keys.base_url or MODEL_APIS.get(keys.kind)
    return values.AgentConfig(
        name=AgentName(name),
        kind=keys.kind,
        api_key=_secret(keys, "api_key", surroundings),
        base_url=base_url.rstrip("/") if base_url else None,
        model=keys.model,
        timeout=parse_duration(keys.timeout),
        idle_timeout=parse_duration(keys.idle_timeout),
        max_turns=keys.max_turns,
        fallback=tuple(map(AgentName, keys.fallback)),
        command=tuple(keys.command),
        mounts=tuple(Path(mount) for mount in keys.mounts),
        env=tuple(keys.env),
        binary=keys.binary,
        prices=PriceTable(
            default=_prices(keys.prices) if keys.prices else None,
            models={name: _prices(of_model) for name, of_model in keys.model_prices.items()},
        ),
    )


def _prices(keys: PriceKeys) -> Prices:
    return Prices(
        input=_exact(keys.input),
        cached_input=_exact(keys.cached_input),
        cache_write=None if keys.cache_write is None else _exact(keys.cache_write),
        output=_exact(keys.output),
    )


def _exact(dollars: float) -> Decimal:
    """By way of its text: 0.1 in the file is meant as one tenth."""
    return Decimal(str(dollars))


def _poll(keys: PollKeys) -> values.Poll:
    return values.Poll(
        interval=parse_duration(keys.interval),
        idle_interval=parse_duration(keys.idle_interval),
        requests_per_second=keys.requests_per_second,
        lookback=parse_duration(keys.lookback),
        follow_interval=parse_duration(keys.follow),
    )


def _project(settings: Settings, keys: ProjectKeys, surroundings: Surroundings) -> Project:
    merged = overlay(settings.defaults, keys)
    only_agent = next(iter(settings.agents))
    return Project(
        name=ProjectName(keys.name),
        organization=OrganizationName(keys.organization),
        repository=Slug(keys.repository) if keys.repository else None,
        agent=AgentName(merged.agent or only_agent),
        mode=merged.mode,
        when=Condition.parse(merged.when),
        branches=BranchFilter(include=tuple(merged.branches.include), exclude=tuple(merged.branches.exclude)),
        pipeline_files=tuple(merged.pipeline_files),
        tags=merged.tags,
        own_pull_requests=merged.pull_requests.own,
        forked_pull_requests=merged.pull_requests.forks,
        superseded_by=merged.superseded_by,
        prompt=prompt_of(merged.prompt, surroundings),
        verify=tuple(merged.verify),
        limits=_limits(merged.limits, settings.cost_usd_per_day),
        validation=_validation(merged),
        pull_request=_pull_request(merged.pull_request),
        protected_paths=tuple(merged.protected_paths),
        guards=_guards(merged.guards),
    )


def _limits(keys: LimitKeys, of_all: float | None) -> Limits:
    return Limits(
        attempts_per_commit=keys.attempts_per_commit,
        attempts_per_case=keys.attempts_per_case,
        cases_per_branch=parse_rate(keys.cases_per_branch),
        cases_per_project=parse_rate(keys.cases_per_project),
        open_pull_requests=keys.open_pull_requests,
        cost_usd_per_attempt=_exact(keys.cost_usd_per_attempt),
        tokens_per_attempt=keys.tokens_per_attempt,
        cost_usd_per_day=_exact(keys.cost_usd_per_day),
        cost_usd_per_day_of_all=None if of_all is None else _exact(of_all),
        cooldown=parse_duration(keys.cooldown),
        concurrent_attempts=keys.concurrent_attempts,
    )


def _guards(keys: GuardKeys) -> GuardPolicy:
    chosen: dict[str, GuardChoice] = keys.model_dump()["rules"]
    actions = {rule: chosen[rule] for rule in Rule if rule in chosen}
    return GuardPolicy(
        actions={rule: None if to is GuardChoice.OFF else GuardAction(to) for rule, to in actions.items()},
        max_files=keys.max_files,
        max_lines=keys.max_lines,
        max_file_kb=keys.max_file_kb,
        tries=keys.tries,
    )


def _validation(keys: DefaultKeys) -> Validation:
    return Validation(
        timeout=parse_duration(keys.validation.timeout), start_timeout=parse_duration(keys.validation.start_timeout)
    )


def _pull_request(keys: PullRequestKeys) -> PullRequestPolicy:
    return PullRequestPolicy(
        base=keys.base,
        title=keys.title,
        labels=tuple(keys.labels),
        reviewers=tuple(keys.reviewers),
        draft=keys.draft,
    )


def overlay(below: _Keys, above: BaseModel) -> _Keys:
    """Lay what was written in ``above`` over ``below``. Maps are merged, lists replaced."""
    update: dict[str, object] = {}
    for name in above.model_fields_set & type(below).model_fields.keys():
        old, new = getattr(below, name), getattr(above, name)
        update[name] = overlay(old, new) if isinstance(new, BaseModel) else new
    return below.model_copy(update=update)


def _secret(keys: BaseModel, stem: str, surroundings: Surroundings) -> Secret | None:
    secret = secret_of(keys.model_dump(), stem, surroundings)
    if secret:
        with suppress(NoSecretError):  # The checks have told it, if it matters.
            secret.read()  # From now on it is known, and kept out of the logs.
    return secret


def _needed(secret: Secret | None) -> Secret:
    if secret is None:
        msg = "the checks let a secret pass that is not there"
        raise AssertionError(msg)
    return secret
