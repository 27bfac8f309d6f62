"""The engine's loops, wired to the outside: the one place that knows all of them."""

from dataclasses import dataclass
from datetime import timedelta

from selfheald.app.outside import Outside
from selfheald.domain.polling import Pace
from selfheald.engine.casework import Casework
from selfheald.engine.decide import Decider
from selfheald.engine.dispatch import Dispatcher
from selfheald.engine.heal import Healer
from selfheald.engine.propose import Proposer
from selfheald.engine.sweep import Sweeper
from selfheald.engine.targets import Targets
from selfheald.engine.verify import Verifier

VERIFY_TIMEOUT = timedelta(minutes=30)
"""For each command of ``verify``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The loops, wired to the outside."""

    targets: Targets
    decider: Decider
    sweeper: Sweeper
    dispatcher: Dispatcher
    casework: Casework


def wire(outside: Outside, owner: str) -> Engine:
    """Put the engine together. ``owner`` names this instance in leases."""
    configuration, clock, events = outside.configuration, outside.clock, outside.events
    cis, cases = outside.cis, outside.store.cases
    targets = Targets(configuration.projects, cis)
    decider = Decider(journal=outside.store.journal, code_host=outside.code_host, clock=clock, listener=events)
    sweeper = Sweeper(
        targets=targets,
        cis=cis,
        journal=outside.store.journal,
        decider=decider,
        clock=clock,
        listener=events,
        pace=Pace(interval=configuration.poll.interval, idle_interval=configuration.poll.idle_interval),
        lookback=configuration.poll.lookback,
    )
    healer = Healer(
        cis=cis,
        repositories=outside.repositories,
        agents=outside.agents,
        verifier=Verifier(outside.sandbox, timeout=VERIFY_TIMEOUT),
        cases=cases,
        clock=clock,
        listener=events,
        state_dir=configuration.state_dir,
    )
    dispatcher = Dispatcher(
        healer=healer,
        targets=targets,
        cases=cases,
        clock=clock,
        listener=events,
        workers=configuration.workers,
        owner=owner,
    )
    casework = Casework(
        targets=targets,
        cis=cis,
        code_host=outside.code_host,
        repositories=outside.repositories,
        proposer=Proposer(
            cis=cis,
            code_host=outside.code_host,
            repositories=outside.repositories,
            cases=cases,
            organization_urls={one.name: one.url for one in configuration.organizations},
        ),
        cases=cases,
        clock=clock,
        listener=events,
        look_again=configuration.poll.follow_interval,
    )
    events.listeners += [dispatcher.hear, casework.hear]
    return Engine(targets=targets, decider=decider, sweeper=sweeper, dispatcher=dispatcher, casework=casework)
