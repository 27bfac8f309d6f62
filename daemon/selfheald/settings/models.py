"""What may stand in the configuration: every key with its kind, default and meaning.

Durations, rates, globs and the like stay text here; ``resolve`` turns them into the domain's values.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict, create_model
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from selfheald.domain.guards.rules import GuardChoice, Rule
from selfheald.domain.policy import Choice, Mode, SupersededBy
from selfheald.settings import fields
from selfheald.settings.values import AgentKind, LogFormat, LogLevel, SandboxKind

DEFAULT_PROMPT_FILE = "prompts/heal.md"
"""Beside the configuration; it may be missing."""

# In the file an enum's member is written as its text.
_Mode = Annotated[Mode, Strict(strict=False)]
_SupersededBy = Annotated[SupersededBy, Strict(strict=False)]
_Choice = Annotated[Choice, Strict(strict=False)]
_GuardChoice = Annotated[GuardChoice, Strict(strict=False)]
_AgentKind = Annotated[AgentKind, Strict(strict=False)]
_SandboxKind = Annotated[SandboxKind, Strict(strict=False)]
_LogFormat = Annotated[LogFormat, Strict(strict=False)]
_LogLevel = Annotated[LogLevel, Strict(strict=False)]

_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_Tokens = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Keys(BaseModel):
    """Keys of one level: none unknown, no silent conversions, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class OrganizationKeys(_Keys):
    """A Semaphore organization: one API host, one token."""

    name: fields.Name
    """The name by which projects refer to it."""
    url: fields.Url
    """Its address; the API is under `/api/v1alpha`."""
    token_env: fields.EnvironmentName | None = None
    """The variable that holds the API token, a personal one or a service account's. Either this or `token_file`."""
    token_file: fields.FilePath | None = None
    """The file that holds the API token; read again when it changes."""
    mcp_url: fields.Url | None = None
    """Semaphore's MCP server, with the same token; `null`: the REST API answers agents' tools."""


class AppKeys(_Keys):
    """A GitHub app."""

    id: _Count
    """The app's id."""
    private_key_file: fields.FilePath
    """The file that holds its private key (PEM); read again when it changes."""


class GitHubKeys(_Keys):
    """Where pull requests go."""

    api_url: fields.Url = "https://api.github.com"
    """GitHub's API; of an Enterprise server `https://HOST/api/v3`."""
    git_url: fields.Url = "https://github.com"
    """Where repositories are fetched from and pushed to: `<git_url>/owner/name.git`."""
    token_env: fields.EnvironmentName | None = None
    """The variable that holds the token. Exactly one of this, `token_file` and `app`."""
    token_file: fields.FilePath | None = None
    """The file that holds the token; read again when it changes."""
    app: AppKeys | None = None
    """A GitHub app instead of a token."""


class PriceKeys(_Keys):
    """US dollars per million tokens."""

    input: _Usd
    """Of fresh input."""
    cached_input: _Usd
    """Of input that the provider had cached."""
    cache_write: _Usd | None = None
    """Of input that the provider puts into its cache; `null`: as `input`. Anthropic charges 1.25 times as much."""
    output: _Usd
    """Of output."""


class AgentKeys(_Keys):
    """A coding agent."""

    kind: _AgentKind
    """How it is started and read."""
    api_key_env: fields.EnvironmentName | None = None
    """The variable that holds the model's API key, which never enters the sandbox."""
    api_key_file: fields.FilePath | None = None
    """The file that holds the model's API key; read again when it changes."""
    base_url: fields.Url | None = None
    """The model's API; `null`: the provider's own."""
    model: fields.Line | None = None
    """The model; `null`: the agent's own default."""
    timeout: fields.Duration = "30m"
    """How long one attempt may take."""
    idle_timeout: fields.Duration = "10m"
    """How long it may say nothing; not for `kind: command`."""
    max_turns: _Count | None = None
    """How often one attempt may ask the model; `null`: any number. Not for `kind: command`."""
    fallback: list[fields.Name] = []
    """Agents that stand in, in this order, while this one is paused because it fails for reasons of its own."""
    command: list[fields.Argument] = []
    """For `kind: command`: the program and its arguments; `{prompt_file}` stands for the prompt's path."""
    mounts: list[fields.AbsolutePath] = []
    """Folders or files that the sandbox shows read-only, at the same path."""
    env: list[fields.EnvironmentName] = []
    """Names of variables that are passed through. No secret belongs here."""
    binary: fields.FilePath | None = None
    """The agent's program; `null`: the kind's own, found on `PATH`."""
    prices: PriceKeys | None = None
    """What its tokens cost, in US dollars per million, unless `model_prices` knows the model. Without any price cost
    counts as 0, and budgets in dollars cannot hold it."""
    model_prices: dict[fields.Line, PriceKeys] = {}
    """The prices of single models, by name; a date at the end of a name does not count. When some are given and
    `prices` is `null`, other models may not be asked."""


