"""``selfheald explain``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click
from rich.text import Text

from selfheald.cli import options
from selfheald.domain.decide import decide, trace
from selfheald.domain.decision import Decision, Defer, Heal
from selfheald.domain.errors import NotFoundError
from selfheald.domain.hygiene import redacted_pipeline
from selfheald.domain.ids import OrganizationName, PipelineId
from selfheald.domain.observation import Check, Observation
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.policy import Project, Target
from selfheald.engine.targets import Targets
from selfheald.ports import CI, Verdict
from selfheald.settings.values import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would be decided now, and what was decided."""

    observation: Observation
    decision: Decision
    checks: tuple[Check, ...]
    stored: Verdict | None
    from_store: bool
    """Whether the pipeline is as selfheald stored it, not as Semaphore tells it now."""


@click.command()
@click.argument("pipeline_id")
@options.config_option
@options.json_option
@click.option("--stored", is_flag=True, help="Take the pipeline out of the store; Semaphore is not asked for it.")
def explain(pipeline_id: str, config: str | None, *, as_json: bool, stored: bool) -> None:
    """Would this pipeline be healed? Every guard and rule with its answer, in the order in which they are asked.

    Asks Semaphore for the pipeline as it is now, and the store for what happened before. A pipeline that Semaphore no
    longer has is taken out of the store. Exit status 1: it would not.
    """
    configuration = options.read_configuration(config)
    options.set_up_logs(configuration)
    told = options.run(_explain(configuration, PipelineId(pipeline_id), stored=stored))
    if as_json:
        options.print_json(_plain(told))
    else:
        _show(told)
    if not isinstance(told.decision, Heal):
        raise click.exceptions.Exit(1)


async def _explain(configuration: Configuration, pipeline_id: PipelineId, *, stored: bool) -> Explanation:
    from selfheald.app.outside import open_outside  # noqa: PLC0415 - the daemon's modules take a while to load
    from selfheald.app.wiring import wire  # noqa: PLC0415

    async with open_outside(configuration) as outside:
        engine = wire(outside, "explain")
        verdict = await outside.store.journal.verdict(pipeline_id)
        found = None if stored else await _living(outside.cis, engine.targets, pipeline_id, verdict)
        target, pipeline = found or await _as_stored(configuration.projects, engine.targets, pipeline_id, verdict)
        seen = await engine.decider.observe(target, redacted_pipeline(pipeline, outside.redact))
        return Explanation(
            observation=seen, decision=decide(seen), checks=trace(seen), stored=verdict, from_store=found is None
        )


async def _living(
    cis: Mapping[OrganizationName, CI], targets: Targets, pipeline_id: PipelineId, verdict: Verdict | None
) -> tuple[Target, Pipeline] | None:
    """The pipeline as it is now; ``None`` when only the store has it."""
    try:
        return await find(cis, targets, pipeline_id)
    except NotFoundError:
        if verdict is None:
            raise
        return None


async def _as_stored(
    projects: Sequence[Project], targets: Targets, pipeline_id: PipelineId, verdict: Verdict | None
) -> tuple[Target, Pipeline]:
    """The pipeline as it was seen last, and its project as it is configured now."""
    if verdict is None:
        raise NotFoundError(f"the store has no pipeline {pipeline_id}")
    project = next((one for one in projects if one.name == verdict.project), None)
    if project is None:
        raise NotFoundError(f"pipeline {pipeline_id} is of {verdict.project}, which is not configured any more")
    await targets.refresh(project.organization)
    pipeline = verdict.pipeline
    if target := targets.get(project.name):
        return target, pipeline
    if project.repository is None:
        raise NotFoundError(
            f"the repository of {project.name} is not known, and Semaphore tells none: set `repository: owner/name`"
        )
    return Target(
        project=project,
        project_id=pipeline.project_id,
        organization_id=pipeline.organization_id,
        repository=project.repository,
    ), pipeline


async def find(
    cis: Mapping[OrganizationName, CI], targets: Targets, pipeline_id: PipelineId
) -> tuple[Target, Pipeline]:
    """The pipeline and its project, in whichever organization it is."""
    for organization, ci in cis.items():
        try:
            pipeline = await ci.pipeline(pipeline_id)
        except NotFoundError:
            continue
        await targets.refresh(organization)
        target = targets.by_id(pipeline.project_id)
        if target is None:
            raise NotFoundError(
                f"pipeline {pipeline_id} is in {organization}, but its project {pipeline.project_id} is not configured",
            )
        return target, pipeline
    raise NotFoundError(f"no configured organization has a pipeline {pipeline_id}, or the tokens may not see it")


def _plain(told: Explanation) -> dict[str, object]:
    return {
        "pipeline": told.observation.pipeline,
        "source": "store" if told.from_store else "semaphore",
        "decision": type(told.decision).__name__.lower(),
        "reason": None if isinstance(told.decision, Heal) else told.decision.reason,
        "checks": told.checks,
        "stored": told.stored,
    }


def _show(told: Explanation) -> None:
    pipeline, target = told.observation.pipeline, told.observation.target
    console = options.console
    what = f" of {target.project.name}: {pipeline.ref} at {pipeline.commit}"
    console.print(Text.assemble((f"pipeline {pipeline.id}", "bold"), options.safe(what)))
    if told.from_store:
        console.print("As selfheald stored it: Semaphore no longer has it, or was not asked.", style="yellow")
    table = options.table("", "question", "saw", "if no")
    for check in told.checks:
        answer = Text("yes", "green") if check.allows else Text("no", "red")
        table.add_row(answer, check.question, options.safe(check.saw), check.reason)
    console.print(table)
    if isinstance(told.decision, Heal):
        asks = ", after a human's approval" if told.decision.approval else ""
        console.print(f"\nIt would be healed{asks}.", style="bold green")
    else:
        later = f" Asked again at {told.decision.until:%H:%M:%S} UTC." if isinstance(told.decision, Defer) else ""
        why = f" {told.decision.reason}. {_meaning(told)}{later}"
        console.print(Text.assemble(("\nIt would not be healed:", "bold red"), why))
    if told.stored and told.stored.decision:
        decided = f"{told.stored.decided_at:%Y-%m-%d %H:%M:%S} UTC" if told.stored.decided_at else "?"
        console.print(f"Decided at {decided}: {told.stored.decision} {told.stored.reason or ''}")


def _meaning(told: Explanation) -> str:
    return "" if isinstance(told.decision, Heal) else told.decision.reason.meaning
