from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.semaphore import payloads

from selfheald.domain.errors import TransientError
from selfheald.domain.pipeline import Ref, RefKind, Result, State, Trigger
from selfheald.semaphore import decode

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
"""Any JSON value."""

fields = st.sampled_from(sorted(payloads.listed()))


def test_both_dialects_tell_the_same_pipeline() -> None:
    assert decode.pipeline(payloads.listed()) == decode.pipeline(payloads.described())


def test_a_failed_pipeline_is_decoded_field_by_field() -> None:
    pipeline = decode.pipeline(payloads.listed(organization_id="0b9d", partial_rerun_of="7777"))

    assert (pipeline.state, pipeline.result, pipeline.reason) == (State.DONE, Result.FAILED, "test")
    assert pipeline.created_at == datetime(2025, 8, 11, 8, 13, 21, 131742, tzinfo=UTC)
    assert pipeline.done_at == datetime(2025, 8, 11, 8, 18, 20, 901000, tzinfo=UTC)
    assert pipeline.ref == Ref(kind=RefKind.BRANCH, name="main")
    assert (pipeline.file, pipeline.commit) == (".semaphore/semaphore.yml", payloads.COMMIT)
    assert (pipeline.promotion_of, pipeline.partial_rerun_of, pipeline.rerun_of) == (None, "7777", None)
    assert pipeline.triggered_by is Trigger.HOOK


@pytest.mark.parametrize("pipeline", [payloads.listed(), payloads.described()], ids=["listed", "described"])
@pytest.mark.parametrize("state", ["initializing", "pending", "queuing", "running", "stopping"])
def test_before_the_end_there_is_no_result(pipeline: payloads.Payload, state: str) -> None:
    written = state.upper() if isinstance(pipeline["done_at"], dict) else state

    decoded = decode.pipeline(payloads.unfinished(pipeline, written) | {"error_description": "an inner error"})

    assert decoded.state == state
    assert (decoded.result, decoded.reason, decoded.error, decoded.done_at) == (None, "", "", None)


def test_a_pipeline_that_is_done_but_does_not_say_how_is_not_quite_done() -> None:
    pipeline = decode.pipeline(payloads.unfinished(payloads.listed(), "DONE"))

    assert (pipeline.state, pipeline.result) == (State.STOPPING, None)


def test_a_result_before_the_end_is_not_believed() -> None:
    assert decode.pipeline(payloads.listed(state="RUNNING", result="PASSED")).result is None


def test_the_reason_of_a_passed_pipeline_is_ignored() -> None:
    assert decode.pipeline(payloads.listed(result="PASSED", result_reason="TEST")).reason == ""


def test_a_malformed_pipeline_says_why() -> None:
    pipeline = decode.pipeline(payloads.described(result_reason="malformed", error_description="bad YAML"))

    assert (pipeline.reason, pipeline.error) == ("malformed", "bad YAML")


def test_values_of_a_later_semaphore_are_unknown() -> None:
    pipeline = decode.pipeline(payloads.listed(state="DREAMING", triggerer={"wf_triggered_by": "MOON"}))
    ended = decode.pipeline(payloads.described(result="melted", triggerer={"wf_triggered_by": 99}))

    assert (pipeline.state, pipeline.triggered_by) == (State.UNKNOWN, Trigger.UNKNOWN)
    assert (ended.result, ended.triggered_by) == (Result.UNKNOWN, Trigger.UNKNOWN)


@pytest.mark.parametrize(
    ("listed", "described"), [("HOOK", 0), ("SCHEDULE", 1), ("API", 2), ("MANUAL_RUN", 3), ("OTHER", None)]
)
def test_triggers_are_names_in_lists_and_integers_in_descriptions(listed: str, described: int | None) -> None:
    first = decode.pipeline(payloads.listed(triggerer={"wf_triggered_by": listed, "workflow_rerun_of": "c0de"}))
    second = decode.pipeline(payloads.described(triggerer={"wf_triggered_by": described}))

    assert first.triggered_by is second.triggered_by
    assert first.rerun_of == "c0de"


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [
        (".semaphore", "semaphore.yml", ".semaphore/semaphore.yml"),
        (".semaphore/", "/semaphore.yml", ".semaphore/semaphore.yml"),
        ("./.semaphore", "deploy/prod.yml", ".semaphore/deploy/prod.yml"),
        ("", "semaphore.yml", "semaphore.yml"),
        (".", "semaphore.yml", "semaphore.yml"),
        ("/ci//all", "a.yml", "ci/all/a.yml"),
        ("", "", ""),
    ],
)
def test_the_file_is_a_clean_path_in_the_repository(folder: str, name: str, path: str) -> None:
    assert decode.pipeline(payloads.listed(working_directory=folder, yaml_file_name=name)).file == path


