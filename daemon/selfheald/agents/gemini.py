"""Google's Gemini CLI, as version 0.61 works: ``gemini -o stream-json``, which tells one JSON object a line."""

import json
import re
from collections.abc import Iterable, Mapping

from selfheald.agents.install import Package
from selfheald.agents.kind import Launch, Order
from selfheald.agents.ways import KEY_NAME
from selfheald.agents.words import Did, Done, Event, Failed, Said, Spent, Trouble, Word, did
from selfheald.domain.attempt import AttemptOutcome

SETTINGS: Mapping[str, object] = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    # Its own ten attempts take minutes; the daemon tries again later.
    "general": {"maxAttempts": 2, "enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    # They run at the provider, where no sandbox stops them.
    "tools": {"exclude": ["google_web_search", "web_fetch"]},
}

FLAGS = ("-o", "stream-json", "--approval-mode", "yolo")
"""The sandbox around it is ours."""

UNTRUSTED = "--skip-trust"
"""The repository's settings, which could start programs, are not read."""


WHY = re.compile(r"Attempt \d+ failed with status|\s+(?:status|code): \d+")
"""A line of its log without which the failure of its result means nothing."""


class Gemini:
    """The kind ``gemini``."""

    needs_model = False
    package = Package(program="gemini", name="@google/gemini-cli", tested="0.61.0", node=20)

    def launch(self, order: Order) -> Launch:
        """Start with settings in the private home; the prompt comes by standard input, which is no terminal."""
        settings = {**SETTINGS, "model": {"maxSessionTurns": order.max_turns or -1}}
        if order.tools_url:
            headers = {"Authorization": f"Bearer ${KEY_NAME}"}
            settings["mcpServers"] = {"semaphore": {"httpUrl": order.tools_url, "headers": headers, "trust": True}}
        chosen = ("-m", order.model) if order.model else ()
        env = {
            "GEMINI_API_KEY": order.token,
            "GOOGLE_GEMINI_BASE_URL": order.model_url,
            # One process instead of two.
            "GEMINI_CLI_NO_RELAUNCH": "true",
        }
        files = {".gemini/settings.json": json.dumps(settings)}
        return Launch(arguments=(*FLAGS, UNTRUSTED, *chosen), env=env, files=files)

    def read(self, event: Event) -> Iterable[Word]:
        """The assistant's text comes in pieces; its last run of pieces is the final message."""
        match event:
            case {"type": "message", "role": "assistant", "content": str(text)}:
                yield Said(text, more=True)
            case {"type": "tool_use", "tool_name": str(name), "parameters": Mapping() as given}:
                yield did(name, given)
            case {"type": "tool_result", "status": str(status)}:
                yield Did("" if status == "success" else status)
            case {"type": "error", "message": str(text)}:
                yield Trouble(text)
            case {"plain": str(text)} if WHY.match(text):
                yield Trouble(text)
            case {"type": "result"}:
                yield from _result(event)


def _result(event: Event) -> Iterable[Word]:
    stats = event["stats"] if isinstance(event.get("stats"), Mapping) else {}
    yield Spent(stats.get("input_tokens"), stats.get("cached"), stats.get("output_tokens"), so_far=True)
    error = event["error"] if isinstance(event.get("error"), Mapping) else {}
    if event.get("status") == "success":
        yield Done()
    elif error.get("type") == "FatalTurnLimitedError":
        yield Failed(error.get("message"), AttemptOutcome.TURNS_USED_UP)
    else:
        yield Failed(error.get("message", "it ended with an error"))
