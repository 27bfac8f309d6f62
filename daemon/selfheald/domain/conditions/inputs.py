"""What a pipeline gives to a condition."""

from selfheald.domain.pipeline import Pipeline, RefKind


def inputs_of(pipeline: Pipeline) -> dict[str, str]:
    """Set the keywords as Semaphore's promotions do (gofer, when the pipeline is done).

    Of ``branch``, ``tag`` and ``pull_request`` exactly one is set, by what was built; the others are empty, and so is
    ``branch`` for a pull request. ``result`` is empty until the pipeline is done, ``result_reason`` when it passed.
    """
    name = pipeline.ref.name
    return {
        "branch": name if pipeline.ref.kind is RefKind.BRANCH else "",
        "tag": name if pipeline.ref.kind is RefKind.TAG else "",
        "pull_request": name if pipeline.ref.kind is RefKind.PULL_REQUEST else "",
        "result": "" if pipeline.result is None else pipeline.result.value,
        "result_reason": pipeline.reason,
    }
