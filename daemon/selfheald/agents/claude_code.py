"""Anthropic's Claude Code, as version 2.1.330 works: ``claude -p``, which tells one JSON object a line."""

import json
from collections.abc import Iterable, Mapping

from selfheald.agents.install import Package
from selfheald.agents.kind import MODEL_SILENCE_SECONDS, Launch, Order
from selfheald.agents.ways import KEY_NAME
from selfheald.agents.words import Done, Event, Failed, Said, Spent, Trouble, Word, did
from selfheald.domain.attempt import AttemptOutcome

HOME = ".claude"
SERVERS = "semaphore.json"

FLAGS = (
    *("-p", "--output-format", "stream-json", "--verbose", "--no-session-persistence"),
    # The sandbox around it is ours.
    "--dangerously-skip-permissions",
    # The repository's settings could start programs before the first turn; its CLAUDE.md goes with them.
    *("--setting-sources", "user", "--strict-mcp-config"),
    # The one half runs at the provider, where no sandbox stops it; the other would wait for a later that never comes.
    "--disallowedTools=WebSearch,WebFetch,CronCreate,ScheduleWakeup",
)

ENV = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # A task in the background keeps the program alive after its result.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    # Its own ten retries take three minutes, also for a wrong key.
    "CLAUDE_CODE_MAX_RETRIES": "2",
    # Semaphore's few tools are offered at once, also to models that cannot search for tools.
    "ENABLE_TOOL_SEARCH": "false",
    "CLAUDE_ENABLE_BYTE_WATCHDOG": "1",
    "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS": str(MODEL_SILENCE_SECONDS * 1000),
}

STATUSES = {
    "401": AttemptOutcome.AUTH_ERROR,
    "403": AttemptOutcome.AUTH_ERROR,
    "404": AttemptOutcome.MODEL_DOWN,
    "429": AttemptOutcome.RATE_LIMITED,
}
ENDS = {"error_max_turns": AttemptOutcome.TURNS_USED_UP, "error_max_budget_usd": AttemptOutcome.OVER_BUDGET}


class ClaudeCode:
    """The kind ``claude-code``."""

    needs_model = False
    package = Package(
        program="claude",
        name="@anthropic-ai/claude-code",
        tested="2.1.330",
        natives={
            "x86_64": "@anthropic-ai/claude-code-linux-x64/claude",
            "aarch64": "@anthropic-ai/claude-code-linux-arm64/claude",
        },
    )

    def launch(self, order: Order) -> Launch:
        """Start with a configuration folder of its own, which only has Semaphore's server."""
        chosen = [f"--mcp-config={order.inside.home}/{SERVERS}"]
        chosen += ["--model", order.model] if order.model else []
        chosen += ["--max-turns", str(order.max_turns)] if order.max_turns else []
        # With `sandbox: none` the daemon may run as root, where it refuses the flag without this word.
        env = {**ENV, "IS_SANDBOX": "1", "CLAUDE_CONFIG_DIR": f"{order.inside.home}/{HOME}"}
        env |= {"ANTHROPIC_BASE_URL": order.model_url, "ANTHROPIC_API_KEY": order.token}
        server = {"type": "http", "url": order.tools_url, "headers": {"Authorization": f"Bearer ${{{KEY_NAME}}}"}}
        servers = {"mcpServers": {"semaphore": server} if order.tools_url else {}}
        return Launch(arguments=(*FLAGS, *chosen), env=env, files={SERVERS: json.dumps(servers)})

    def read(self, event: Event) -> Iterable[Word]:
        """Usage in an assistant's events is a guess of the first moment: the result's counts."""
        match event:
            case {"type": "system", "subtype": "init", "mcp_servers": list(servers)}:
                for server in servers:
                    if isinstance(server, Mapping) and server.get("status") == "failed":
                        yield Failed(
                            f"the server {server.get('name')} does not answer", AttemptOutcome.ERROR, final=True
                        )
            case {"type": "system", "subtype": "api_retry"}:
                yield Trouble(f"the model answered {event.get('error_status')} {event.get('error')}")
            case {"type": "assistant", "message": {"content": list(blocks)}}:
                yield from (word for block in blocks for word in _block(block))
            case {"type": "result"}:
                yield from _result(event)


def _block(block: object) -> Iterable[Word]:
    match block:
        case {"type": "text", "text": str(text)}:
            yield Said(text)
        case {"type": "tool_use", "name": str(name), "input": Mapping() as given}:
            yield did(name, given)


def _result(event: Event) -> Iterable[Word]:
    """The end, whose subtype is "success" for failures of the model's too."""
    usage = event["usage"] if isinstance(event.get("usage"), Mapping) else {}
    fresh, made, cached = (usage.get(f"{name}input_tokens") or 0 for name in ("", "cache_creation_", "cache_read_"))
    if all(isinstance(count, int) for count in (fresh, made, cached)):
        yield Spent(fresh + made + cached, cached, usage.get("output_tokens"), so_far=True)
    errors, text = event.get("errors"), event.get("result")
    if event.get("is_error") is not False:
        why = "; ".join(map(str, errors)) if isinstance(errors, list) else text
        known = STATUSES.get(str(event.get("api_error_status"))) or ENDS.get(str(event.get("subtype")))
        yield Failed(why, AttemptOutcome.REFUSED if event.get("stop_reason") == "refusal" else known)
    elif text:
        yield Done()
    else:
        # So it ends when answers of the model are cut, or never come.
        yield Failed("the model gave no answer", AttemptOutcome.MODEL_DOWN)
