"""No secret is found anywhere after a full run: canaries are planted wherever a secret lives, and looked for."""

import shlex
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from secrets import randbits
from urllib.parse import quote

import pytest
from tests.redaction.forms import private_key
from tests.system.canaries import everything, found_in, key_pair, word
from tests.system.house import BROKEN, SLUG, House, agent
from tests.system.house import house as built

from selfheald.domain.case import CaseState
from selfheald.simulator.github import SimulatedApp

pytestmark = [pytest.mark.system, pytest.mark.slow]

CONTROL = "harmlesscontrolword"
"""Planted beside the canaries, and no secret: where it is not found, a canary would not be either."""

TELLS = f"""\
echo "What {CONTROL} knows:"
env | sort; export -p
echo "export DEPLOY_TOKEN=$DEPLOY_TOKEN"; echo "$DEPLOY_TOKEN"; printf %s "$DEPLOY_TOKEN" | base64
env | base64; printf %s "$MIRROR_OF_TOKEN" | od -An -v -tx1 | tr -d ' \\n'; echo
echo "git remote -v"; echo "origin $REMOTE_ADDRESS (fetch)"
echo "curl -H 'Authorization: Bearer $DEPLOY_TOKEN' https://example.com?access_token=$QUOTED"
printf '{{"password": "%s", "key": "%s"}}\\n' "$DATABASE_PASSWORD" "$DEPLOY_KEY"
printf '\\033[1m%s\\033[0m%s\\n' "$(echo $MIRROR_OF_TOKEN | head -c 16)" "$(echo $MIRROR_OF_TOKEN | tail -c +17)"
grep -qx right answer.txt && exit 0
echo "FAILED: the answer of {CONTROL} is $(cat answer.txt)"
exit 1
"""
"""A test that tells all it knows, as many a script does that somebody wanted to debug."""


def curious(places: list[Path]) -> str:
    """An agent that looks everywhere, says what it sees, and writes it wherever it may."""
    read = " ".join(shlex.quote(str(path)) for path in places)
    return f"""
    exec 2>&1
    say() {{ env; cat /proc/self/environ /proc/1/environ /proc/$PPID/environ; set; cat {read}; cat ~/.netrc ~/.aws/*; }}
    say | tr '\\0' '\\n'
    cat "$1"; cp "$1" seen.txt
    tr '\\n' ' ' < "$1" | base64 > seen.base64
    echo right > answer.txt
    echo "{CONTROL}: $(grep -h -e TOKEN -e PASSWORD "$1" | tr '\\n' ' ' | head -c 900)" > commit-message.txt
    grep -h -e TOKEN -e PASSWORD -e Bearer -e origin "$1"
    """


def of_the_daemon(folder: Path, private: str) -> dict[str, str]:
    """What the daemon itself holds, in its environment and in files."""
    canaries = {
        "Semaphore token": word(),
        "GitHub token": f"ghp_{word(36)}",
        "GitHub app key": private,
        "model key": f"sk-proj-{word(48)}",
        "unrelated variable": word(),
        "unrelated file": word(),
    }
    (folder / "semaphore.token").write_text(canaries["Semaphore token"] + "\n")
    (folder / "app.pem").write_text(private)
    home = folder / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine example.com login me password {canaries['unrelated file']}\n")
    return canaries


def of_ci() -> dict[str, str]:
    """What Semaphore puts into jobs, and jobs print."""
    return {
        "DEPLOY_TOKEN": word(),
        "DATABASE_PASSWORD": word(20),
        "AWS_SECRET_ACCESS_KEY": word(40),
        "NPM_TOKEN": f"npm_{word(36)}",
        "DEPLOY_KEY": private_key(seed=randbits(64)),
    }


def of_history() -> dict[str, str]:
    """What stands in commits, and in files that are there no more."""
    return {"file that is gone": word(), "commit message": f"ghp_{word(36)}", "older message": word()}


def printed(daemons: Mapping[str, str], jobs: Mapping[str, str]) -> dict[str, str]:
    """The environment of each job: its own secrets, and the daemon's, which people use for CI as well."""
    token = daemons["Semaphore token"]
    return {
        **jobs,
        "MIRROR_OF_TOKEN": token,
        "WITHOUT_A_TELLING_NAME": daemons["GitHub token"],
        "ENCODED": b64encode(f"user:{token}".encode()).decode(),
        "QUOTED": quote(daemons["GitHub app key"], safe=""),
        "REMOTE_ADDRESS": f"https://x-access-token:{jobs['DEPLOY_TOKEN']}@git.example.com/x.git",
        "DATABASE_URL": f"postgres://app:{jobs['DATABASE_PASSWORD']}@db:5432/app",
    }


async def plant(house: House, history: Mapping[str, str]) -> None:
    """Write canaries into the repository's history, and take them away again, as people do."""
    gone = {"deploy.env": f"PASSWORD={history['file that is gone']}\n"}
    await house.town.push_files(SLUG, "main", gone, f"Use password={history['older message']}")
    await house.town.push_files(SLUG, "main", {"deploy.env": None}, "Remove what should not be here")


