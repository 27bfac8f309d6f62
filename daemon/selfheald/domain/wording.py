"""All text that people read in commits and pull requests. Pure.

What comes from outside (the agent's words, names of jobs, branches and files) is untrusted: see :mod:`inert`.
"""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from selfheald.domain.attempt import Attempt, AttemptOutcome
from selfheald.domain.case import Case
from selfheald.domain.failure import FailedJob
from selfheald.domain.finding import GuardAction
from selfheald.domain.ids import AgentName, CaseId, Sha
from selfheald.domain.inert import cell, code, one_line, plain, quoted
from selfheald.domain.pipeline import Pipeline
from selfheald.domain.proposal import FileChange, TreeChanges

SUBJECT_PREFIX = "selfheal CI: "
SUBJECT_LIMIT = 120
"""Characters of a commit's subject: two lines of a terminal."""

TITLE_LIMIT = 250
"""GitHub cuts a pull request's title at 256."""

SUMMARY_LIMIT = 200
BODY_LIMIT = 60_000
"""GitHub refuses a body of more than 65,536 characters."""

MESSAGE_LIMIT = 4_000
"""Characters of the agent's own words: a page or two."""

MOST_JOBS, MOST_FILES, MOST_ATTEMPTS, MOST_LEFT_OUT, MOST_FINDINGS = 20, 60, 10, 10, 30
"""Rows that are listed; the rest is counted."""

ADDRESS_LIMIT = 300
"""A longer address of an organization is not linked to."""

SHORT_SHA = 10


def commit_message(*, summary: str, case_id: CaseId, attempt: int, agent: AgentName) -> str:
    """The message of a proposal's commit: the subject, and trailers that name the case, attempt and agent."""
    subject = SUBJECT_PREFIX + plain(summary, SUBJECT_LIMIT - len(SUBJECT_PREFIX))
    trailers = {"Case": str(case_id), "Attempt": str(attempt), "Agent": plain(agent, SUBJECT_LIMIT)}
    return f"{subject.rstrip()}\n\n" + "".join(f"Selfheal-{name}: {value}\n" for name, value in trailers.items())


def summary_of(agent_summary: str, job_names: Sequence[str]) -> str:
    """One line that says what a proposal does: the agent's, or else one made from the failed jobs' names."""
    said = plain(agent_summary, SUMMARY_LIMIT)
    if said:
        return said
    names = [name for name in (plain(job, 60) for job in job_names) if name]
    if not names:
        return "fix the failed pipeline"
    more = len(names) - 1
    return f"fix {names[0]}" + (f" and {more} more" if more else "")


def pull_request_title(template: str, summary: str) -> str:
    """The title: the template of the configuration with ``{summary}`` filled in; any other brace is literal."""
    title = one_line(template.replace("{summary}", plain(summary, SUMMARY_LIMIT)), TITLE_LIMIT)
    return title or f"Selfheal CI: {plain(summary, SUMMARY_LIMIT)}".rstrip()


def marker(case_id: CaseId) -> str:
    """The hidden line by which a pull request is recognised as this case's."""
    return f"<!-- selfheald case {case_id} -->"


def withdrawal_marker(case_id: CaseId) -> str:
    """The hidden line by which the comment of :func:`withdrawal` is recognised."""
    return f"<!-- selfheald case {case_id} withdrawn -->"


def withdrawal(case: Case, passed: Pipeline, organization_url: str) -> str:
    """Say why our pull request is closed: the pipeline ``passed`` is green without it."""
    url = organization_url.rstrip("/")
    url = url if len(url) <= ADDRESS_LIMIT else ""
    where = code(case.source_branch) if case.source_branch is not None else "What failed"
    return (
        f"{withdrawal_marker(case.id)}\n\n{where} is green again without this change: {_pipeline(passed, url)} "
        f"passed at {_short(passed.commit)}. So selfheald closes this pull request. The branch stays."
    )


def pull_request_body(
    *,
    case: Case,
    attempts: Sequence[Attempt],
    jobs: Sequence[FailedJob],
    changes: TreeChanges,
    proof: Pipeline | None,
    organization_url: str,
) -> str:
    """The body: what failed, what changed, what proves it and what does not, what it took, and how to stop it.

    ``jobs`` are the failed jobs of the case's pipeline, ``changes`` those of the proposed commit, ``attempts`` the
    case's, oldest first, and ``proof`` the pipeline that passed on the commit. At most :data:`BODY_LIMIT` characters.
    """
    url = organization_url.rstrip("/")
    url = url if len(url) <= ADDRESS_LIMIT else ""
    sections = (
        marker(case.id),
        _what_failed(case, jobs, url),
        _what_changed(case, attempts, changes),
        _what_proves_it(case, proof, url),
        *_what_guards_found(attempts),
        _NOT_PROVEN,
        _what_it_took(attempts),
        _HOW_TO_STOP,
    )
    return "\n\n".join(sections) + "\n"


def _what_failed(case: Case, jobs: Sequence[FailedJob], url: str) -> str:
    branch = f" on {code(case.source_branch)}" if case.source_branch is not None else ""
    where = f"{_pipeline(case.pipeline, url)}{branch}, at {_short(case.commit)}."
    lines = ["### What failed", ""]
    lines += [f"{where} Jobs that did not pass:", ""] if jobs else [where]
    lines += [f"- {_link(code(job.name), url, f'jobs/{_part(job.id)}')}" for job in jobs[:MOST_JOBS]]
    lines += _and_more(len(jobs) - MOST_JOBS, "- and {} more")
    return "\n".join(lines)


