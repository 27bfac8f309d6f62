"""The agents' zone: the sandbox in which they run, and the gate that is their only way out."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from selfheald.domain.errors import ConfigError
from selfheald.domain.ids import OrganizationName
from selfheald.ports import Gate, Listener, Redact, Sandbox
from selfheald.sandbox.bubblewrap import Bubblewrap
from selfheald.sandbox.family import owner_of
from selfheald.sandbox.gate.egress.allowed import Egress
from selfheald.sandbox.gate.egress.way import Way
from selfheald.sandbox.gate.gate import MakeTools, NetworkGate
from selfheald.sandbox.limiter import Limiter
from selfheald.sandbox.model.client import model_client
from selfheald.sandbox.model.proxy import ModelProxy, ModelSource
from selfheald.sandbox.tools.gateway import tools_app
from selfheald.sandbox.unconfined import Unconfined
from selfheald.semaphore.client import SemaphoreClient
from selfheald.semaphore.tools.tools import make_tools
from selfheald.settings.values import AgentConfig, Configuration, Organization, SandboxKind

log = structlog.get_logger()


def make_sandbox(configuration: Configuration) -> Sandbox:
    """The configured sandbox."""
    owner, limiter = owner_of(configuration.state_dir), make_limiter(configuration)
    if configuration.sandbox is SandboxKind.NONE:
        return Unconfined(owner=owner, limiter=limiter)
    return Bubblewrap(forbidden=(configuration.state_dir,), owner=owner, limiter=limiter)


def make_limiter(configuration: Configuration) -> Limiter:
    """What holds runs to the configured limits."""
    return Limiter(configuration.sandbox_limits, owner=owner_of(configuration.state_dir))


async def refuse_without_sandbox(configuration: Configuration, sandbox: Sandbox) -> None:
    """Raise :class:`ConfigError` when the configured sandbox does not work here."""
    probe = await sandbox.probe()
    if not probe.ok:
        raise ConfigError(f"sandbox: {probe.found}\nTo run agents unconfined instead, write `sandbox: none`.")
    if configuration.sandbox is SandboxKind.NONE:
        log.warning("sandbox_none", meaning="agents run unconfined, with all that this user may do and reach")
    log.info("sandbox_limits", limits=make_limiter(configuration).told())


@asynccontextmanager
async def open_gate(
    configuration: Configuration,
    clients: Mapping[OrganizationName, SemaphoreClient],
    *,
    redact: Redact,
    observe: Listener,
) -> AsyncIterator[Gate]:
    """The gate to each agent's model, to each organization's tools and to ``egress``; closes what it opened."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(model_client())
        sources = {name: source for name, agent in configuration.agents.items() if (source := _source(agent))}
        tools = {
            one.name: _tools(one, clients[one.name], stack, redact=redact, observe=observe)
            for one in configuration.organizations
        }
        yield NetworkGate(
            models={name: partial(ModelProxy, source=source, client=client) for name, source in sources.items()},
            tools=tools,
            way=_way(configuration, stack),
            redact=redact,
            listener=observe,
        )


def _source(agent: AgentConfig) -> ModelSource | None:
    if agent.base_url is None:
        return None
    key = agent.api_key.read if agent.api_key else None
    return ModelSource(base_url=agent.base_url, key=key, prices=agent.prices)


def _tools(
    one: Organization,
    client: SemaphoreClient,
    stack: AsyncExitStack,
    *,
    redact: Callable[[str], str],
    observe: Listener,
) -> MakeTools:
    tools = make_tools(one.name, client, mcp_url=one.mcp_url, token=one.token.read, observe=observe)
    stack.push_async_callback(tools.aclose)
    return partial(tools_app, tools, redact=redact)


def _way(configuration: Configuration, stack: AsyncExitStack) -> Way | None:
    """Unconfined programs reach everything anyway."""
    if configuration.sandbox is SandboxKind.NONE:
        return None
    way = Way(Egress(configuration.egress))
    stack.callback(way.close)
    return way
