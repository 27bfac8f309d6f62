"""The engine's loops, wired to the outside: the one place that knows all of them."""

from dataclasses import dataclass
from datetime import timedelta

from selfheald.app.outside import Outside
from selfheald.domain.polling import Pace
from selfheald.engine.casework import Casework
from selfheald.engine.decide import Decider
from selfheald.engine.dispatch import Dispatcher
from selfheald.engine.heal import Healer
from selfheald.engine.judge import Judge
from selfheald.engine.propose import Proposer
from selfheald.engine.roster import Roster
from selfheald.engine.stopwatch import Stopwatch
from selfheald.engine.supersede import Superseder
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
    targets = Targets(outside.configuration.projects, outside.cis)
    decider = Decider(
        journal=outside.store.journal,
        code_host=outside.code_host,
        repositories=outside.repositories,
        clock=outside.clock,
        listener=outside.events,
    )
    superseder = _superseder(outside)
    dispatcher = _dispatcher(outside, targets, superseder, owner)
    casework = _casework(outside, targets, superseder)
    outside.events.listeners += [dispatcher.hear, casework.hear]
    return Engine(
        targets=targets,
        decider=decider,
        sweeper=_sweeper(outside, targets, decider, superseder),
        dispatcher=dispatcher,
        casework=casework,
    )


def _superseder(outside: Outside) -> Superseder:
    return Superseder(
        journal=outside.store.journal,
        cases=outside.store.cases,
        code_host=outside.code_host,
        clock=outside.clock,
        listener=outside.events,
        look_again=outside.configuration.poll.follow_interval,
    )


def _sweeper(outside: Outside, targets: Targets, decider: Decider, superseder: Superseder) -> Sweeper:
    poll = outside.configuration.poll
    return Sweeper(
        targets=targets,
        cis=outside.cis,
        journal=outside.store.journal,
        decider=decider,
        superseder=superseder,
        clock=outside.clock,
        listener=outside.events,
        pace=Pace(interval=poll.interval, idle_interval=poll.idle_interval),
        lookback=poll.lookback,
    )


def _dispatcher(outside: Outside, targets: Targets, superseder: Superseder, owner: str) -> Dispatcher:
    judge = Judge(
        repositories=outside.repositories,
        verifier=Verifier(outside.sandbox, timeout=VERIFY_TIMEOUT),
        redact=outside.redact,
        find_secrets=outside.redact.find,
        timed=Stopwatch(outside.clock, outside.events),
        state_dir=outside.configuration.state_dir,
    )
    healer = Healer(
        cis=outside.cis,
        repositories=outside.repositories,
        agents=outside.agents,
        judge=judge,
        gate=outside.gate,
        cases=outside.store.cases,
        clock=outside.clock,
        listener=outside.events,
        redact=outside.redact,
        state_dir=outside.configuration.state_dir,
    )
    return Dispatcher(
        healer=healer,
        superseder=superseder,
        targets=targets,
        cases=outside.store.cases,
        clock=outside.clock,
        listener=outside.events,
        roster=_roster(outside),
        workers=outside.configuration.workers,
        owner=owner,
    )


def _roster(outside: Outside) -> Roster:
    agents = outside.configuration.agents
    return Roster(
        {name: agent.fallback for name, agent in agents.items()},
        priced={name for name, agent in agents.items() if agent.prices.known},
        cases=outside.store.cases,
        clock=outside.clock,
        listener=outside.events,
    )


def _casework(outside: Outside, targets: Targets, superseder: Superseder) -> Casework:
    proposer = Proposer(
        cis=outside.cis,
        code_host=outside.code_host,
        repositories=outside.repositories,
        cases=outside.store.cases,
        organization_urls={one.name: one.url for one in outside.configuration.organizations},
    )
    return Casework(
        targets=targets,
        cis=outside.cis,
        code_host=outside.code_host,
        repositories=outside.repositories,
        proposer=proposer,
        superseder=superseder,
        cases=outside.store.cases,
        clock=outside.clock,
        listener=outside.events,
        look_again=outside.configuration.poll.follow_interval,
    )
