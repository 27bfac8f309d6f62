"""What the models say about a key: which keys stand beside it, and whether it holds text, a number or JSON."""

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from selfheald.settings.fields import Kind
from selfheald.settings.mistakes import KeyPath
from selfheald.settings.models import Settings


def plain(annotation: Any) -> Any:
    """Strip ``Annotated`` and ``| None`` from an annotation."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return plain(next(member for member in get_args(annotation) if member is not NoneType))
    return annotation


def is_model(annotation: Any) -> bool:
    """Whether an annotation stands for a level of keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def annotation_at(path: KeyPath) -> Any:
    """Give the plain annotation of a key, or ``None`` when the models do not know it."""
    annotation: Any = Settings
    for part in path:
        if is_model(annotation):
            field = annotation.model_fields.get(part)
            annotation = plain(field.annotation) if field else None
        elif get_origin(annotation) in {dict, list}:
            annotation = plain(get_args(annotation)[-1])
        else:
            return None
    return annotation


def keys_at(path: KeyPath) -> list[str]:
    """Give the keys that are allowed at a level; empty where names are free."""
    annotation = annotation_at(path)
    return list(annotation.model_fields) if is_model(annotation) else []


def kind_at(path: KeyPath) -> Kind | None:
    """Give the kind of text that a key holds, or whose list it is; ``None`` for anything else."""
    level = annotation_at(path[:-1])
    if get_origin(level) in {dict, list}:
        return kind_at(path[:-1])
    return kind_of(level.model_fields[path[-1]]) if is_model(level) and path[-1] in level.model_fields else None


def kind_of(field: FieldInfo) -> Kind | None:
    """Give the kind of text that a field holds, or whose list it is."""
    return next((mark for mark in field.metadata if isinstance(mark, Kind)), None) or _kind(field.annotation)


def _kind(annotation: Any) -> Kind | None:
    for part in get_args(annotation):
        kind = part if isinstance(part, Kind) else _kind(part)
        if kind:
            return kind
    return None
