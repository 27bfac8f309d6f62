"""After what lies behind the gate: the model's key, other people's builds, more than the budget."""

from collections.abc import Callable
from dataclasses import dataclass

from selfheald.domain.refusal import RefusalKind
from tests.security.attack import program_won
from tests.security.scene import Aftermath

POST = """
import json, urllib.error, urllib.request
def post(url, asked, **headers):
    shown = {'Authorization': 'Bearer ' + os.environ['TOKEN'], 'Content-Type': 'application/json', **headers}
    request = urllib.request.Request(url, json.dumps(asked).encode(), shown)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer: return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error: return error.code, error.read().decode()
CHAT = {'model': 'm', 'max_tokens': 100, 'messages': [{'role': 'user', 'content': 'x' * 400}]}
def tool(name, **arguments):
    asked = {'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call', 'params': {'name': name, 'arguments': arguments}}
    return post(os.environ['TOOLS'], asked, Accept='application/json, text/event-stream')
"""

OWN = "11111111-1111-4111-8111-111111111111"
FOREIGN = "99999999-9999-4999-8999-999999999999"
"""The id of something that is not the failing workflow's."""


def refused(kind: RefusalKind) -> Callable[[Aftermath], bool]:
    """The case tells of the refusal."""
    return lambda after: any(refusal.kind is kind for refusal in after.refusals)


def canary_told(after: Aftermath) -> bool:
    """The program has said what it could not know."""
    return after.scene.canary in after.said


MODEL_REFUSED = refused(RefusalKind.MODEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAttack:
    """One attack on what the gate leads to."""

    name: str
    tries: str
    held_by: str
    program: str
    off: str
    """Which protection is switched off: ``direct`` (the agent has address and key itself), ``scope``, ``token``,
    ``budget``."""
    won: Callable[[Aftermath], bool] = canary_told
    seen: Callable[[Aftermath], bool] = MODEL_REFUSED
    seen_as: str = "refusal of the case"


def _forged(name: str, tries: str, call: str) -> ZoneAttack:
    return ZoneAttack(
        name=name,
        tries=tries,
        held_by="the tools gateway, held to the failing workflow's ids",
        program=f"{POST}\nprint(tool({call}))",
        off="scope",
        seen=refused(RefusalKind.TOOL),
    )


ZONE = (
    ZoneAttack(
        name="ask-for-the-key",
        tries="have the provider show the key that was sent with a request",
        held_by="the model proxy: only the model's own paths",
        program=POST + "print(post(os.environ['MODEL'] + '/v1/echo', {}))",
        off="direct",
    ),
    ZoneAttack(
        name="ask-for-the-key-by-another-path",
        tries="reach another path of the provider by `..` and encoded slashes",
        held_by="the model proxy: only the model's own paths",
        program=POST
        + "CHATS = '/v1/chat/completions'\n"
        + "for path in (CHATS + '/../../echo', CHATS + '/..%2f..%2fecho', '/../v1/echo', '//v1/echo'):\n"
        + "    print(post(os.environ['MODEL'] + path, {}))\n"
        + "print(post(os.environ['MODEL'] + '/v1/echo', {}))",
        off="direct",
    ),
    ZoneAttack(
        name="find-the-key-inside",
        tries="find the model's key in the environment and the files of the sandbox",
        held_by="the key never enters the sandbox",
        program="""
print(dict(os.environ))
for folder, _, names in os.walk(os.environ['HOME']):
    for name in names: print(open(os.path.join(folder, name), errors='replace').read())
print('LOST', 'no key')
""",
        off="direct",
        seen=lambda after: "LOST" in after.said,
        seen_as="transcript",
    ),
    ZoneAttack(
        name="use-another-token",
        tries="use the model by the token of another attempt",
        held_by="a token is made for one attempt",
        program=POST
        + "shown = {'Authorization': 'Bearer ' + (os.environ['OTHER'] or os.environ['TOKEN'])}\n"
        + "status, said = post(os.environ['MODEL'] + '/v1/chat/completions', CHAT, **shown)\n"
        + "if status == 200: print('WON')",
        off="token",
        won=program_won,
    ),
    ZoneAttack(
        name="overspend",
        tries="use the model after the budget is used up",
        held_by="the model proxy meters each request against the budgets",
        program=POST
        + "answers = [post(os.environ['MODEL'] + '/v1/chat/completions', CHAT)[0] for _ in range(6)]\n"
        + "print(answers)\nif answers == [200] * 6: print('WON')",
        off="budget",
        won=program_won,
        seen=lambda after: bool(after.over_budget),
        seen_as="outcome `over_budget`",
    ),
    _forged(
        "forge-a-pipeline-id",
        "read the jobs of somebody else's pipeline",
        f"'pipeline_jobs', pipeline_id='{FOREIGN}', organization_id='{OWN}'",
    ),
    _forged("forge-a-job-id", "read the log of somebody else's job", f"'jobs_logs', job_id='{FOREIGN}'"),
    _forged(
        "forge-a-workflow-id",
        "list the pipelines of somebody else's workflow",
        f"'pipelines_list', workflow_id='{FOREIGN}', organization_id='{OWN}'",
    ),
    _forged(
        "forge-an-organization-id",
        "list the projects of another organization",
        f"'projects_list', organization_id='{FOREIGN}'",
    ),
    _forged(
        "forge-a-project-id",
        "search the workflows of another project",
        f"'workflows_search', project_id='{FOREIGN}', organization_id='{OWN}'",
    ),
)