def _what_changed(case: Case, attempts: Sequence[Attempt], changes: TreeChanges) -> str:
    lines = ["### What changed", "", code(case.summary, SUMMARY_LIMIT, empty="(no summary)")]
    if changes.files:
        lines += ["", "| File | Change |", "|---|---|"]
    lines += [f"| {cell(file.path)} | {_kind(file)} |" for file in changes.files[:MOST_FILES]]
    lines += _and_more(len(changes.files) - MOST_FILES, "| and {} more | |")
    if changes.left_out:
        lines += ["", "Left out of the proposal:", ""]
    lines += [f"- {code(reason)}" for reason in changes.left_out[:MOST_LEFT_OUT]]
    lines += _and_more(len(changes.left_out) - MOST_LEFT_OUT, "- and {} more")
    message = attempts[-1].message.strip() if attempts else ""
    if message:
        lines += ["", "The agent's own words, which nobody has checked:", "", quoted(message, MESSAGE_LIMIT)]
    return "\n".join(lines)


def _what_proves_it(case: Case, proof: Pipeline | None, url: str) -> str:
    red = f"- red at {_short(case.commit)}: {_pipeline(case.pipeline, url)}"
    if proof is None:
        green = "- no pipeline has passed on this branch yet"
    else:
        green = f"- green at {_short(proof.commit)}: {_pipeline(proof, url)}"
    return f"### What proves it\n\n{red}\n{green}"


def _what_guards_found(attempts: Sequence[Attempt]) -> Iterator[str]:
    """What the guards found in the proposal as it is: that of the last fix, which was judged as a whole."""
    findings = next((one.findings for one in reversed(attempts) if one.outcome is AttemptOutcome.FIXED), ())
    if not findings:
        return
    lines = ["### What to look at", "", "The guards on the diff found this:", ""]
    lines += ["| File | Line | Rule | What |", "|---|---|---|---|"]
    lines += [
        f"| {cell(one.path)} | {one.line or ''} | {cell(one.rule, 60)} | {cell(one.text)} |"
        for one in findings[:MOST_FINDINGS]
    ]
    lines += _and_more(len(findings) - MOST_FINDINGS, "| and {} more | | | |")
    if any(one.action is GuardAction.APPROVE for one in findings):
        lines += ["", "A human has seen it and approved that it is proposed."]
    yield "\n".join(lines)


_NOT_PROVEN = """### What it does not prove

The pipeline passes; that the change is right is for you to judge. Look closely at changed tests: making a test weaker
turns it green, too. What this pipeline does not run has not been checked."""


def _what_it_took(attempts: Sequence[Attempt]) -> str:
    lines = ["### Attempts and cost", "", "| Attempt | Agent | Outcome | Tokens in | Tokens out | Cost |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [_attempt(attempt) for attempt in attempts[-MOST_ATTEMPTS:]]
    lines += _and_more(len(attempts) - MOST_ATTEMPTS, "| and {} before | | | | | |")
    micros = sum(attempt.cost_micros for attempt in attempts)
    return "\n".join([*lines, "", f"In all: {_cost(micros)}." if micros > 0 else "No prices are configured."])


def _attempt(attempt: Attempt) -> str:
    usage = attempt.usage
    agent = cell(attempt.agent, 60) + (f" ({cell(usage.model, 60)})" if usage.model else "")
    outcome = "running" if attempt.outcome is None else attempt.outcome.replace("_", " ")
    tokens = f"{usage.input_tokens:,} | {usage.output_tokens:,}"
    return f"| {attempt.number} | {agent} | {outcome} | {tokens} | {_cost(attempt.cost_micros)} |"


# The order to us is not spelled out: a squash merge may make this text into a commit message, where it would act.
_HOW_TO_STOP = """### How to stop it

Close this pull request: selfheald proposes nothing more for this failure. A commit whose message says `skip selfheal`
in square brackets is left alone from the start."""


def _cost(micros: int) -> str:
    """Dollars to four places, since one attempt may cost less than a cent; rounded to the nearest, ties up."""
    if micros <= 0:
        return "not priced"
    tenths_of_mills = (micros + 50) // 100
    return f"{tenths_of_mills // 10_000:,}.{tenths_of_mills % 10_000:04} USD"


def _kind(file: FileChange) -> str:
    return f"{file.kind} (a symbolic link)" if file.mode == "120000" else file.kind.value


def _short(commit: Sha) -> str:
    return code(commit[:SHORT_SHA])


def _pipeline(pipeline: Pipeline, url: str) -> str:
    address = f"workflows/{_part(pipeline.workflow_id)}?pipeline_id={_part(pipeline.id)}"
    return _link(f"Pipeline {code(pipeline.name)}", url, address)


def _part(identifier: str) -> str:
    # Two dashes before a link's closing bracket would look like the end of a comment.
    return quote(identifier[:100], safe="").replace("--", "%2D%2D")


def _link(text: str, url: str, address: str) -> str:
    return f"[{text}](<{url}/{address}>)" if url else text


def _and_more(count: int, template: str) -> list[str]:
    return [template.format(count)] if count > 0 else []
