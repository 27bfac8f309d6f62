"""The well-known forms of tokens, by the rules of Kingfisher, which its authors keep up to date.

Only its scanner is used, which looks at text in this process. That it can also ask providers whether a token is valid,
and revoke one, is none of our business: nothing else of it is imported.
"""

from collections.abc import Iterator

from kingfisher_sdk import Rules, Scanner

from selfheald.domain.redaction import SecretSpan
from selfheald.redaction.looks import is_digest

OURS = "generic-credential-uri"
"""A rule that our own stands for, which lets `postgres:postgres@` pass."""


class Library:
    """The library's rules, compiled: half a second from its cache in the user's cache folder, some seconds without."""

    def __init__(self) -> None:
        self._scanner = Scanner(Rules(confidence="low"), base64=False)

    def find(self, text: str) -> Iterator[SecretSpan]:
        """Find tokens. A hash or a UUID is none, though a word beside it may have told the library otherwise."""
        # Tokens are ASCII. A byte for each character keeps places in the text as they are.
        data = text.encode("ascii", errors="replace")
        for finding in self._scanner.scan(data):
            place = finding.location
            start, end, rule = place["start_offset"], place["end_offset"], finding.rule_id.rpartition(".")[2]
            if rule != OURS and not is_digest(text[start:end]):
                yield SecretSpan(start=start, end=end, rule=rule)
