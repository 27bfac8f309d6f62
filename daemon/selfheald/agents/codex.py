"""OpenAI's Codex CLI, as version 0.169 works: ``codex exec``, which tells one JSON object a line."""

from collections.abc import Iterable, Mapping

from selfheald.agents.install import Package
from selfheald.agents.kind import MODEL_SILENCE_SECONDS, Launch, Order
from selfheald.agents.toml import toml
from selfheald.agents.ways import KEY_NAME
from selfheald.agents.words import Did, Done, Event, Failed, Said, Spent, Trouble, Turn, Word
from selfheald.domain.attempt import AttemptOutcome

HOME = ".codex"

FLAGS = (
    *("--json", "--ephemeral", "--ignore-user-config", "--skip-git-repo-check"),
    # The sandbox around it is ours.
    "--dangerously-bypass-approvals-and-sandbox",
)

SETTINGS: Mapping[str, object] = {
    "model_provider": "selfheald",
    "analytics.enabled": False,
    "features.plugins": False,
    # It would run at the provider, where no sandbox stops it.
    "web_search": "disabled",
    # Commands need the variables, but not the token.
    "shell_environment_policy": {"inherit": "all", "ignore_default_excludes": False},
}

PROVIDER: Mapping[str, object] = {
    "name": "selfheald",
    "wire_api": "responses",
    "env_key": KEY_NAME,
    # A provider of our own speaks plain HTTP; the built-in one tries WebSockets first, for seconds.
    "request_max_retries": 2,
    "stream_max_retries": 3,
    "stream_idle_timeout_ms": MODEL_SILENCE_SECONDS * 1000,
}

TOOLS: Mapping[str, object] = {
    "bearer_token_env_var": KEY_NAME,
    "startup_timeout_sec": 30,
    "tool_timeout_sec": 120,
    # A gateway that is down must end the attempt, not silently take the tools away.
    "required": True,
}


class Codex:
    """The kind ``codex``."""

    needs_model = False
    package = Package(
        program="codex",
        name="@openai/codex",
        tested="0.169.0",
        natives={
            "x86_64": "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
            "aarch64": "@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl/bin/codex",
        },
        tools="codex-path",
    )

    def launch(self, order: Order) -> Launch:
        """Everything by arguments: a configuration file is ignored on purpose."""
        settings = {**SETTINGS, "model_providers.selfheald": {**PROVIDER, "base_url": order.model_url}}
        if order.tools_url:
            settings["mcp_servers.semaphore"] = {**TOOLS, "url": order.tools_url}
        chosen = ("-C", order.inside.tree, *(("-m", order.model) if order.model else ()))
        changed = (part for name, value in settings.items() for part in ("-c", f"{name}={toml(value)}"))
        home = {"CODEX_HOME": f"{order.inside.home}/{HOME}"}
        return Launch(arguments=("exec", *FLAGS, *chosen, *changed, "-"), env=home, files={f"{HOME}/.keep": ""})

    def read(self, event: Event) -> Iterable[Word]:
        """Codex tells no turns: each use of a tool counts as one."""
        match event:
            case {"type": "item.started", "item": {"type": "command_execution", "command": str(command)}}:
                yield from (Turn(), Did(f"$ {command}"))
            case {"type": "item.started", "item": {"type": "mcp_tool_call", "tool": str(tool)}}:
                yield from (Turn(), Did(f"asks Semaphore: {tool}"))
            case {"type": "item.completed", "item": {"type": "command_execution", "exit_code": int(code)}} if code:
                yield Did(f"exit code {code}")
            case {"type": "item.completed", "item": {"type": "file_change", "changes": list(changes)}}:
                told = (change for change in changes if isinstance(change, Mapping) and change)
                yield Did(", ".join(f"{change.get('kind')} {change.get('path')}" for change in told))
            case {"type": "item.completed", "item": {"type": "agent_message", "text": str(text)}}:
                yield Said(text)
            case {"type": "item.started" | "item.completed"}:
                yield Did()
            case {"plain": str(text)} if "required MCP servers failed" in text:
                yield Failed(text, AttemptOutcome.ERROR)
            case {"type": "error", "message": str(text)}:
                yield Trouble(text, waits="waiting for network" in text)
            case {"type": "turn.completed" | "turn.failed"}:
                yield from _end(event)


def _end(event: Event) -> Iterable[Word]:
    if event["type"] == "turn.failed":
        error = event.get("error")
        yield Failed(error.get("message") if isinstance(error, Mapping) else None)
        return
    spent = event["usage"] if isinstance(event.get("usage"), Mapping) else {}
    yield Spent(spent.get("input_tokens"), spent.get("cached_input_tokens"), spent.get("output_tokens"))
    yield Done()
