"""Every reason for which a pipeline is not healed, a case ends, or an attempt ends: one enum, with its meaning.

The value is what users see: in ``selfheald explain`` and ``selfheald case``, as a metric label, in the guide.
"""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why something was skipped, put off or ended. ``meaning`` is one sentence for people."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Attach the meaning to the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Pipelines: nothing to heal
    NOT_FAILED = "not_failed", "The pipeline did not fail."
    DETAILS_PENDING = "details_pending", "Semaphore has not yet filled in the pipeline's commit; asked again later."
    MALFORMED = "malformed", "The pipeline file is malformed, and its path is protected, so no fix could be proposed."
    # Pipelines: the project's settings
    MODE_OFF = "mode_off", "The project's mode is `off`."
    OBSERVE_ONLY = "observe_only", "It would have been healed, but the project's mode is `observe`."
    PIPELINE_FILE = "pipeline_file", "The pipeline's file is not among the project's `pipeline_files`."
    PROMOTION = "promotion", "It is a promoted pipeline (a deployment, say): a push would not run it again."
    TAG = "tag", "It is a tag's pipeline, and `tags` is `skip`."
    PULL_REQUEST = "pull_request", "It is a pull request's pipeline, and `pull_requests.own` is `skip`."
    FORK = "fork", "It is a forked pull request's pipeline, and `pull_requests.forks` is `skip`."
    BRANCH_EXCLUDED = "branch_excluded", "`branches.include` and `branches.exclude` do not allow the branch."
    CONDITION_FALSE = "condition_false", "The condition `when` is false."
    CONDITION_ERROR = "condition_error", "The condition `when` cannot be evaluated for this pipeline."
    # Pipelines: guards that no setting switches off
    OWN_BRANCH = "own_branch", "The branch is one of selfheald's own."
    OWN_PULL_REQUEST = "own_pull_request", "The pull request comes from one of selfheald's own branches."
    OWN_COMMIT = "own_commit", "The commit was made by selfheald, or merges one that was."
    SKIP_REQUESTED = "skip_requested", "The message of the failed commit says `[skip selfheal]`."
    DECLINED = "declined", "A human closed a proposal for this failure: a lasting no."
    ALREADY_OPEN = "already_open", "A case for this failure is open."
    ALREADY_ATTEMPTED = "already_attempted", "`limits.attempts_per_commit` is used up for the failed commit."
    SUPERSEDED = "superseded", "The branch has a newer commit, or a newer pipeline of the same file has ended."
    # Pipelines: the limits that are reached
    CASES_PER_BRANCH = "cases_per_branch", "`limits.cases_per_branch` is reached."
    CASES_PER_PROJECT = "cases_per_project", "`limits.cases_per_project` is reached."
    OPEN_PULL_REQUESTS = "open_pull_requests", "`limits.open_pull_requests` is reached."
    COST_PER_DAY = "cost_per_day", "`limits.cost_usd_per_day` is reached."
    COST_PER_DAY_OF_ALL = "cost_per_day_of_all", "`cost_usd_per_day` of all projects together is reached."
    CONCURRENT_ATTEMPTS = "concurrent_attempts", "`limits.concurrent_attempts` is reached."
    COOLDOWN = "cooldown", "A case on this branch ended without a fix less than `limits.cooldown` ago."
    UNAVAILABLE = "unavailable", "Something needed for the decision could not be read; asked again later."
    ALLOWED = "allowed", "Every guard, rule and limit allows it."
    # Cases: how they end
    MERGED = "merged", "The pull request was merged."
    CLOSED_BY_HUMAN = "closed_by_human", "The pull request was closed without being merged."
    STOP_LABEL = "stop_label", "The pull request has the label `selfheal:stop`: a lasting no."
    NO_CHANGE = "no_change", "The agent ended without changing anything."
    REFUSED_BY_AGENT = "refused_by_agent", "The agent, or its model, refused the task."
    ATTEMPTS_USED_UP = "attempts_used_up", "CI failed on the proposal, and no attempt is left."
    AGENT_TIMEOUT = "agent_timeout", "The agent ran into its time limit."
    AGENT_CRASHED = "agent_crashed", "The agent's program ended with an error."
    AGENT_MISSING = "agent_missing", "The agent's program is not installed."
    AGENT_AUTH = "agent_auth", "The model's provider refused the key."
    MODEL_DOWN = "model_down", "The model's provider could not be reached, or failed."
    RATE_LIMITED = "rate_limited", "The model's provider asked to slow down, or its quota is used up."
    TURNS_USED_UP = "turns_used_up", "The agent reached its own limit of turns."
    SANDBOX_LIMIT = "sandbox_limit", "One of `sandbox_limits` ended the agent; the attempt's note names it."
    BUDGET_USED_UP = (
        "budget_used_up",
        "The budget of the attempt, of the project's day or of everybody's day was used up.",
    )
    DIFF_GUARD = "diff_guard", "A guard on the diff blocked the proposal; the case's history names file, line and rule."
    PROTECTED_PATH = "protected_path", "The proposal touches a path in `protected_paths`."
    VERIFY_FAILED = "verify_failed", "A command of `verify` failed on the proposal."
    BRANCH_TAKEN = "branch_taken", "The branch `selfheal-<sha>` exists with commits that are not ours."
    PUSH_REFUSED = "push_refused", "The repository refused the push (a protected branch or a hook)."
    CI_NOT_STARTED = "ci_not_started", "No pipeline appeared for our push within `validation.start_timeout`."
    CI_TIMEOUT = "ci_timeout", "CI did not end on our branch within `validation.timeout`."
    CI_STOPPED = "ci_stopped", "CI on our branch was stopped or cancelled."
    PULL_REQUEST_REFUSED = "pull_request_refused", "GitHub refused the pull request."
    BRANCH_GREEN = "branch_green", "The branch is green again."
    BRANCH_GONE = "branch_gone", "The branch that failed is gone."
    NOT_FOUND = "not_found", "The repository, project or commit does not exist, or the token may not see it."
    UNAUTHORIZED = "unauthorized", "A token was refused again and again."
    ERROR = "error", "An error of selfheald or its surroundings, again and again; the case's history has its text."
    REJECTED = "rejected", "A human rejected the case."
    CANCELLED = "cancelled", "A human cancelled the case."
