"""Finds tokens by how they begin: forms in wide use for which the library has no rule, or asks for more than that.

Each is looked for by a plain search for its beginning; its pattern is matched where that stands.
"""

import re
from collections.abc import Iterator

from selfheald.domain.redaction import SecretSpan
from selfheald.redaction.looks import is_random

_W = r"[\w-]"
_HEX = "[0-9a-f]"
_ALNUM = "[A-Za-z0-9]"

_FORMS = {
    # GitHub; the beginning of an installation's token may be followed by a signed document.
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\w{20,255}(?:\.[\w-]{10,}){0,3}"),
    "github_pat_": r"\w{20,255}",
    "gl": r"(?:pat|rt|dt|cbt|ptt|soat|agent|imt|ffct|oas|ft)-[\w-]{16,300}(?:\.[\w-]{2,40}){0,3}",
    # Clouds
    **dict.fromkeys(("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z2-7]{16}\b"),
    "AIza": rf"{_W}{{35}}",
    "GOCSPX-": rf"{_W}{{20,60}}",
    "ya29.": rf"{_W}{{30,2000}}",
    **dict.fromkeys(("dop_v1_", "doo_v1_", "dor_v1_"), rf"{_HEX}{{64}}"),
    "HRKU-": rf"{_W}{{40,100}}",
    "nfp_": rf"{_ALNUM}{{30,60}}",
    "tskey-": rf"{_W}{{20,200}}",
    "pscale_": r"(?:tkn|pw|oauth)_[\w.-]{30,100}",
    "hvs.": rf"{_W}{{24,300}}",
    # Models
    "sk-": rf"(?:proj|svcacct|admin|ant-\w+|or-v1)-{_W}{{20,300}}",
    "hf_": rf"{_ALNUM}{{30,60}}",
    "gsk_": rf"{_ALNUM}{{40,80}}",
    # Registries
    "npm_": rf"{_ALNUM}{{36}}",
    "pypi-AgE": rf"{_W}{{50,1000}}",
    "dckr_": rf"(?:pat|oat)_{_W}{{20,100}}",
    "oy2": r"[a-z0-9]{43}\b",
    "cio": rf"{_ALNUM}{{32}}\b",
    "AKCp": rf"{_ALNUM}{{60,80}}",
    "cmVmdGtu": rf"{_ALNUM}{{50,100}}",
    # Others
    **dict.fromkeys(("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-"), rf"{_W}{{20,300}}"),
    "xapp-": rf"{_W}{{30,200}}",
    "hooks.slack.com/": r"(?:services|workflows|triggers)/[\w/+-]{20,200}",
    "discord.com/api/webhooks/": rf"\d{{15,22}}/{_W}{{40,120}}",
    **dict.fromkeys(("sk_live_", "sk_test_", "rk_live_", "rk_test_"), rf"{_ALNUM}{{16,250}}"),
    "whsec_": r"[\w+/=]{24,100}",
    "SG.": rf"{_W}{{16,32}}\.{_W}{{30,64}}",
    "key-": rf"{_HEX}{{32}}\b",
    "access_token$": rf"\w{{4,20}}\${_ALNUM}{{10,40}}\${_HEX}{{32}}",
    "NRAK-": r"[A-Z0-9]{27}",
    **dict.fromkeys(("squ_", "sqp_", "sqa_"), rf"{_HEX}{{40}}"),
    **dict.fromkeys(("ATATT3", "ATCTT3", "ATBB"), r"[\w=-]{28,300}"),
    "lsv2_": rf"\w{{2}}_{_HEX}{{32}}_{_HEX}{{10}}",
    "ntn_": rf"{_ALNUM}{{40,60}}",
    "sdk-": rf"{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}",
    "EAAA": rf"{_W}{{56,80}}",
}
_SIGNED = re.compile(rf"eyJ{_W}{{8,}}+\.{_W}{{4,}}+(?:\.{_W}{{4,}}+){{1,3}}")
"""A signed document (JWT), or an encrypted one. It may be long."""

_RUN = re.compile(rf"{_W}*+")

_STARTS = {start: re.compile(pattern) for start, pattern in _FORMS.items()}

_MIDDLES = {
    ":AA": re.compile(r"\b\d{8,10}:AA[\w-]{33}(?![\w-])"),  # a bot of Telegram
    "Q~": re.compile(r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])"),  # an application of Azure
    "AZDO": re.compile(r"\b\w{76}AZDO\w{4}\b"),
    "FFFFNRAL": re.compile(rf"\b{_HEX}{{36}}FFFFNRAL\b"),
    "-us": re.compile(rf"\b{_HEX}{{32}}-us\d{{1,2}}\b"),  # Mailchimp
}
"""Forms that are known by what stands within them."""

_DOUBTFUL = {"sk-": re.compile(rf"{_W}{{20,200}}+(?![\w-])")}
"""Beginnings that stand in front of ordinary words too: what follows must look like a token."""


def tokens(text: str) -> Iterator[SecretSpan]:
    """Find tokens by their beginnings."""
    for start, pattern in _STARTS.items():
        yield from _starting(text, start, pattern)
    yield from _signed(text)
    for start, pattern in _DOUBTFUL.items():
        yield from (span for span in _starting(text, start, pattern) if is_random(text[span.start : span.end]))
    for middle, pattern in _MIDDLES.items():
        if middle in text:
            yield from (SecretSpan(start=a.start(), end=a.end(), rule="token") for a in pattern.finditer(text))


def _starting(text: str, start: str, pattern: re.Pattern[str]) -> Iterator[SecretSpan]:
    at, over = text.find(start), 0
    while at >= 0:
        # No word may run into the beginning: that of `disk-…` is none, that of `TOKEN_ghp_…` is one.
        begins = at >= over and (at == 0 or not text[at - 1].isalnum())
        found = pattern.match(text, at + len(start)) if begins else None
        if found:
            over = found.end()
            yield SecretSpan(start=at, end=over, rule="token")
        at = text.find(start, at + len(start))


def _signed(text: str) -> Iterator[SecretSpan]:
    """Find signed documents. What was looked through in vain is not looked through from a later beginning again."""
    at = text.find("eyJ")
    while at >= 0:
        after = at + 3
        if at == 0 or not text[at - 1].isalnum():
            if found := _SIGNED.match(text, at):
                yield SecretSpan(start=at, end=found.end(), rule="token")
            looked_at = found or _RUN.match(text, at)
            after = looked_at.end() if looked_at else after
        at = text.find("eyJ", after)
