"""Small diffs, as the guards get them."""

from selfheald.domain.finding import Finding
from selfheald.domain.guards.change import Change, GuardPolicy
from selfheald.domain.guards.judge import judge
from selfheald.domain.proposal import ChangeKind


def modified(path: str, before: str, after: str, **more: object) -> Change:
    return Change(path=path, kind=ChangeKind.MODIFIED, before=before, after=after, size=len(after), **more)  # type: ignore[arg-type]  # by name


def added(path: str, text: str = "text\n", **more: object) -> Change:
    given = {"mode": "100644", "size": len(text), **more}
    return Change(path=path, kind=ChangeKind.ADDED, old_mode="", after=text, **given)  # type: ignore[arg-type]  # by name


def deleted(path: str, text: str = "text\n", **more: object) -> Change:
    return Change(path=path, kind=ChangeKind.DELETED, mode="", before=text, size=len(text), **more)  # type: ignore[arg-type]  # by name


def found(*changes: Change, protected: tuple[str, ...] = (), policy: GuardPolicy | None = None) -> tuple[Finding, ...]:
    return judge(changes, policy or GuardPolicy(), protected_paths=protected)


def rules(*changes: Change, protected: tuple[str, ...] = (), policy: GuardPolicy | None = None) -> list[str]:
    """The rules that speak, each once, sorted."""
    return sorted({one.rule for one in found(*changes, protected=protected, policy=policy)})
