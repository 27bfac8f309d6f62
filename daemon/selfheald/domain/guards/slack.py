"""How much room an assertion leaves around what it expects: tolerances, and wrappers that forget a part."""

import re

_NUMBER = r"-?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?"
_NAMED = re.compile(
    rf"(?i)\b(?:abs|rel|delta|within|epsilon|tolerance|atol|rtol|abs_tol|rel_tol|offset|eps)\w*\s*[=:(,]+\s*\(?\s*({_NUMBER})"
)
_LAST = re.compile(
    r"(?:in_?delta|InDelta|be_within|in_?epsilon|InEpsilon|assertArrayEquals|assertEquals|closeTo)\w*!?[ (]"
    rf".*?,\s*({_NUMBER})[fFdDL]?\)*$"
)
_BELOW = re.compile(rf"(?:\babs\(?\)?|Abs\(|fabs\().*?(?:<=?|>=?)\s*({_NUMBER})")
_DIGITS = re.compile(
    r"(?:toBeCloseTo\([^()]*(?:\([^()]*\))?[^()]*,\s*|places\s*=\s*|decimal\s*=\s*|"
    r"assertAlmostEqual\(.*,\s*)(-?\d+)\)"
)
_FORGETS = re.compile(
    r"\b(?:set|frozenset|len|bool|type|round|int|abs|any|all|Counter|floor|ceil|trunc|new Set|MapSet\.new|"
    r"Math\.\w+|Object\.keys|typeof)\(|"
    r"\.(?:lower|upper|strip|casefold|toLowerCase|toUpperCase|trim|length|size|count|keys|class|to_set|toSet|"
    r"first|split|round|abs|"
    r"downcase|upcase|squish|floor|ceil|truncate|len|is_some|is_ok|to_lowercase|trim_end|substring|slice|"
    r"startsWith|includes)\b|"
    r"expect\.(?:anything|any|objectContaining|arrayContaining|stringContaining|stringMatching)\b|\bANY\b|"
    r"\banything\b|\bany_args\b|"
    r"\bany(?:String|Int|Long|Object)?\(|\b(?:hash|array)_including\b|\b(?:a_kind_of|instance_of|"
    r"an_instance_of)\b|atLeast|anyTimes|atMost\(|"
    r"(?<![\w.])_(?!\w)|\.\*|(?<!\.)\.\.(?=\s*[}\)])|\bisA\(|"
    r"\.(?:hasSize|toHaveLength|hasLength|isNotEmpty)\(|\bLen\(|"
    r"\[(?:0|-1|:\d+|0:\d+|0\.\.)\]|\bstrings\.(?:ToLower|TrimSpace|Fields)\(|\bString\.(?:trim|downcase|"
    r"length)\(|\blength\("
)


def slack(text: str) -> float:
    """Give the largest tolerance that an assertion names; 0 when it names none."""
    found = [
        abs(float(number.replace("_", ""))) for pattern in (_NAMED, _LAST, _BELOW) for number in pattern.findall(text)
    ]
    found += [0.5 * 10.0 ** -int(digits[:3]) for digits in _DIGITS.findall(text)]
    return max(found, default=0.0)


_ERRORS = re.compile(r"\b\w*(?:Error|Exception)\b")


def wider(was: str, now: str) -> bool:
    """Whether a later assertion accepts more: a larger tolerance, or more kinds of errors."""
    more_errors = len(_ERRORS.findall(now)) > len(_ERRORS.findall(was)) > 0 and "raise" in now.lower()
    return slack(now) > slack(was) or more_errors


def forgets(was: str, now: str) -> bool:
    """Whether a later assertion looks at a part only of what the earlier one looked at."""
    return len(_FORGETS.findall(now)) > len(_FORGETS.findall(was))