@pytest.mark.parametrize("written", ["", "main", "--upload-pack=x", "9b1c", "9b1c" + "0" * 37])
def test_what_is_no_full_commit_id_is_no_commit(written: str) -> None:
    assert decode.pipeline(payloads.listed(commit_sha=written)).commit == ""


def test_text_that_nothing_can_hold_is_made_harmless() -> None:
    pipeline = decode.pipeline(payloads.listed(commit_message="a\0b\ud800c é"))

    assert pipeline.commit_message == "ab?c é"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ppl_id", ""),
        ("ppl_id", None),
        ("name", 7),
        ("created_at", "yesterday"),
        ("created_at", {"seconds": 10**30, "nanos": 0}),
        ("created_at", ["now"]),
        ("done_at", {"seconds": "1", "nanos": 0}),
        ("triggerer", "HOOK"),
    ],
)
def test_what_cannot_be_decoded_is_named_and_may_be_tried_again(field: str, value: object) -> None:
    with pytest.raises(TransientError, match=field):
        decode.pipeline(payloads.listed(**{field: value}))


def test_times_without_a_zone_are_utc_and_absent_ones_are_unset() -> None:
    pipeline = decode.pipeline(payloads.described(created_at="2025-08-11 08:13:21", done_at=None))

    assert pipeline.created_at == datetime(2025, 8, 11, 8, 13, 21, tzinfo=UTC)
    assert pipeline.done_at is None
    assert decode.pipeline(payloads.described(created_at="")).created_at == decode.EPOCH


def test_only_finished_jobs_that_did_not_pass_have_failed() -> None:
    blocks = [
        payloads.block(
            payloads.job("second", index=1),
            payloads.job("first", index=0, result="STOPPED"),
            payloads.job("running", result="PASSED", status="RUNNING"),
            payloads.job("unfinished", result="FAILED", status="STOPPING"),
            payloads.job("fine", result="PASSED"),
        ),
        {"block_id": "", "name": "Deploy", "jobs": []},
        payloads.block(payloads.job("lint", index="?"), name="Lint"),  # type: ignore[arg-type]
    ]

    jobs = decode.failed_jobs(blocks)

    assert [(job.block, job.name, job.result) for job in jobs] == [
        ("Tests", "first", "stopped"),
        ("Tests", "second", "failed"),
        ("Lint", "lint", "failed"),
    ]


def test_a_project_names_its_repository() -> None:
    project = decode.project(payloads.project("billing", 1))

    assert (project.name, project.project_id, project.organization_id) == ("billing", "project-1", "0b9d")
    assert project.repository == "acme/billing"


@pytest.mark.parametrize(
    "repository",
    [{"owner": ""}, {"name": ""}, {"integration_type": "gitlab"}, {"integration_type": "bitbucket"}, {"owner": "a b"}],
)
def test_a_project_elsewhere_than_on_github_has_no_repository(repository: dict[str, Any]) -> None:
    assert decode.project(payloads.project("billing", 1, repository)).repository is None


def refusal(decoder: Callable[[object], object], value: object) -> str:
    """The text of the decoder's error; empty when it takes the value."""
    try:
        decoder(value)
    except TransientError as error:
        return error.message
    return ""


@pytest.mark.parametrize("decoder", [decode.pipeline, decode.pipelines, decode.failed_jobs, decode.project])
@given(value=anything)
def test_decoders_raise_nothing_but_our_error(decoder: Callable[[object], object], value: object) -> None:
    message = refusal(decoder, value)

    assert not message or "cannot be decoded" in message


@given(fields, anything)
def test_no_value_of_a_field_breaks_the_decoder(field: str, value: object) -> None:
    for payload in (payloads.listed(), payloads.described()):
        assert len(refusal(decode.pipeline, payload | {field: value})) < 200


@given(st.sampled_from(["index", "job_id", "status", "result", "name"]), anything)
def test_no_value_of_a_job_breaks_the_decoder(field: str, value: object) -> None:
    blocks = [payloads.block(payloads.job() | {field: value}, payloads.job("b", index=1))]

    assert len(refusal(decode.failed_jobs, blocks)) < 200
