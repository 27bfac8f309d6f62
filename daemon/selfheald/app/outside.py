"""The real parts behind the ports, made from the configuration."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from selfheald.agents.build import make_agent
from selfheald.agents.spec import AgentSpec
from selfheald.app.secrets import redactor_of
from selfheald.app.zone import make_sandbox, open_gate
from selfheald.domain.events import Event
from selfheald.domain.ids import AgentName, OrganizationName
from selfheald.engine.clock import SystemClock
from selfheald.engine.dryrun import DryRunCodeHost, DryRunRepositories
from selfheald.engine.redacted import RedactedCodeHost
from selfheald.git.repositories import GitRepositories
from selfheald.github.client import GitHubApp, GitHubSettings
from selfheald.github.code_host import GitHub
from selfheald.ports import CI, Agent, CodeHost, Gate, Listener, Repositories, Sandbox
from selfheald.redaction.redactor import Redactor
from selfheald.semaphore.api import SemaphoreApi
from selfheald.semaphore.bucket import TokenBucket
from selfheald.semaphore.ci import SemaphoreCI
from selfheald.semaphore.client import SemaphoreClient
from selfheald.settings.fields import is_loopback
from selfheald.settings.values import AgentConfig, Configuration, Organization
from selfheald.store.open import FILE_NAME, Store, open_store
from selfheald.web.metrics import Metrics

BURST = 10
"""Requests to one organization that may go out together after a pause; the rate holds on average."""


@dataclass(slots=True)
class Fanout:
    """Passes each event on to all who listen."""

    listeners: list[Listener] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Tell everybody."""
        for listener in self.listeners:
            listener(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The real parts behind the ports, opened."""

    configuration: Configuration
    store: Store
    cis: Mapping[OrganizationName, CI]
    code_host: CodeHost
    repositories: Repositories
    sandbox: Sandbox
    gate: Gate
    agents: Mapping[AgentName, Agent]
    metrics: Metrics
    events: Fanout
    clock: SystemClock
    redact: Redactor


@asynccontextmanager
async def open_outside(
    configuration: Configuration, redact: Redactor | None = None, *, dry_run: bool = False
) -> AsyncIterator[Outside]:
    """Open everything that the engine works with; closed in the reverse order.

    ``redact`` takes secrets out of texts; its library is not loaded here, since only attempts need that.
    """
    events, clock = Fanout(), SystemClock()
    redact = redact or redactor_of(configuration)
    metrics = Metrics(clock)
    events.listeners.append(metrics.listener)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(await _open_store(configuration, redact, dry_run=dry_run))
        clients = _clients(configuration, stack, events)
        github = _github(configuration, stack, events)
        repositories = _repositories(configuration, github, stack)
        sandbox = make_sandbox(configuration)
        gate = await stack.enter_async_context(open_gate(configuration, clients, redact=redact, observe=events))
        yield Outside(
            configuration=configuration,
            store=store,
            cis=_cis(clients),
            code_host=RedactedCodeHost(DryRunCodeHost(github) if dry_run else github, redact),
            repositories=DryRunRepositories(repositories) if dry_run else repositories,
            sandbox=sandbox,
            gate=gate,
            agents={
                name: make_agent(_agent_spec(agent), sandbox, redact) for name, agent in configuration.agents.items()
            },
            metrics=metrics,
            events=events,
            clock=clock,
            redact=redact,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What can be read outside; there is no store, and nothing is pushed or opened."""

    cis: Mapping[OrganizationName, CI]
    code_host: CodeHost
    repositories: Repositories
    clock: SystemClock


@asynccontextmanager
async def open_sources(configuration: Configuration) -> AsyncIterator[Sources]:
    """Open what is only read; closed in the reverse order."""
    events = Fanout()
    async with AsyncExitStack() as stack:
        github = _github(configuration, stack, events)
        yield Sources(
            cis=_cis(_clients(configuration, stack, events)),
            code_host=DryRunCodeHost(github),
            repositories=DryRunRepositories(_repositories(configuration, github, stack)),
            clock=SystemClock(),
        )


Clients = Mapping[OrganizationName, SemaphoreClient]


def _clients(configuration: Configuration, stack: AsyncExitStack, events: Listener) -> Clients:
    """A connection to each organization's Semaphore, for the daemon and for agents' tools alike."""

    def made(one: Organization) -> SemaphoreClient:
        bucket = TokenBucket(configuration.poll.requests_per_second, burst=BURST)
        client = SemaphoreClient(one.url, one.token.read, bucket=bucket, observe=events)
        stack.push_async_callback(client.aclose)
        return client

    return {one.name: made(one) for one in configuration.organizations}


def _cis(clients: Clients) -> Mapping[OrganizationName, CI]:
    return {name: SemaphoreCI(SemaphoreApi(client)) for name, client in clients.items()}


def _github(configuration: Configuration, stack: AsyncExitStack, events: Listener) -> GitHub:
    settings = configuration.github
    app = GitHubApp(id=settings.app.id, private_key=settings.app.private_key.read) if settings.app else None
    pause = timedelta(0) if is_loopback(urlsplit(settings.api_url).hostname or "") else GitHubSettings().write_pause
    github = GitHub(
        GitHubSettings(api_url=settings.api_url, write_pause=pause),
        token=settings.token.read if settings.token else None,
        app=app,
        observe=events,
    )
    stack.push_async_callback(github.aclose)
    return github


def _repositories(configuration: Configuration, github: GitHub, stack: AsyncExitStack) -> GitRepositories:
    repositories = GitRepositories(
        configuration.state_dir / "git",
        configuration.github.git_url,
        github.git_token,
        identity=(configuration.git.name, configuration.git.email),
    )
    stack.push_async_callback(repositories.aclose)
    return repositories


async def _open_store(configuration: Configuration, redact: Redactor, *, dry_run: bool) -> Store:
    """The store; for a dry run a copy of it that is thrown away at the next one."""
    path = configuration.state_dir / FILE_NAME
    if not dry_run:
        return await open_store(path, redact=redact)
    scratch = configuration.state_dir / "dry-run.sqlite"
    async with await open_store(path) as store:
        for suffix in ("", "-wal", "-shm"):
            scratch.with_name(scratch.name + suffix).unlink(missing_ok=True)
        await store.copy_to(scratch)
    return await open_store(scratch, redact=redact)


def _agent_spec(agent: AgentConfig) -> AgentSpec:
    return AgentSpec(
        name=agent.name,
        kind=agent.kind,
        timeout=agent.timeout,
        idle_timeout=agent.idle_timeout,
        max_turns=agent.max_turns,
        command=agent.command,
        mounts=agent.mounts,
        env=agent.env,
        model=agent.model,
        binary=Path(agent.binary) if agent.binary else None,
    )