class PollKeys(_Keys):
    """How often Semaphore and GitHub are asked."""

    interval: fields.Duration = "30s"
    """Between two sweeps of a busy project."""
    idle_interval: fields.Duration = "5m"
    """Between two sweeps of a quiet project."""
    requests_per_second: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 5
    """At most, per organization."""
    lookback: fields.Pause = "1h"
    """How far back a project's first sweep looks."""
    follow: fields.Duration = "60s"
    """Between two looks at an open pull request, or at CI on one of our branches."""


class LogKeys(_Keys):
    """Logs go to standard error."""

    format: _LogFormat = LogFormat.AUTO
    """`auto`: colours on a terminal, JSON otherwise."""
    level: _LogLevel = LogLevel.INFO
    """From which level on."""


class GitKeys(_Keys):
    """Who makes the commits."""

    name: fields.Author = "Semaphore CI"
    """Author and committer."""
    email: fields.Email = "ci@semaphore.io"
    """Their address."""


class BranchKeys(_Keys):
    """Which branches are healed: a branch must match one of `include` and none of `exclude`."""

    include: list[fields.Glob] = ["**"]
    """`*` within a segment, `**` across segments."""
    exclude: list[fields.Glob] = ["selfheal-*", "dependabot/**", "renovate/**"]
    """These are left alone."""


class PullRequestsKeys(_Keys):
    """Whether pull requests' pipelines are healed."""

    own: _Choice = Choice.HEAL
    """Those from branches of the repository itself."""
    forks: _Choice = Choice.SKIP
    """Those from forks."""


class LimitKeys(_Keys):
    """Bounds that hold across restarts."""

    attempts_per_commit: _Count = 1
    """Attempts that may start from one commit."""
    attempts_per_case: _Count = 3
    """Attempts within a case, the new failure fed back each time."""
    cases_per_branch: fields.RateText = "3 per 24h"
    """Cases opened for one branch."""
    cases_per_project: fields.RateText = "10 per 24h"
    """Cases opened for one project."""
    open_pull_requests: _Count = 5
    """Pull requests of a project that may be open at once."""
    cost_usd_per_attempt: _Usd = 5
    """What one attempt may cost, by `prices`: then the model is not asked any more."""
    tokens_per_attempt: _Tokens | None = None
    """Tokens that one attempt may use, input and output together; `null`: any number."""
    cost_usd_per_day: _Usd = 20
    """What a project's attempts may cost within a day (UTC), by `prices`."""
    cooldown: fields.Pause = "30m"
    """How long a branch rests after a case that ended without a fix."""
    concurrent_attempts: _Count = 1
    """Attempts of a project that may run at once; `workers` bounds those of all projects."""


class ValidationKeys(_Keys):
    """How long CI may take on our branch."""

    timeout: fields.Duration = "2h"
    """From the push until CI ends."""
    start_timeout: fields.Duration = "10m"
    """From the push until a pipeline appears."""


class PullRequestKeys(_Keys):
    """How a proposal is presented."""

    base: fields.BaseBranch = "source"
    """`source` (the branch that failed), `default`, or a branch's name."""
    title: fields.Title = "Selfheal CI: {summary}"
    """`{summary}` is the agent's one-line summary."""
    labels: list[fields.Line] = ["selfheal"]
    """Put on each pull request."""
    reviewers: list[fields.Line] = []
    """Users, or teams as `organization/team`, who are asked for a review."""
    draft: bool = False
    """Whether it starts as a draft."""


def _rule_keys() -> type[_Keys]:
    """A key for each rule, with its meaning. A protected path always blocks, so it has none."""
    rules = [rule for rule in Rule if rule is not Rule.PROTECTED_PATH]
    fields_of: dict[str, Any] = {
        str(rule): (_GuardChoice, Field(default=GuardChoice(rule.default), description=rule.meaning)) for rule in rules
    }
    doc = "What a guard does: `block`, `approve` (ask a human first), `note` (tell it in the pull request) or `off`."
    return create_model("GuardRuleKeys", __base__=_Keys, __doc__=doc, **fields_of)


_GuardRuleKeys = _rule_keys()


class GuardKeys(_Keys):
    """What the guards on a proposal's diff do; [guards](guards.md) explains them."""

    tries: Annotated[int, Field(ge=0, le=10)] = 1
    """Attempts that the guards may block before one counts against `limits.attempts_per_commit`; each next one is told
    what was found. They count in `limits.attempts_per_case`."""
    max_files: _Count = 100
    """Files that a proposal may change before `too_many_files` speaks."""
    max_lines: _Count = 5_000
    """Lines, added and removed, that it may change before `too_many_lines` speaks."""
    max_file_kb: _Count = 1_000
    """Kilobytes of a file from which on `file_too_large` speaks."""
    rules: _GuardRuleKeys = _GuardRuleKeys()  # type: ignore[valid-type]  # it is made of the table of rules


