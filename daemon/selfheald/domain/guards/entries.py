"""Settings of any format, read line by line as keys with values: TOML, INI, YAML, JSON, XML, and those in code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_KEY = re.compile(
    r"^(?:- )?(?:[\"']?(?P<key>[\w@./*][\w@./*:-]*?)[\"']?\s*(?:=>|[:=])\s+|"
    r"[\"'](?P<quoted>[^\"']+)[\"']\s*[:=]\s*|(?P<tight>[\w.-]+)\s*[:=]\s*|"
    r"<(?P<tag>[\w.-]+)>|(?P<call>[A-Za-z][\w.:-]*)[ (]\s*)(?P<rest>.*)$"
)
_SECTION = re.compile(r"^\[+(?P<section>[^\[\]][^\]]*)\]+$")
_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,\[\](){}<>\"']+")
_BRACE = re.compile(r"[{,]\s*(?=[\"']?[\w@/-]+[\"']?\s*[:=]\s)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a key."""

    section: str
    """What stands above it, indented less or in brackets."""
    key: str
    value: str
    line: int


def entries(text: str) -> Iterator[Entry]:
    """Read the entries; what has no key belongs to the last one."""
    above: list[tuple[int, str]] = []
    section = key = ""
    for number, whole in enumerate(text.splitlines(), start=1):
        indent = len(whole) - len(whole.lstrip())
        for line in _BRACE.sub("\n", whole.strip()).split("\n"):
            stripped = line.strip()
            if heading := _SECTION.match(stripped):
                section, above, key = heading["section"].strip(), [], ""
                continue
            if not stripped or stripped.startswith(("#", "//", ";", "<!--")):
                continue
            found = _KEY.match(stripped)
            rest = stripped
            if found and not stripped.startswith("- "):
                key = found["key"] or found["quoted"] or found["tight"] or found["tag"] or found["call"]
                rest = found["rest"]
                above = [(depth, name) for depth, name in above if depth < indent]
                where = " ".join([section, *(name for _, name in above)])
                above.append((indent, key))
            else:
                above = [(depth, name) for depth, name in above if depth <= indent]
                key = above[-1][1] if above else key
                where = " ".join([section, *(name for _, name in above[:-1])])
                rest = rest.removeprefix("- ")
            yield from (Entry(where, key, token.strip("\"'"), number) for token in _TOKEN.findall(rest) or [""])
