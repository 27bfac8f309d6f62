"""Parts of a translated pattern, with what must be known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

Widths = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part in the ``regex`` module's words."""

    text: str
    width: int | None = 0
    """How many characters it always matches; ``None`` if that varies."""
    size: int = 1
    """Elements with repetitions written out: the ``regex`` module copies what must occur, and copies multiply."""
    repeatable: bool = True
    whole: bool = True
    """Whether a quantifier may follow the text without a group around it."""


NOTHING = Piece(text="", repeatable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantifier:
    """How often the part before may occur."""

    least: int
    most: int | None
    """``None``: without end."""
    manner: str
    """Empty (greedy), ``?`` (lazy) or ``+`` (possessive)."""


def sequence(pieces: Sequence[Piece]) -> Piece:
    """Put parts one after the other."""
    widths = [piece.width for piece in pieces]
    return Piece(
        text="".join(piece.text for piece in pieces),
        width=_total(widths),
        size=sum(piece.size for piece in pieces),
        whole=False,
    )


def _total(widths: Sequence[int | None]) -> int | None:
    known = [width for width in widths if width is not None]
    return sum(known) if len(known) == len(widths) else None


def alternatives(branches: Sequence[Piece]) -> Piece:
    """Offer parts as alternatives."""
    widths = {branch.width for branch in branches}
    return Piece(
        text="|".join(branch.text for branch in branches),
        width=widths.pop() if len(widths) == 1 else None,
        size=sum(branch.size for branch in branches),
        whole=False,
    )


def group(opening: str, inner: Piece, *, width: int | None) -> Piece:
    """Put a group around a part."""
    return Piece(text=f"{opening}{inner.text})", width=width, size=inner.size + 1)


def repeated(piece: Piece, quantifier: Quantifier) -> Piece:
    """Repeat a part; what has no width is asked at most once."""
    least, most = quantifier.least, quantifier.most
    if piece.width == 0:
        least, most = min(least, 1), min(1 if most is None else most, 1)
    bounds = f"{{{least},{'' if most is None else most}}}"
    fixed = piece.width is not None and least == most
    return Piece(
        text=f"{piece.text if piece.whole else f'(?:{piece.text})'}{bounds}{quantifier.manner}",
        width=(piece.width or 0) * least if fixed else None,
        size=piece.size * (least + 1) + 1,
        repeatable=False,
        whole=False,
    )