class DefaultKeys(_Keys):
    """What holds for every project that does not say otherwise. Maps are merged, lists replaced."""

    agent: fields.Name | None = None
    """One of `agents`; `null`: the only one there is."""
    mode: _Mode = Mode.HEAL
    """`off`, `observe` (decide, write nothing), `approve` (ask a human first) or `heal`."""
    when: fields.ConditionText = "result = 'failed' AND branch !~ '^selfheal-.*'"
    """Which pipelines, in Semaphore's conditions language."""
    branches: BranchKeys = BranchKeys()
    pipeline_files: Annotated[list[fields.Line], Field(min_length=1)] = [".semaphore/semaphore.yml"]
    """Pipelines of these files."""
    tags: _Choice = Choice.SKIP
    """Whether tags' pipelines are healed."""
    pull_requests: PullRequestsKeys = PullRequestsKeys()
    superseded_by: _SupersededBy = SupersededBy.COMMIT
    """What makes a failure an old one: a newer `commit` on its branch, or only a newer `pipeline` that has ended."""
    prompt: fields.FilePath | None = DEFAULT_PROMPT_FILE
    """The prompt's file, with `$SEMAPHORE_…` variables; the built-in prompt for `null`, or if this file is missing."""
    verify: list[fields.Line] = []
    """Commands that must pass in the sandbox before anything is pushed."""
    limits: LimitKeys = LimitKeys()
    validation: ValidationKeys = ValidationKeys()
    pull_request: PullRequestKeys = PullRequestKeys()
    protected_paths: list[fields.Glob] = [".semaphore/**", ".github/**", "**/CODEOWNERS"]
    """A proposal that touches one of these is blocked."""
    guards: GuardKeys = GuardKeys()


class ProjectKeys(DefaultKeys):
    """A Semaphore project. Every key of `defaults` may stand here too."""

    name: fields.Line
    """The Semaphore project's name."""
    organization: fields.Name
    """One of `organizations`."""
    repository: fields.Slug | None = None
    """Its GitHub repository, as `owner/name`; `null`: as Semaphore says."""


class SandboxLimitsKeys(_Keys):
    """What one run in the sandbox may use up: of an agent, or of a command of `verify`. Reaching one ends the run.

    `selfheald check` says which of them hold here, and by what.
    """

    memory: fields.Size = "4g"
    """Memory of all its processes together, its private `/tmp` included."""
    processes: Annotated[int, Field(ge=16, le=1_000_000)] = 2048
    """Processes and threads at once."""
    cpus: Annotated[float, Field(gt=0, le=4096, allow_inf_nan=False)] | None = None
    """Processors that it may keep busy, such as `1.5`; `null`: all. Needs a control group."""
    cpu_time: fields.Duration = "4h"
    """CPU time of all its processes together."""
    open_files: Annotated[int, Field(ge=64, le=1_000_000)] = 16_384
    """Open files of each process; never more than the daemon itself may have."""
    disk: fields.Size = "10g"
    """What its work tree and its home may take on the disk together."""
    tmp: fields.Size = "1g"
    """Its private `/tmp`, which lives in memory; bubblewrap only."""
    output: fields.Size = "256m"
    """Its standard output, each line with 512 bytes more; a transcript keeps 50m of it."""


class Settings(BaseSettings):
    """selfheald's configuration. Relative paths start at the folder of the file."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    organizations: Annotated[list[OrganizationKeys], Field(min_length=1)]
    github: GitHubKeys
    agents: Annotated[dict[fields.Name, AgentKeys], Field(min_length=1)]
    state_dir: fields.FilePath = "/var/lib/selfheald"
    """The SQLite file, git mirrors and transcripts."""
    listen: fields.Listen = "127.0.0.1:9464"
    """Where /metrics, /healthz and /readyz are served; port 0 takes a free one and logs it."""
    sandbox: _SandboxKind = SandboxKind.BUBBLEWRAP
    """`none`: agents run unconfined, and every start says so."""
    sandbox_limits: SandboxLimitsKeys = SandboxLimitsKeys()
    egress: list[fields.Egress] = []
    """What agents and commands of `verify` may reach besides the model, as `host:port`: a package registry, say."""
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Attempts that run at once."""
    cost_usd_per_day: _Usd | None = None
    """What the attempts of all projects together may cost within a day (UTC), by `prices`; `null`: any amount."""
    poll: PollKeys = PollKeys()
    log: LogKeys = LogKeys()
    git: GitKeys = GitKeys()
    drain_timeout: fields.Pause = "30s"
    """How long running attempts may go on after SIGTERM; keep it below the supervisor's own limit."""
    defaults: DefaultKeys = DefaultKeys()
    projects: Annotated[list[ProjectKeys], Field(min_length=1)]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - read by `overrides`, which knows who set what
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - none of our sources
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - none of our sources
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the keys of file and environment, merged, from the argument ``keys``; read nothing behind our back."""
        keys = init_settings().get("keys", {})
        return (InitSettingsSource(settings_cls, init_kwargs=keys),)
