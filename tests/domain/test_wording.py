"""What people read in commits and pull requests."""

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders import NOW, case, failed_job, passed_pipeline, pipeline, sha

from selfheald.domain.attempt import Attempt, AttemptOutcome, Usage
from selfheald.domain.case import Case
from selfheald.domain.failure import FailedJob
from selfheald.domain.ids import AgentName, AttemptId, CaseId, JobId, PipelineId, Sha, WorkflowId
from selfheald.domain.inert import code, plain, quoted, shortened
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.proposal import ChangeKind, FileChange, TreeChanges
from selfheald.domain.wording import (
    BODY_LIMIT,
    commit_message,
    marker,
    pull_request_body,
    pull_request_title,
    summary_of,
)

URL = "https://acme.semaphoreci.com"
CASE = CaseId(7)
AGENT = AgentName("codex")
EXPECTED = Path(__file__).parent / "expected"

NASTY = [
    "Fixes #12 and closes acme/billing#3, resolves GH-4",
    "thanks @ada and @acme/backend",
    "Fixes https://github.com/acme/billing/issues/1",
    "quick fix [skip ci] [ci skip] [no ci] [skip selfheal]",
    "@\u200bada #\u202e12",
    "@#5ada #@5 @@ada",
]

unhurried = settings(suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no finding."""

texts = st.text(max_size=400) | st.sampled_from(NASTY) | st.text(alphabet="`~|<!->@#1[]()\\ \n\u202eé", max_size=400)


def attempt(**overrides: object) -> Attempt:
    made = Attempt(
        id=AttemptId(1),
        case_id=CASE,
        number=1,
        agent=AGENT,
        base=sha(1),
        started_at=NOW,
        outcome=AttemptOutcome.FIXED,
        message="I rounded half to even. See `cents.py`.",
        usage=Usage(model="gpt-5", input_tokens=12345, output_tokens=678),
        cost_micros=123_456,
    )
    return replace(made, **overrides)  # type: ignore[arg-type]  # any field of the value


def change(path: str, kind: ChangeKind = ChangeKind.MODIFIED, mode: str = "100644") -> FileChange:
    return FileChange(path=path, kind=kind, mode=mode)


def healed_case(**overrides: object) -> Case:
    made = case(id=CASE, pipeline=pipeline(id=PipelineId("ppl-1")), summary="round to the nearest cent")
    return replace(made, **overrides)  # type: ignore[arg-type]  # any field of the value


def body(
    *,
    of: Case | None = None,
    attempts: tuple[Attempt, ...] = (),
    jobs: tuple[FailedJob, ...] = (),
    changes: TreeChanges | None = None,
    proof: Pipeline | None = None,
    url: str = URL,
) -> str:
    return pull_request_body(
        case=of or healed_case(),
        attempts=attempts,
        jobs=jobs,
        changes=changes or TreeChanges(files=(), summary=""),
        proof=proof,
        organization_url=url,
    )


def visible(text: str) -> bool:
    return all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text)


def acts(text: str) -> bool:
    """Whether GitHub or CI would act on the text of a commit message."""
    patterns = (
        r"(?<![A-Za-z0-9_])@[A-Za-z0-9]",
        r"#\d",
        r"GH-\d",
        r"https?://github",
        r"\[\s*(skip\s+\w+|\w+\s+skip|no\s+ci)\s*\]",
    )
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


# ------------------------------------------------------------------------------------------------------- summaries


def test_a_commit_message_names_the_case_the_attempt_and_the_agent() -> None:
    message = commit_message(summary="round to the nearest cent", case_id=CASE, attempt=2, agent=AGENT)

    assert message == (
        "selfheal CI: round to the nearest cent\n\nSelfheal-Case: 7\nSelfheal-Attempt: 2\nSelfheal-Agent: codex\n"
    )


def test_a_long_subject_is_cut_between_words() -> None:
    subject = commit_message(summary="word " * 60, case_id=CASE, attempt=1, agent=AGENT).splitlines()[0]

    assert 100 < len(subject) <= 120
    assert subject.endswith("word…")


def test_a_subject_without_spaces_is_cut_anywhere() -> None:
    subject = commit_message(summary="x" * 500, case_id=CASE, attempt=1, agent=AGENT).splitlines()[0]

    assert len(subject) == 120
    assert subject.endswith("x…")


@unhurried
@given(texts, texts)
def test_a_commit_message_has_one_subject_and_three_trailers_whatever_the_summary(summary: str, agent: str) -> None:
    lines = commit_message(summary=summary, case_id=CASE, attempt=1, agent=AgentName(agent)).split("\n")

    assert [line.partition(":")[0] for line in lines[2:5]] == ["Selfheal-Case", "Selfheal-Attempt", "Selfheal-Agent"]
    assert lines[1] == lines[5] == ""
    assert len(lines) == 6
    assert len(lines[0]) <= 120
    assert all(visible(line) and not acts(line) for line in lines)


@pytest.mark.parametrize(
    ("jobs", "summary"),
    [
        ((), "fix the failed pipeline"),
        (("", "\u200b"), "fix the failed pipeline"),
        (("RSpec - 1/2",), "fix RSpec - 1/2"),
        (("RSpec - 1/2", "RSpec - 2/2", "Lint"), "fix RSpec - 1/2 and 2 more"),
    ],
)
def test_without_a_summary_of_the_agent_the_failed_jobs_make_one(jobs: tuple[str, ...], summary: str) -> None:
    assert summary_of(" \n", jobs) == summary


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("  round\tto the\nnearest cent \u202e", "round to the nearest cent"),
        ("bump lodash@4.17.21, C# and v1.2", "bump lodash@4.17.21, C# and v1.2"),
        ("use @types/node", "use types/node"),
        ("Fixes #12, issue#5 and GH-4", "Fixes 12, issue 5 and GH 4"),
        ("see https://example.com", "see https//example.com"),
        ("fix it [skip ci]", "fix it (skip ci)"),
        ("keep [a, b]", "keep [a, b]"),
    ],
)
def test_the_agents_summary_is_kept_but_cannot_act(said: str, kept: str) -> None:
    assert summary_of(said, ("Lint",)) == kept


@unhurried
@given(texts)
def test_no_summary_acts(said: str) -> None:
    summary = summary_of(said, (said,))

    assert summary
    assert visible(summary)
    assert not acts(summary)
    assert len(summary) <= 200


# ---------------------------------------------------------------------------------------------------------- titles


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("Selfheal CI: {summary}", "Selfheal CI: fix it"),
        ("{summary} {other} {{summary}}", "fix it {other} {fix it}"),
        ("{summary.__class__} {0}", "{summary.__class__} {0}"),
        ("", "Selfheal CI: fix it"),
    ],
)
def test_only_the_summary_is_filled_into_a_title(template: str, title: str) -> None:
    assert pull_request_title(template, "fix it") == title


@unhurried
@given(texts, texts)
def test_a_title_is_one_line_that_github_takes(template: str, summary: str) -> None:
    title = pull_request_title(template, summary)

    assert 0 < len(title) <= 256
    assert visible(title)


# ---------------------------------------------------------------------------------------------------------- bodies


def test_a_body_tells_the_whole_story() -> None:
    story = body(
        attempts=(
            attempt(number=1, outcome=AttemptOutcome.NO_CHANGE, cost_micros=9_900, usage=Usage()),
            attempt(number=2),
        ),
        jobs=(failed_job(id=JobId("job-1"), name="RSpec - 1/2"), failed_job(id=JobId("job-2"), name="Lint | style")),
        changes=TreeChanges(
            files=(change("lib/cents.py"), change("lib/new|.py", ChangeKind.ADDED), change("l", mode="120000")),
            summary="round",
            left_out=("vendor/x: a nested repository",),
        ),
        proof=passed_pipeline(id=PipelineId("ppl-2"), workflow_id=WorkflowId("wf/2"), commit=Sha("abc1234567" * 4)),
    )

    assert story == (EXPECTED / "pull_request_body.md").read_text()


def test_a_body_says_what_is_missing() -> None:
    story = body(
        of=healed_case(source_branch=None, summary=""),
        attempts=(attempt(outcome=None, message="", cost_micros=0),),
        url="https://" + "x" * 400,
    )

    assert story == (EXPECTED / "pull_request_body_sparse.md").read_text()


def test_a_body_without_attempts_stands() -> None:
    assert "### Attempts and cost" in body()


def test_long_lists_are_counted_not_listed() -> None:
    story = body(
        attempts=tuple(attempt(number=number) for number in range(1, 13)),
        jobs=tuple(failed_job(name=f"job {number}") for number in range(25)),
        changes=TreeChanges(
            files=tuple(change(f"file {number}") for number in range(70)), summary="", left_out=("x",) * 12
        ),
    )

    assert "- and 5 more" in story
    assert "| and 10 more | |" in story
    assert "- and 2 more" in story
    assert "| and 2 before |" in story


def test_a_body_stays_within_what_github_takes_when_everything_is_long() -> None:
    long = " #1" * 2_000 + "~" * 5_000
    story = body(
        of=healed_case(source_branch=long, summary=long, pipeline=pipeline(name=long, id=PipelineId("é" * 500))),
        attempts=(attempt(message="~" * 9_000, agent=AgentName(long)),) * 30,
        jobs=(failed_job(name=long, id=JobId("é" * 500)),) * 100,
        changes=TreeChanges(files=(change(long),) * 500, summary="", left_out=(long,) * 100),
        proof=pipeline(name=long),
    )

    assert len(story) <= BODY_LIMIT


@pytest.mark.parametrize("identifier", ["--", "---", "x--"])
def test_an_address_does_not_look_like_the_end_of_a_comment(identifier: str) -> None:
    assert body(jobs=(failed_job(id=JobId(identifier)),)).count("-->") == 1


def test_the_marker_is_exact() -> None:
    assert marker(CASE) == "<!-- selfheald case 7 -->"
    assert marker(CASE) not in marker(CaseId(77))


@unhurried
@given(texts, texts, texts)
def test_nothing_from_outside_leaves_its_code(message: str, name: str, path: str) -> None:
    story = body(
        of=healed_case(source_branch=name, summary=name, pipeline=pipeline(name=name)),
        attempts=(attempt(message=f"m{message}", agent=AgentName(name), usage=Usage(model=f"m{name}")),),
        jobs=(failed_job(name=name, id=JobId(name)),),
        changes=TreeChanges(files=(change(path),), summary="", left_out=(path,)),
        proof=pipeline(name=name),
    )
    quiet = body(
        of=healed_case(source_branch="x", summary="x", pipeline=pipeline(name="x")),
        attempts=(attempt(message="x", agent=AgentName("x"), usage=Usage(model="x")),),
        jobs=(failed_job(name="x", id=JobId("x")),),
        changes=TreeChanges(files=(change("x"),), summary="", left_out=("x",)),
        proof=pipeline(name="x"),
    )

    assert story.count("<!--") == story.count("-->") == 1
    assert story.count(marker(CASE)) == 1
    assert len(story) <= BODY_LIMIT
    assert not acts(re.sub(r"<https://acme[^>]*>", "", story))
    assert outside_code(story) == outside_code(quiet)


def outside_code(story: str) -> str:
    """The body without its fenced blocks and code spans, as GitHub's Markdown finds them line by line."""
    kept, fence = [], ""
    for line in story.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif line.startswith("~~~"):
            fence = line.removesuffix("text")
        else:
            kept.append(re.sub(r"`[^`]*`", "``", line))
    return re.sub(r"jobs/[^>]*>", "jobs/>", "\n".join(kept))


# ----------------------------------------------------------------------------------------------------------- inert


def test_code_keeps_what_it_shows() -> None:
    assert code("a`b\n@ada ") == "`a'b @\u200bada`"
    assert code("", empty="(none)") == "`(none)`"


def test_a_quote_is_fenced_longer_than_anything_in_it() -> None:
    assert quoted("one\r\n~~~~\rtwo\u202e", 100) == "~~~~~text\none\n~~~~\ntwo\n~~~~~"


@unhurried
@given(texts, st.integers(min_value=1, max_value=100))
def test_a_shortened_text_keeps_its_limit(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) <= limit


def test_an_order_to_ci_is_broken_in_every_form() -> None:
    assert plain("[SKIP CI] x [ci  skip]", 100) == "(SKIP CI) x (ci skip)"
