"""Judges a diff by the guards, in a process of its own.

An agent has written what is judged. A text made for it may take a parser or a pattern hours, or crash one that is not
written in Python; a thread could not be stopped, and a pattern is matched without letting any other thread go on.
"""

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog

from selfheald.domain.finding import Finding, GuardAction
from selfheald.domain.guards.change import Change, GuardPolicy
from selfheald.domain.guards.judge import LONGEST_PATH
from selfheald.domain.guards.rules import Rule
from selfheald.domain.plain import one_line
from selfheald.domain.redaction import SecretSpan
from selfheald.ports import FindSecrets

log = structlog.get_logger()

CPU_SECONDS = 60
"""Of a processor: the largest honest diffs take some seconds."""

WALL_SECONDS = 300.0
"""On a busy machine."""

PROGRAM = "selfheald.engine.guards_program"


@dataclass(frozen=True, slots=True)
class KnownSecrets:
    """Where secrets stand in some texts, looked up before: only the daemon knows its own ones."""

    found: Mapping[str, Sequence[SecretSpan]]

    @classmethod
    def of(cls, changes: Sequence[Change], find: FindSecrets) -> "KnownSecrets":
        """Look into all new texts."""
        return cls({_name(change.after): tuple(find(change.after)) for change in changes if change.after})

    def __call__(self, text: str) -> Sequence[SecretSpan]:
        """Say where they stand in this text."""
        return self.found.get(_name(text), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the process is asked."""

    changes: Sequence[Change]
    policy: GuardPolicy
    protected_paths: Sequence[str]
    secrets: KnownSecrets
    cpu_seconds: int


async def guarded(
    changes: Sequence[Change],
    policy: GuardPolicy,
    *,
    protected_paths: Sequence[str],
    find_secrets: FindSecrets,
    cpu_seconds: int = CPU_SECONDS,
) -> tuple[Finding, ...]:
    """Give what the guards find, the worst first. A diff that they cannot judge is blocked."""

    def question() -> bytes:
        asked = Question(
            changes=changes,
            policy=replace(policy, actions=dict(policy.actions)),
            protected_paths=tuple(protected_paths),
            secrets=KnownSecrets.of(changes, find_secrets),
            cpu_seconds=cpu_seconds,
        )
        return pickle.dumps(asked)

    if not changes:
        return ()
    answer = await _asked(await asyncio.to_thread(question))
    if answer is None:
        text = f"the guards could not judge this diff: they crashed, or took more than {cpu_seconds} s of a processor"
        path = one_line(changes[0].path, LONGEST_PATH)
        return (Finding(rule=Rule.NOT_LOOKED_AT, path=path, line=0, action=GuardAction.BLOCK, text=text),)
    return tuple(Finding(**{**one, "action": GuardAction(one["action"])}) for one in json.loads(answer))


async def _asked(question: bytes) -> bytes | None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM),
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"},
        cwd="/",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C at the terminal is for the daemon
    )
    try:
        async with asyncio.timeout(WALL_SECONDS):
            answer, complaint = await process.communicate(question)
    except TimeoutError:
        complaint = b"it took too long"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return answer
    # Its last line names the error; the others may quote what was judged.
    why = (complaint.decode(errors="replace").strip().splitlines() or [""])[-1].partition(":")[0]
    log.error("guards_crashed", code=process.returncode, why=why)
    return None


def _name(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
