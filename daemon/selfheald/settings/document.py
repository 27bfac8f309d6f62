"""The YAML file, with the line of every key.

Scalars are read by YAML 1.2's core rules, so that ``mode: off`` and ``branches: {include: [no]}`` mean what they say;
PyYAML's own rules (1.1) would make booleans of them. Unlike PyYAML, a key that stands twice is a mistake.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from selfheald.settings.mistakes import KeyPath, Mistake, Value

_LARGEST = 4 * 1024 * 1024  # Bytes: room for ten thousand projects, and a bound against a wrong path.
_TAG = "tag:yaml.org,2002:"


class _Core(yaml.SafeLoader):
    """YAML with the core schema's scalars."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way of declaring it


_Core.add_implicit_resolver(f"{_TAG}null", re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Core.add_implicit_resolver(f"{_TAG}bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
_Core.add_implicit_resolver(f"{_TAG}int", re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789"))
_Core.add_implicit_resolver(
    f"{_TAG}float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z"), list("-+.0123456789")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A configuration file as read."""

    name: str
    """The file's name as messages give it."""
    folder: Path
    """Relative paths in the file start here."""
    data: dict[str, Value]
    root: yaml.Node | None
    mistakes: tuple[Mistake, ...]
    """What is wrong with it as YAML."""

    def mistake(self, path: KeyPath, text: str) -> Mistake:
        """Say what is wrong with a key, at the line where it, or else what should hold it, stands."""
        line, column = _position(self.root, path)
        return Mistake(where=f"{self.name}:{line}", rank=(line, column), path=path, text=text)

    def has(self, path: KeyPath) -> bool:
        """Whether something stands at this key."""
        value: Value = self.data
        for part in path:
            inside = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
            if part not in inside:
                return False
            value = value[part]  # type: ignore[index]
        return True


def read(path: Path) -> Document:
    """Read a file. What is wrong with it is in ``mistakes``; nothing is raised."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return _unreadable(path, "no such file; name one with --config or SELFHEALD_CONFIG")
    except OSError as error:
        return _unreadable(path, f"it cannot be read: {error.strerror}")
    except ValueError:
        return _unreadable(path, "this is no file's name")
    if len(content) > _LARGEST:
        return _unreadable(path, f"it is larger than {_LARGEST} bytes")
    return parse(content, path)


def parse(content: bytes, path: Path) -> Document:
    """Read a file's content; see :func:`read`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(path, "it is not UTF-8", line=content.count(b"\n", 0, error.start) + 1)
    try:
        root = yaml.compose(text, Loader=_Core)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _unreadable(path, f"it is not YAML: {error.problem}", line=mark.line + 1 if mark else 1)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _unreadable(path, f"it is not YAML: {error.reason}", line=line)
    except RecursionError:
        return _unreadable(path, "it is nested too deeply")
    if root is None:
        return _unreadable(path, "it is empty; config/selfheald.yaml of the distribution shows every key")
    return _document(root, path)


def _document(root: yaml.Node, path: Path) -> Document:
    reading = _Reading(name=str(path))
    data = reading.value(root, ())
    if not isinstance(data, dict):
        return _unreadable(path, "keys are expected at the top, such as `organizations:`")
    return Document(
        name=str(path), folder=path.absolute().parent, data=data, root=root, mistakes=tuple(reading.mistakes)
    )


def _unreadable(path: Path, text: str, *, line: int = 1) -> Document:
    mistake = Mistake(where=f"{path}:{line}", rank=(line, 0), path=(), text=text)
    return Document(name=str(path), folder=path.absolute().parent, data={}, root=None, mistakes=(mistake,))


class _Reading:
    """Turns nodes into values. An alias is read once, so that nested aliases cannot blow up."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[int, Value] = {}
        self._open: set[int] = set()
        self.mistakes: list[Mistake] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Value:
        if id(node) in self._open:
            self._wrong(node, path, "it holds itself, by an alias")
            return None
        if id(node) not in self._known:
            self._open.add(id(node))
            self._known[id(node)] = self._read(node, path)
            self._open.discard(id(node))
        return self._known[id(node)]

    def _read(self, node: yaml.Node, path: KeyPath) -> Value:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> Value:
        lines: dict[str, int] = {}
        mapping: dict[str, Value] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(key, path, "a key must be a single word")
                continue
            name = str(key.value)
            if name in lines:
                self._wrong(key, (*path, name), f"it stands twice, first in line {lines[name]}; keep one")
                continue
            lines[name] = key.start_mark.line + 1
            mapping[name] = self.value(item, (*path, name))
        return mapping

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Value:
        text = str(node.value)
        try:
            match node.tag.removeprefix(_TAG):
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text)
                case "float":
                    return float(text)
        except ValueError:
            self._wrong(node, path, "it is no number that can be read")
            return None
        self._wrong(node, path, f"the tag {node.tag} means nothing here")
        return None

    def _wrong(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        mark = node.start_mark
        where = f"{self._name}:{mark.line + 1}"
        self.mistakes.append(Mistake(where=where, rank=(mark.line + 1, mark.column), path=path, text=text))


def _position(root: yaml.Node | None, path: KeyPath) -> tuple[int, int]:
    """Line and column of the deepest part of the path that stands in the file."""
    node, mark = root, None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, item) for key, item in node.value if key.value == part), None)
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            mark = node.start_mark
        else:
            break
    return (mark.line + 1, mark.column) if mark else (1, 0)
