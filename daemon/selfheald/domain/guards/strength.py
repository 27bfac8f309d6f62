"""How much an assertion demands. Only the order counts: a later version must not demand less than an earlier one."""

import re
from enum import IntEnum


class Strength(IntEnum):
    """From nothing to everything."""

    VACUOUS = 0
    """True whatever the code does."""
    LOOSE = 1
    """Something is there, or is true."""
    PARTIAL = 2
    """A range, a part, a pattern, a kind, one of several."""
    EXACT = 3
    """This value, this error."""
    STRICT = 4
    """This very object, or this value of this very type."""


_EXACT = set(
    """
    equal equals eq eql equalto equalvalues none null nil undefined nan empty zero
    dictequal listequal setequal tupleequal sequenceequal multilineequal countequal iterableequals linesmatch
    frameequal seriesequal arrayequal arrayequals jsonequal xmlequal htmlequal queryset­equal
    deepequal matcharray containexactly containsexactly containsexactlyinanyorder
    containsexactlyentriesof exactly elementsmatch length lengthof len size count true false
    calledwith calledoncewith calledtimes calledonce calledonceandwith notcalled hascalls calls lastcalledwith
    nthcalledwith
    returnedwith inlinesnapshot matchinlinesnapshot members deepmembers
    yamleq jsoneq erroris equalerror errorequal changes change receive received noerror
    """.replace("\u00ad", "").split()
)
_EXACT |= {"httpstatus", "status", "statuscode", "value", "text", "exactlyonce", "times", "valuecounts"}
_EXACT |= {"eventually", "until", "untilasserted", "untiltrue", "waituntil", "waitfor", "assertall"}
_STRICT = {"strictequal", "deepstrictequal", "same", "sameas", "identical", "identicalto", "sameinstance"}
_PARTIAL = re.compile(
    "snapshot|almost|approx|close|delta|within|greater|less|between|contain|include|match|regex|start|end|item|property|subset|"
    "superset|anyof|oneof|range|positive|negative|above|below|least|most|prefix|suffix|satisf|attributes|entry|cover|"
    "epsilon|operator|predicate|^in$|^notin$|instance|kindof|^a$|^an$|implements|respond|type|not"
)
_ERROR = re.compile("raise|throw|reject|panic|errorcontains|failswith")
_ANY_ERROR = re.compile(
    r"^\W*(?:\w+(?:::|\.))*(?:Exception|BaseException|Throwable|Error|StandardError|RuntimeException|"
    r")(?:\.class)?\W*$"
)
_PREFIXES = re.compile("^(?:assert|expect|wont|must|should|to|been|be|is|has|have|that|require|check)+")
_TRUTHY = {"", "true", "false", "truthy", "falsey", "falsy", "ok", "refute", "present"}
_STRINGS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`")
_CONSTANT = r"(?:true|false|True|False|\d[\d_.]*|S)"
_ALWAYS = re.compile(rf"^[!(\s]*(?:not )?{_CONSTANT}(?:,.*)?[)\s]*$")
_OR_TRUE = re.compile(r"(?:\bor|\|\|)\s*\(?(?:[Tt]rue|1)\b|^\(?[Tt]rue\s*(?:\bor\b|\|\|)")
_OR = re.compile(r"\bor\b|\|\|")
_EQUALS = re.compile(r"(?P<left>.+?)(?<![=!<>])===?(?![=>~])(?P<right>.+)", re.DOTALL)
_IS_CONSTANT = re.compile(r"\bis (?:None|True|False)$")
_SOME = re.compile(
    r"(?:!==?|\bis not)\s*(?:None|null|nil|undefined|S)$|"
    r"len(?:gth|\([\w.]+\))?(?:\(\))?\s*(?:>=?\s*[01]|!==?\s*0)$|(?:>|!==?)\s*(?:-1|0)$|>=\s*[01]$|(?:is_some|"
    r"is_ok)\(\)$"
)
_COMPARES = re.compile(r"!==?|[<>]=?|\bin\b|=~|\bis\b|\bmatches|(?<!=)=(?!=)|Equal|Is\(|\.eq\b")
_LITERAL = re.compile(r"^\W*(?:true|false|True|False|null|nil|None|\d[\d_.]*|S|:\w+)\W*$")


def of_condition(text: str) -> Strength:
    """Judge a condition that must hold, as source text of any of the languages."""
    bare = " ".join(_STRINGS.sub("S", text).split())
    if _ALWAYS.match(bare) or _OR_TRUE.search(bare):
        return Strength.VACUOUS
    equal = _EQUALS.fullmatch(text.strip())
    if equal:
        if equal["left"].strip(" (!") == equal["right"].strip(" )") or bare.startswith("S == S"):
            return Strength.VACUOUS
        loose = _OR.search(bare) or "approx(" in bare or "ANY" in bare
        return Strength.PARTIAL if loose else Strength.EXACT
    if _IS_CONSTANT.search(bare):
        return Strength.EXACT
    if _SOME.search(bare):
        return Strength.LOOSE
    return Strength.PARTIAL if _COMPARES.search(bare) else Strength.LOOSE


def of_error(arguments: str) -> Strength:
    """Judge the demand that something raises: any error, one of a kind, one with this message."""
    says = re.search(r"match|message|\"|'|/", arguments)
    if not says and _ANY_ERROR.match(arguments.split(",", maxsplit=1)[0]):
        return Strength.LOOSE
    return Strength.EXACT if says else Strength.PARTIAL


def of_call(name: str, arguments: tuple[str, ...], *, chained: bool = False) -> Strength:
    """Judge an assertion by its name and what it is given, whichever library it comes from.

    ``chained`` matchers are given what is expected only; others the actual value too.
    """
    flat = re.split(r"\.|::", name)[-1].rstrip("!?").replace("_", "").lower()
    short = _PREFIXES.sub("", flat)
    hamcrest = _HAMCREST.fullmatch(arguments[1]) if flat == "assertthat" and len(arguments) > 1 else None
    if hamcrest:
        nested = hamcrest[1] == "is" and "(" in hamcrest[2]
        if nested:
            return of_call(name, (arguments[0], hamcrest[2]))
        return of_call("equals" if hamcrest[1] == "is" else hamcrest[1], (hamcrest[2],), chained=True)
    if _NOTHING_RAISED.search(flat):
        return Strength.LOOSE
    if _ERROR.search(flat):
        return of_error(", ".join(one for one in arguments[:2] if "->" not in one and "{" not in one))
    if short in _TRUTHY and flat != "tobe":
        return of_condition(arguments[0]) if arguments else Strength.LOOSE
    if (
        not chained
        and len(arguments) > 1
        and "with" not in flat
        and "receive" not in flat
        and _constant(arguments[0], arguments[1])
    ):
        return Strength.VACUOUS
    if short in _STRICT:
        return Strength.STRICT
    if flat == "tobe" or short in _EXACT:
        return Strength.PARTIAL if any("approx(" in one or "mock.ANY" in one for one in arguments) else Strength.EXACT
    return (
        Strength.PARTIAL
        if _PARTIAL.search(short) or any(_LITERAL_IN.search(one) for one in arguments)
        else Strength.LOOSE
    )


_LITERAL_IN = re.compile(r"^[\"'\d:]")
_NOTHING_RAISED = re.compile("nothing|doesnot|notthrow|notraise|notpanic")
_HAMCREST = re.compile(r"(?:\w+\.)*(\w+)\((.*)\)", re.DOTALL)


def _constant(left: str, right: str) -> bool:
    """Whether two things are compared that have nothing to do with the code."""
    if left.strip() == right.strip():
        return "(" not in left  # a call may give something else each time
    return all(_LITERAL.match(_STRINGS.sub("S", one)) for one in (left, right))