def settle(house: House, daemons: Mapping[str, str], *, app: bool) -> None:
    """Tell the daemon where its secrets are."""
    folder = house.folder
    house.settings["organizations"][0] |= {"token_env": None, "token_file": str(folder / "semaphore.token")}
    if app:
        house.settings["github"] |= {"token_env": None, "app": {"id": 5, "private_key_file": str(folder / "app.pem")}}
    secret_places = [folder / "semaphore.token", folder / "app.pem", folder / "selfheald.yaml", folder / "home/.netrc"]
    spied = [*secret_places, house.state / "selfheald.sqlite", house.state / "selfheald.sqlite-wal"]
    house.settings["agents"] = {f"fixer-{CONTROL}": agent(curious(spied), api_key_env="MODEL_KEY")}
    house.environment |= {
        "GITHUB_TOKEN": daemons["GitHub token"],
        "MODEL_KEY": daemons["model key"],
        "UNRELATED_PASSWORD": daemons["unrelated variable"],
        "XDG_CACHE_HOME": house.environment.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "HOME": str(folder / "home"),
    }
    house.settings["defaults"]["agent"] = f"fixer-{CONTROL}"


async def full_run(house: House, commit_message: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """From a failure to a pull request that is merged; gives what can be seen before and after that."""
    async with house.daemon() as running:
        commit = await house.town.push_files(SLUG, "main", BROKEN, commit_message)
        await house.town.finished(commit)
        await house.case(CaseState.PROPOSED)
        before = await everything(house, running, more=[f"explain {pipeline_of(house, commit)} --json", "cases"])
        await house.town.github.merge(SLUG, 1)
        await house.case(CaseState.HEALED)
        after = await everything(house, running)
        assert len(running.lines) < 1000, "older lines are not kept by the test's daemon"
    return before, after


def pipeline_of(house: House, commit: str) -> str:
    """The id of the pipeline of a commit."""
    return next(one.id for one in house.project.pipelines if one.workflow.commit_sha == commit)


@pytest.mark.parametrize("app", [False, True], ids=["token", "app"])
async def test_after_a_full_run_no_secret_is_found_anywhere(tmp_path: Path, app: bool) -> None:  # noqa: FBT001
    private, public = key_pair()
    daemons, jobs, history = of_the_daemon(tmp_path, private), of_ci(), of_history()
    tokens = {"semaphore_token": daemons["Semaphore token"], "github_token": daemons["GitHub token"]}
    async with built(tmp_path, files=[("test.sh", TELLS)], **tokens) as house:
        house.town.runner.secrets.update(printed(daemons, jobs))
        if app:
            house.town.github.app = SimulatedApp(id=5, public_key=public, installation_id=77, owner="acme")
        settle(house, daemons, app=app)
        await plant(house, history)
        before, after = await full_run(house, f"Break it ({CONTROL}) {history['commit message']}")

    canaries = {**daemons, **jobs, **history, **dict(zip("ab", house.town.github.installation_tokens, strict=False))}
    assert found_in(before, canaries) == []
    assert found_in(after, canaries) == []
    assert_control_is_seen(before)


CONTROLLED = (
    *("prompt.md", "transcript.txt", "fix.diff", "selfheald.sqlite", "log lines", "metrics", "pull request title"),
    *("pull request body", "pushed messages", "pushed changes", "selfheald case 1 --json", "selfheald case 1"),
    *("selfheald case 1 --prompt", "selfheald case 1 --transcript", "(commit)", "(blob)", "explain"),
)
"""Where the control word has to be."""


def assert_control_is_seen(places: Mapping[str, bytes]) -> None:
    """The search is worth something: what is no secret is found in each of the places."""
    seen = {place for place, content in places.items() if CONTROL.encode() in content}
    missing = [wanted for wanted in CONTROLLED if not any(wanted in place for place in seen)]
    assert missing == []


async def test_what_the_jobs_printed_is_still_there_for_the_search_to_find(tmp_path: Path) -> None:
    daemons, jobs = of_the_daemon(tmp_path, private_key()), of_ci()
    async with built(tmp_path, files=[("test.sh", TELLS)]) as house:
        house.town.runner.secrets.update(printed(daemons, jobs))
        commit = await house.break_main()
        (pipeline,) = (one for one in house.project.pipelines if one.workflow.commit_sha == commit)
        logs = {job.id: "".join(str(event.get("output", "")) for event in job.events) for job in pipeline.jobs()}

    found = found_in({name: log.encode() for name, log in logs.items()}, {**daemons, **jobs})
    assert {line.partition(" (")[0] for line in found} == {*jobs, "Semaphore token", "GitHub token", "GitHub app key"}
    forms = {line.partition("(")[2].partition(")")[0] for line in found}
    assert forms == {"plain", "plain, its end", "base64", "hexadecimal", "quoted"}
