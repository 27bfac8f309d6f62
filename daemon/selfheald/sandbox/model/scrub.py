"""Takes the key out of what a provider sends back, also where chunks cut it in two. Pure."""

IN_ITS_PLACE = b"[redacted]"


class Scrubber:
    """Passes bytes on at once; only an end that may be the key's beginning waits for the next bytes."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode("utf-8", "replace")
        self._kept = b""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may go on."""
        if not self._secret:
            return chunk
        clean = (self._kept + chunk).replace(self._secret, IN_ITS_PLACE)
        kept = self._beginning_at_the_end(clean)
        self._kept = clean[len(clean) - kept :]
        return clean[: len(clean) - kept]

    def end(self) -> bytes:
        """What was kept: the stream ended before it became the key."""
        rest, self._kept = self._kept, b""
        return rest

    def _beginning_at_the_end(self, text: bytes) -> int:
        longest = min(len(self._secret) - 1, len(text))
        return next((size for size in range(longest, 0, -1) if text.endswith(self._secret[:size])), 0)
