"""opencode, as version 1.18.33 works: ``opencode run --format json``, which tells one JSON object a line."""

import json
from collections.abc import Iterable, Mapping

from selfheald.agents.install import Package
from selfheald.agents.kind import MODEL_SILENCE_SECONDS, Launch, Order
from selfheald.agents.ways import KEY_NAME
from selfheald.agents.words import Did, Done, Event, Failed, Said, Spent, Trouble, Turn, Word
from selfheald.domain.attempt import AttemptOutcome

CONFIG = "opencode.json"
PROVIDER = "selfheald"

FLAGS = ("run", "--format", "json", "--print-logs", "--log-level", "ERROR")
"""It tries a model that is down again for ever, and tells so in its log alone."""

SETTINGS: Mapping[str, object] = {
    "autoupdate": False,
    "share": "disabled",
    # A title for a session that nobody opens again would be asked of the model, and paid.
    "agent": {"title": {"disable": True}},
    # The sandbox around it is ours.
    "permission": {"*": "allow", "webfetch": "deny", "websearch": "deny"},
}

ENV = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    # The repository's configuration could start programs. Its plugins are loaded in spite of this.
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
}


class OpenCode:
    """The kind ``opencode``, for models that speak OpenAI's Chat Completions."""

    needs_model = True
    package = Package(
        program="opencode",
        name="opencode-ai",
        tested="1.18.33",
        natives={"x86_64": "opencode-linux-x64/bin/opencode", "aarch64": "opencode-linux-arm64/bin/opencode"},
    )

    def launch(self, order: Order) -> Launch:
        """Start with a configuration that has one provider, with one model."""
        key = f"{{env:{KEY_NAME}}}"
        options = {"baseURL": order.model_url, "apiKey": key, "timeout": MODEL_SILENCE_SECONDS * 1000}
        models = {order.model: {"limit": {"context": 200_000, "output": 32_000}}}
        provider = {"npm": "@ai-sdk/openai-compatible", "name": PROVIDER, "options": options, "models": models}
        settings = {**SETTINGS, "model": f"{PROVIDER}/{order.model}", "provider": {PROVIDER: provider}}
        settings["small_model"] = settings["model"]
        if order.tools_url:
            headers = {"Authorization": f"Bearer {key}"}
            server = {"type": "remote", "url": order.tools_url, "headers": headers, "oauth": False, "timeout": 30_000}
            settings["mcp"] = {"semaphore": server}
        env = {**ENV, "OPENCODE_CONFIG": f"{order.inside.home}/{CONFIG}"}
        return Launch(arguments=FLAGS, env=env, files={CONFIG: json.dumps(settings)})

    def read(self, event: Event) -> Iterable[Word]:
        """There is no event for the end: the last step's reason tells."""
        match event:
            case {"type": "step_start"}:
                yield Turn()
            case {"type": "text", "part": {"text": str(text)}}:
                yield Said(text)
            case {"type": "tool_use", "part": {"tool": str(tool), "state": {"title": str(title)}}} if title:
                yield Did(f"$ {title}" if tool == "bash" else f"{tool} {title}")
            case {"type": "tool_use", "part": {"tool": str(tool)}}:
                yield Did(tool)
            case {"type": "step_finish", "part": Mapping() as part}:
                yield from _step(part)
            case {"type": "error", "error": Mapping() as error}:
                yield _failure(error)
            case {"plain": str(text)} if 'message="stream error"' in text and "small=true" not in text:
                yield Trouble(text.rpartition("error.error=")[2], waits=True)


def _step(part: Event) -> Iterable[Word]:
    match part.get("tokens"):
        case {"input": int(fresh), "output": int(said), "reasoning": int(thought), "cache": {"read": int(cached)}}:
            yield Spent(fresh + cached, cached, said + thought)
    if part.get("reason") == "stop":
        yield Done()
    elif part.get("reason") == "unknown":
        yield Trouble("the model's answer was cut", waits=True)


def _failure(error: Event) -> Word:
    data = error["data"] if isinstance(error.get("data"), Mapping) else {}
    refused = AttemptOutcome.REFUSED if error.get("name") == "ContentFilterError" else None
    return Failed(f"status {data.get('statusCode', '?')}: {data.get('message', error.get('name'))}", refused)
