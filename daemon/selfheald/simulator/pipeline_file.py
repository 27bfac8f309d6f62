"""The small part of Semaphore's pipeline files that the simulated runner understands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


class MalformedError(ValueError):
    """The file is not one that can be run; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """A job: its commands, its block's prologue first."""

    name: str
    commands: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFile:
    """A block and its jobs."""

    name: str
    jobs: Sequence[JobFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineFile:
    """A pipeline and its blocks, to be run in this order."""

    name: str
    blocks: Sequence[BlockFile]


def parse(text: str) -> PipelineFile:
    """Read a pipeline file. Raises :class:`MalformedError`; keys that are not understood are passed over."""
    try:
        written = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MalformedError(f"not YAML: {error}") from error
    if not isinstance(written, Mapping):
        raise MalformedError("the file is not a mapping")
    blocks = [_block(each, number) for number, each in enumerate(_list(written, "blocks"), start=1)]
    if not blocks:
        raise MalformedError("blocks: at least one is needed")
    return PipelineFile(name=str(written.get("name", "Pipeline")), blocks=blocks)


def _block(written: Any, number: int) -> BlockFile:
    task = _mapping(_mapping(written, "blocks").get("task"), "task")
    prologue = _commands(_mapping(task.get("prologue") or {}, "prologue"))
    jobs = [
        JobFile(name=str(job.get("name", f"Job {at}")), commands=[*prologue, *_commands(job)])
        for at, job in enumerate((_mapping(each, "jobs") for each in _list(task, "jobs")), start=1)
    ]
    return BlockFile(name=str(written.get("name", f"Block {number}")), jobs=jobs)


def _commands(written: Mapping[str, Any]) -> list[str]:
    return [str(command) for command in _list(written, "commands")]


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedError(f"{name}: a mapping is needed")
    return value


def _list(written: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = written.get(name) or []
    if not isinstance(value, list):
        raise MalformedError(f"{name}: a list is needed")
    return value
