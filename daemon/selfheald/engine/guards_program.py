"""The program that judges a diff: see :mod:`selfheald.engine.guarding`. A question comes in, findings go out."""

import json
import pickle
import resource
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from selfheald.domain.guards.judge import judge

if TYPE_CHECKING:
    from selfheald.engine.guarding import Question

MEMORY = 4 << 30
"""Bytes of its address space: a diff has at most 64 MB."""


def main() -> None:
    """Judge one diff. It ends with its processor time, also when the daemon is dead."""
    question: Question = pickle.load(sys.stdin.buffer)  # noqa: S301 - it comes from the daemon itself
    _bound(resource.RLIMIT_CPU, question.cpu_seconds)
    _bound(resource.RLIMIT_AS, MEMORY)
    _bound(resource.RLIMIT_CORE, 0)
    findings = judge(
        question.changes, question.policy, protected_paths=question.protected_paths, secrets=question.secrets
    )
    json.dump([asdict(one) for one in findings], sys.stdout)


def _bound(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    main()
