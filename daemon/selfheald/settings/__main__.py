"""``python -m selfheald.settings schema|reference FILE``: write the JSON schema, or the reference within a page."""

import sys
from pathlib import Path

from selfheald.settings.reference import placed_in, schema

_USAGE = "usage: python -m selfheald.settings schema|reference FILE"
_ARGUMENTS = 2  # What to write, and where.


def main(arguments: list[str]) -> int:
    """Write the file; give the exit status."""
    if len(arguments) != _ARGUMENTS or arguments[0] not in {"schema", "reference"}:
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    what, file = arguments[0], Path(arguments[1])
    text = schema() if what == "schema" else placed_in(file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
