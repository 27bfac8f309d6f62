"""``SELFHEALD_…`` variables: ``__`` stands between levels, lists and maps are written as JSON.

``SELFHEALD_POLL__INTERVAL=10s`` sets ``poll.interval``. Some variables of that prefix are not keys:
``SELFHEALD_CONFIG``; those which hold a secret, or which an agent is to be given, by a name that the file mentions; and
those that Kubernetes puts into every pod beside a service named ``selfheald``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_origin

from selfheald.settings.mistakes import KeyPath, Mistake, Value
from selfheald.settings.raw import passed_variables, secret_variables
from selfheald.settings.shape import annotation_at, is_model

_PREFIX = "SELFHEALD_"
_NO_KEYS = re.compile(r"SELFHEALD_(CONFIG|PORT|PORT_[0-9]+_.*|SERVICE_(HOST|PORT)|SERVICE_PORT_.*)")
_AFTER_THE_FILE = 1_000_000_000  # Ranks behind every line.


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A variable that sets a key."""

    variable: str
    path: KeyPath
    value: Value

    def mistake(self, path: KeyPath, text: str) -> Mistake:
        """Say what is wrong with it."""
        return Mistake(where=self.variable, rank=(_AFTER_THE_FILE, 0), path=path, text=text)


def read(environ: Mapping[str, str], document: Mapping[str, Value]) -> tuple[list[Override], list[Mistake]]:
    """Read the variables, those of outer levels first."""
    others = {*secret_variables(document), *passed_variables(document)}
    names = [name for name in environ if name.startswith(_PREFIX) and name not in others]
    overrides: list[Override] = []
    mistakes: list[Mistake] = []
    for name in sorted(names, key=lambda name: (name.count("__"), name)):
        if _NO_KEYS.fullmatch(name):
            continue
        override = Override(variable=name, path=_path(name, document), value=environ[name])
        end = _too_deep(override.path)
        if end:
            mistakes.append(override.mistake(end, "nothing inside it can be set alone; set it as a whole"))
            continue
        try:
            value = _value(environ[name], annotation_at(override.path))
        except (ValueError, RecursionError):
            mistakes.append(override.mistake(override.path, 'this is not JSON; a list is written as ["a", "b"]'))
            continue
        overrides.append(Override(variable=name, path=override.path, value=value))
    return overrides, mistakes


def merged(document: Mapping[str, Value], overrides: list[Override]) -> dict[str, Value]:
    """Lay the overrides over the file. Maps are merged, everything else is replaced."""
    result: Value = dict(document)
    for override in overrides:
        value = override.value
        for part in reversed(override.path):
            value = {str(part): value}
        result = _merge(result, value)
    return result if isinstance(result, dict) else {}


def _merge(below: Value, above: Value) -> Value:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}
    return above


def _path(name: str, document: Mapping[str, Value]) -> KeyPath:
    """Find the key. Shells allow no ``-`` in names, so ``_`` may stand for it where the file has such a key."""
    path: list[str] = []
    level: Value = dict(document)
    for part in name.removeprefix(_PREFIX).lower().split("__"):
        known = level if isinstance(level, dict) else {}
        key = next((key for key in known if re.sub(r"[-.]", "_", key.lower()) == part), part)
        path.append(key)
        level = known.get(key)
    return tuple(path)


def _too_deep(path: KeyPath) -> KeyPath | None:
    """Find a list or a plain value on the way to a key: neither has keys."""
    for length in range(1, len(path)):
        annotation = annotation_at(path[:length])
        if annotation is not None and not is_model(annotation) and get_origin(annotation) is not dict:
            return path[:length]
    return None


def _value(text: str, annotation: Any) -> Value:
    """Read a variable's text as its key needs it. Raises ``ValueError``."""
    if annotation in {int, float, bool}:
        return _scalar(text)
    if is_model(annotation) or get_origin(annotation) in {list, dict}:
        value: Value = json.loads(text)
        return value
    return None if text == "null" else text


def _scalar(text: str) -> Value:
    """Read a number or a boolean; anything else stays text, and is then refused as such."""
    try:
        value: Value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
