"""What Semaphore answers, in both of its dialects; any field by keyword."""

from typing import Any

PROJECT_ID = "5f0c2b1e-7d2a-4f0e-9a43-1c9b6f1d2e10"
COMMIT = "9b1c" + "0" * 36
UNSET = {"seconds": 0, "nanos": 0}
UNSET_TEXT = "1970-01-01 00:00:00.000000Z"

Payload = dict[str, Any]


def _common(**fields: Any) -> Payload:
    return {
        "ppl_id": "8e1f0000-0000-4000-8000-000000000001",
        "name": "Build",
        "wf_id": "c0de0000-0000-4000-8000-000000000001",
        "project_id": PROJECT_ID,
        "organization_id": "0b9d",
        "branch_name": "main",
        "commit_sha": COMMIT,
        "commit_message": "Fix totals",
        "error_description": "",
        "working_directory": ".semaphore",
        "yaml_file_name": "semaphore.yml",
        "switch_id": "",
        "promotion_of": "",
        "partial_rerun_of": "",
    } | fields


def listed(**fields: Any) -> Payload:
    """A failed pipeline as an element of a list."""
    return _common(
        **{
            "state": "DONE",
            "result": "FAILED",
            "result_reason": "TEST",
            "created_at": {"seconds": 1754900001, "nanos": 131742000},
            "done_at": {"seconds": 1754900300, "nanos": 901000000},
            "stopping_at": UNSET,
            "triggerer": {"wf_triggered_by": "HOOK", "ppl_triggered_by": "WORKFLOW", "workflow_rerun_of": ""},
        }
        | fields
    )


def described(**fields: Any) -> Payload:
    """The same pipeline as describing it tells."""
    return _common(
        **{
            "state": "done",
            "result": "failed",
            "result_reason": "test",
            "created_at": "2025-08-11 08:13:21.131742Z",
            "done_at": "2025-08-11 08:18:20.901000Z",
            "stopping_at": UNSET_TEXT,
            "triggerer": {"wf_triggered_by": 0, "ppl_triggered_by": 0, "workflow_rerun_of": ""},
        }
        | fields
    )


def unfinished(pipeline: Payload, state: str) -> Payload:
    """The pipeline before its end: the keys of the result are absent, not null."""
    kept = {key: value for key, value in pipeline.items() if key not in ("result", "result_reason")}
    unset: Any = UNSET if isinstance(pipeline["done_at"], dict) else UNSET_TEXT
    return kept | {"state": state, "done_at": unset}


def job(name: str = "RSpec", *, result: str = "FAILED", status: str = "FINISHED", index: int = 0) -> Payload:
    return {"name": name, "index": index, "job_id": f"job-{name}", "status": status, "result": result}


def block(*jobs: Payload, name: str = "Tests") -> Payload:
    return {"block_id": "d3ad", "name": name, "state": "done", "result": "failed", "jobs": list(jobs)}


def detailed(*blocks: Payload, **fields: Any) -> Payload:
    return {"pipeline": described(**fields), "blocks": list(blocks)}


def project(name: str = "billing", number: int = 1, repository: Payload | None = None) -> Payload:
    return {
        "apiVersion": "v1alpha",
        "kind": "Project",
        "metadata": {"id": f"project-{number}", "name": name, "org_id": "0b9d"},
        "spec": {
            "repository": {"owner": "acme", "name": name, "integration_type": "github_app"} | (repository or {}),
            "visibility": "private",
        },
    }


def started(directive: str) -> Payload:
    return {"event": "cmd_started", "timestamp": 1, "directive": directive}


def output(text: str) -> Payload:
    return {"event": "cmd_output", "timestamp": 1, "output": text}


def finished(directive: str, exit_code: int = 0) -> Payload:
    return {"event": "cmd_finished", "timestamp": 1, "directive": directive, "exit_code": exit_code}


def failing_log() -> list[Payload]:
    """A job's log: a command that passes, one that fails, an epilogue."""
    return [
        {"event": "job_started", "timestamp": 1},
        started("checkout"),
        output("HEAD is now at 9b1c\n"),
        finished("checkout"),
        started("bundle exec rspec"),
        output("1 example, "),
        output("1 failure\n"),
        finished("bundle exec rspec", 1),
        started("cache store"),
        output("nothing to store\n"),
        finished("cache store"),
        {"event": "job_finished", "timestamp": 1, "result": "failed"},
    ]
