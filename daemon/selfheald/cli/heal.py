"""``selfheald heal``."""

import click

from selfheald.cli import options
from selfheald.cli.explain import find
from selfheald.cli.steer import user
from selfheald.domain.case import Case
from selfheald.domain.errors import RefusedError
from selfheald.domain.ids import PipelineId
from selfheald.settings.values import Configuration


@click.command()
@click.argument("pipeline_id")
@options.config_option
@options.json_option
def heal(pipeline_id: str, config: str | None, *, as_json: bool) -> None:
    """Open a case by hand, whatever the project's rules say.

    What protects still holds: selfheald's own work, a human's no, attempts, limits, budgets. The daemon, or the next
    `selfheald once`, works on it. Exit status 1: it was not opened.
    """
    configuration = options.read_configuration(config)
    options.set_up_logs(configuration)
    case = options.run(_heal(configuration, PipelineId(pipeline_id)))
    if as_json:
        options.print_json(case)
    else:
        options.console.print(options.safe(f"case {case.id} is {case.state}: {case.pipeline.ref} at {case.commit}"))


async def _heal(configuration: Configuration, pipeline_id: PipelineId) -> Case:
    from selfheald.app.outside import open_outside  # noqa: PLC0415 - the daemon's modules take a while to load
    from selfheald.app.wiring import wire  # noqa: PLC0415

    async with open_outside(configuration) as outside:
        engine = wire(outside, "heal")
        target, pipeline = await find(outside.cis, engine.targets, pipeline_id)
        case, refusal = await engine.decider.heal_by_hand(target, pipeline, by=user())
        if case is None:
            raise RefusedError(f"pipeline {pipeline_id} is not healed: {refusal}")
        return case
