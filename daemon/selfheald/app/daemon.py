"""The daemon: all loops in one TaskGroup, until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import fields
from datetime import timedelta

import structlog

from selfheald.app.leftovers import remove_leftovers
from selfheald.app.outside import Outside, open_outside
from selfheald.app.unseen import Unseen
from selfheald.app.wiring import Engine, wire
from selfheald.app.zone import refuse_without_sandbox
from selfheald.domain.errors import ConfigError, SelfhealdError
from selfheald.domain.ids import OrganizationName
from selfheald.domain.policy import Project
from selfheald.engine.dispatch import LEASE, Dispatcher
from selfheald.engine.instance import only_instance
from selfheald.engine.schedule import Schedule, rung
from selfheald.engine.targets import Targets
from selfheald.redaction.redactor import Redactor
from selfheald.sandbox.tools.gateway import load as load_tools
from selfheald.settings.values import Configuration
from selfheald.web.server import serve_web, web_app

log = structlog.get_logger()

TICK = timedelta(seconds=1)
"""How often the loops look whether something is due."""

REFRESH = timedelta(minutes=10)
"""How often Semaphore is asked which projects it has."""

RETRY_CONTACT = timedelta(seconds=10)
"""How often an organization is asked that has not answered yet."""

Loop = Coroutine[object, object, None]


async def serve(configuration: Configuration, redact: Redactor, reload: Callable[[], Configuration]) -> None:
    """Run the daemon until SIGTERM or SIGINT. SIGHUP takes over new project settings. ``redact`` is the logs' too.

    Raises :class:`ConfigError` when the start is refused; an ``ExceptionGroup`` when a loop ended unasked.
    """
    stop = asyncio.Event()
    with only_instance(configuration.state_dir) as owner:
        async with open_outside(configuration, redact) as outside, Schedule(outside.events) as schedule:
            engine = wire(outside, owner)
            await refuse_without_sandbox(configuration, outside.sandbox)
            await asyncio.to_thread(redact.load)
            page = web_app(outside.metrics, not_ready=lambda: engine.targets.not_contacted)
            async with serve_web(page, configuration.listen) as address:
                _on_signals(stop, lambda: _reload(reload, outside, engine))
                log.info("started", address=address, pid=os.getpid(), projects=len(configuration.projects))
                await _run_loops(outside, engine, schedule, stop)
    log.info("stopped")


async def _run_loops(outside: Outside, engine: Engine, schedule: Schedule, stop: asyncio.Event) -> None:
    """All that lives long, in one group: when one loop ends unasked, the process ends and is started again."""
    outside.metrics.configured(outside.configuration.projects)
    outside.metrics.load(await outside.store.cases.cases())
    await remove_leftovers(outside.configuration.state_dir, outside.repositories)
    await engine.dispatcher.recover()
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(load_tools), name="load tools")  # else the first attempt waits for it
        loops = [
            group.create_task(_for_ever(work, stop), name=name) for name, work in _loops(outside, engine, schedule)
        ]
        await stop.wait()
        log.info("stopping")
        await engine.dispatcher.drain(outside.configuration.drain_timeout)
        for loop in loops:
            loop.cancel()


def _loops(outside: Outside, engine: Engine, schedule: Schedule) -> Iterator[tuple[str, Loop]]:
    """Each loop with its bell, which the clock rings."""

    def bell(name: str, every: timedelta) -> asyncio.Event:
        return schedule.ring(asyncio.Event(), name, every)

    schedule.ring(engine.dispatcher.bell, "dispatch", TICK)
    schedule.ring(engine.casework.bell, "casework", TICK)
    yield "dispatch", engine.dispatcher.run()
    yield "casework", engine.casework.run()
    yield "recover", _recover(outside, engine.dispatcher, bell("recover", LEASE / 2))
    for one in outside.configuration.organizations:
        name = f"refresh {one.name}"
        yield name, _refresh(engine.targets, one.name, bell(name, RETRY_CONTACT))
        name = f"sweep {one.name}"
        yield name, engine.sweeper.run(one.name, bell(name, TICK))


async def once(outside: Outside, engine: Engine) -> Sequence[str]:
    """One sweep; then work off what can be done now, without waiting for CI. Gives what could not be looked at."""
    await asyncio.to_thread(outside.redact.load)
    unseen = Unseen()
    outside.events.listeners.append(unseen.hear)
    for organization in outside.cis:
        await engine.targets.refresh(organization)
    await remove_leftovers(outside.configuration.state_dir, outside.repositories)
    await engine.dispatcher.recover()
    await engine.sweeper.once()
    started = 1
    while started:
        await engine.casework.work_off()
        async with asyncio.TaskGroup() as group:
            started = await engine.dispatcher.start_due(group)
    return unseen.told(engine.targets)


def _on_signals(stop: asyncio.Event, reload: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def stopping() -> None:
        if stop.is_set():
            os._exit(1)  # the second signal: the sandboxes die with this process
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping)
    loop.add_signal_handler(signal.SIGHUP, reload)


def _reload(read: Callable[[], Configuration], outside: Outside, engine: Engine) -> None:
    """Take over the projects' settings; what else changed is named, and waits for a restart."""
    try:
        new = read()
    except ConfigError as error:
        log.error("reload_refused", error=error.message)
        return
    if strangers := [one.name for one in new.projects if not _is_served(one, outside)]:
        log.error("reload_refused", error=f"new agents and organizations need a restart: {', '.join(strangers)}")
        return
    engine.targets.replace(new.projects)
    outside.metrics.configured(new.projects)
    old = outside.configuration
    changed = [one.name for one in fields(old) if getattr(old, one.name) != getattr(new, one.name)]
    waits = [name for name in changed if name != "projects"]
    log.info("reloaded", projects=len(new.projects), needs_restart=waits)


def _is_served(project: Project, outside: Outside) -> bool:
    """Whether this process has the project's agent and organization: they are made at the start only."""
    return project.agent in outside.agents and project.organization in outside.cis


async def _for_ever(work: Coroutine[object, object, None], stop: asyncio.Event) -> None:
    """A loop that ends unasked is a bug that must end the process, not a silence."""
    await work
    if not stop.is_set():
        raise RuntimeError("a loop of the daemon ended unasked")


async def _refresh(targets: Targets, organization: OrganizationName, bell: asyncio.Event) -> None:
    """Ask for the organization's projects: soon while one is awaited, rarely from then on."""
    due = 0.0
    while True:
        await rung(bell)
        if asyncio.get_running_loop().time() < due and not targets.wanting(organization):
            continue
        await targets.refresh(organization)
        due = asyncio.get_running_loop().time() + REFRESH.total_seconds()


async def _recover(outside: Outside, dispatcher: Dispatcher, bell: asyncio.Event) -> None:
    """Give back cases whose lease is over; count those that somebody else has changed."""
    while True:
        await rung(bell)
        try:
            await dispatcher.recover()
            await _recount(outside)
        except SelfhealdError as error:
            log.warning("recovery_put_off", error=error.message)


async def _recount(outside: Outside) -> None:
    """Let the gauges follow what the command line did to cases."""
    cases = outside.store.cases
    still_open = await cases.cases(open_only=True)
    gone = set(outside.metrics.open_cases) - {case.id for case in still_open}
    ended = [await cases.case(case_id) for case_id in gone]
    outside.metrics.load([*still_open, *(case for case in ended if case)])
