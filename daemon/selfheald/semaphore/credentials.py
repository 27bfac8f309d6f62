"""API tokens, on their way into a header. Pure."""

from selfheald.domain.errors import UnauthorizedError


def usable(token: str, place: str) -> str:
    """The token without white space around it, if a header can hold it; ``place`` is where it is for.

    Raises :class:`UnauthorizedError` otherwise: an HTTP library's own error would show the token.
    """
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UnauthorizedError(f"the token for {place} is empty or holds what no token can hold")
    return token
