"""Well-known forms of tokens, made up by chance: none stands in this file, and none was ever valid."""

import json
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from random import Random

HEX = "0123456789abcdef"
DIGITS = string.digits
LETTERS = string.ascii_letters
LOWER = string.ascii_lowercase + DIGITS
UPPER = string.ascii_uppercase + DIGITS
ALNUM = LETTERS + DIGITS
WORD = ALNUM + "-_"
BASE64 = ALNUM + "+/"
BASE32 = string.ascii_uppercase + "234567"

PLAIN = "the value is {} here"

BY_FORM = {
    "GitHub, classic": f"ghp_<36 {ALNUM}>",
    "GitHub, OAuth": f"gho_<36 {ALNUM}>",
    "GitHub, user of an app": f"ghu_<36 {ALNUM}>",
    "GitHub, installation of an app": f"ghs_<36 {ALNUM}>",
    "GitHub, refresh": f"ghr_<36 {ALNUM}>",
    "GitHub, fine-grained": f"github_pat_<22 {ALNUM}>_<59 {ALNUM}>",
    "GitLab, personal": f"glpat-<20 {ALNUM}>",
    "GitLab, routable": f"glpat-<27 {ALNUM}>.01.<9 {HEX}>",
    "GitLab, runner": f"glrt-<20 {ALNUM}>",
    "GitLab, deploy": f"gldt-<20 {ALNUM}>",
    "GitLab, job": f"glcbt-64_<20 {ALNUM}>",
    "GitLab, trigger": f"glptt-<40 {HEX}>",
    "AWS, key id": f"AKIA<16 {BASE32}>",
    "AWS, temporary key id": f"ASIA<16 {BASE32}>",
    "Google, API key": f"AIza<35 {WORD}>",
    "Google, client secret": f"GOCSPX-<28 {WORD}>",
    "Google, access": f"ya29.<120 {WORD}>",
    "Azure, application": f"<3 {ALNUM}>8Q~<34 {WORD}>",
    "Azure DevOps": f"<76 {ALNUM}>AZDO<4 {ALNUM}>",
    "DigitalOcean, personal": f"dop_v1_<64 {HEX}>",
    "DigitalOcean, OAuth": f"doo_v1_<64 {HEX}>",
    "Heroku": f"HRKU-AA<58 {WORD}>",
    "Netlify": f"nfp_<36 {ALNUM}>",
    "Tailscale": f"tskey-auth-<12 {ALNUM}>CNTRL-<32 {ALNUM}>",
    "PlanetScale": f"pscale_tkn_<43 {WORD}>",
    "Supabase": f"sbp_<40 {HEX}>",
    "Databricks": f"dapi<32 {HEX}>",
    "Vault": f"hvs.<90 {WORD}>",
    "Terraform Cloud": f"<14 {ALNUM}>.atlasv1.<64 {WORD}>",
    "Pulumi": f"pul-<40 {HEX}>",
    "Doppler": f"dp.pt.<43 {ALNUM}>",
    "OpenAI, old": f"sk-<20 {ALNUM}>T3BlbkFJ<20 {ALNUM}>",
    "OpenAI, project": f"sk-proj-<74 {WORD}>T3BlbkFJ<74 {WORD}>",
    "OpenAI, service account": f"sk-svcacct-<74 {WORD}>T3BlbkFJ<74 {WORD}>",
    "Anthropic": f"sk-ant-api03-<93 {WORD}>AA",
    "Anthropic, administration": f"sk-ant-admin01-<93 {WORD}>AA",
    "Anthropic, OAuth": f"sk-ant-oat01-<93 {WORD}>AA",
    "OpenRouter": f"sk-or-v1-<64 {HEX}>",
    "Hugging Face": f"hf_<34 {LETTERS}>",
    "Groq": f"gsk_<52 {ALNUM}>",
    "xAI": f"xai-<80 {ALNUM}>",
    "Replicate": f"r8_<37 {ALNUM}>",
    "Perplexity": f"pplx-<48 {ALNUM}>",
    "LangSmith": f"lsv2_pt_<32 {HEX}>_<10 {HEX}>",
    "npm": f"npm_<36 {ALNUM}>",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc<100 {WORD}>",
    "RubyGems": f"rubygems_<48 {HEX}>",
    "crates.io": f"cio<32 {ALNUM}>",
    "NuGet": f"oy2<43 {LOWER}>",
    "Clojars": f"CLOJARS_<60 {HEX}>",
    "Docker Hub, personal": f"dckr_pat_<27 {WORD}>",
    "Docker Hub, organization": f"dckr_oat_<32 {WORD}>",
    "Artifactory": f"AKCp<69 {ALNUM}>",
    "Artifactory, reference": f"cmVmdGtuOjAxOj<50 {ALNUM}>",
    "Slack, bot": f"xoxb-<12 {DIGITS}>-<13 {DIGITS}>-<24 {ALNUM}>",
    "Slack, user": f"xoxp-<12 {DIGITS}>-<12 {DIGITS}>-<12 {DIGITS}>-<32 {HEX}>",
    "Slack, app": f"xapp-1-A<10 {UPPER}>-<13 {DIGITS}>-<64 {HEX}>",
    "Slack, webhook": f"https://hooks.slack.com/services/T<8 {UPPER}>/B<10 {UPPER}>/<24 {ALNUM}>",
    "Discord, webhook": f"https://discord.com/api/webhooks/<18 {DIGITS}>/<68 {WORD}>",
    "Telegram": f"1<9 {DIGITS}>:AA<33 {WORD}>",
    "Stripe": f"sk_live_<24 {ALNUM}>",
    "Stripe, long": f"sk_live_51<97 {ALNUM}>",
    "Stripe, test": f"sk_test_<24 {ALNUM}>",
    "Stripe, restricted": f"rk_live_<24 {ALNUM}>",
    "Stripe, webhook": f"whsec_<32 {ALNUM}>",
    "Square": f"sq0atp-<22 {WORD}>",
    "PayPal": f"access_token$production$<16 {LOWER}>$<32 {HEX}>",
    "Shopify": f"shpat_<32 {HEX}>",
    "SendGrid": f"SG.<22 {WORD}>.<43 {WORD}>",
    "Twilio": f"SK<32 {HEX}>",
    "Mailgun": f"key-<32 {HEX}>",
    "Mailchimp": f"<32 {HEX}>-us12",
    "New Relic": f"NRAK-<27 {UPPER}>",
    "New Relic, ingest": f"<36 {HEX}>FFFFNRAL",
    "Grafana, service account": f"glsa_<32 {ALNUM}>_<8 {HEX}>",
    "Sentry, user": f"sntryu_<64 {HEX}>",
    "Sonar": f"squ_<40 {HEX}>",
    "Atlassian": f"ATATT3xFfGF0<180 {WORD}>=<8 {UPPER}>",
    "Bitbucket": f"ATBB<32 {ALNUM}>",
    "Linear": f"lin_api_<40 {ALNUM}>",
    "Notion": f"ntn_<46 {ALNUM}>",
    "Figma": f"figd_<40 {WORD}>",
    "Postman": f"PMAK-<24 {HEX}>-<34 {HEX}>",
    "Airtable": f"pat<14 {ALNUM}>.<64 {HEX}>",
    "CircleCI": f"CCIPAT_<22 {ALNUM}>_<40 {HEX}>",
    "Buildkite": f"bkua_<40 {HEX}>",
    "LaunchDarkly": f"sdk-<8 {HEX}>-<4 {HEX}>-<4 {HEX}>-<4 {HEX}>-<12 {HEX}>",
}
"""Forms that are known by themselves; ``<12 …>`` is twelve characters of these."""

BY_PLACE = {
    "AWS, secret in a file": ("aws_secret_access_key = {}", f"<40 {BASE64}>"),
    "AWS, secret in the environment": ("AWS_SECRET_ACCESS_KEY={}", f"<40 {BASE64}>"),
    "Azure, storage": (
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};EndpointSuffix=y",
        f"<86 {BASE64}>==",
    ),
    "Azure, signature": ("https://x.blob.example.com/c/b?sv=2022-11-02&sig={}", f"<43 {ALNUM}>%3D"),
    "AWS, signature": ("https://b.example.com/k?X-Amz-Signature={}&x=1", f"<64 {HEX}>"),
    "Semaphore, exported": ("export SEMAPHORE_API_TOKEN={}", f"<20 {WORD}>"),
    "Semaphore, header": ("Authorization: Token {}", f"<20 {WORD}>"),
    "Semaphore, command line": ("sem connect acme.semaphoreci.com {}", f"<36 {ALNUM}>"),
    "bearer": ("Authorization: Bearer {}", f"<40 {ALNUM}>"),
    "bearer, quoted": ("-H 'authorization: bearer {}'", f"<40 {ALNUM}>"),
    "key in a header": ("X-Api-Key: {}", f"<32 {ALNUM}>"),
    "cookie": ("Set-Cookie: theme=dark; session={}; Path=/", f"<32 {ALNUM}>"),
    "Twilio, auth token": ("TWILIO_AUTH_TOKEN={}", f"<32 {HEX}>"),
    "UUID that is a key": ("HEROKU_API_KEY={}", f"<8 {HEX}>-<4 {HEX}>-<4 {HEX}>-<4 {HEX}>-<12 {HEX}>"),
    "npm, old": ("//npm.example.com/:_authToken={}", f"<8 {HEX}>-<4 {HEX}>-<4 {HEX}>-<4 {HEX}>-<12 {HEX}>"),
    "JSON": ('{{"user": "ana", "password": "{}"}}', f"<16 {ALNUM}>"),
    "JSON in JSON": ('"{{\\"client_secret\\": \\"{}\\"}}"', f"<24 {ALNUM}>"),
    "YAML": ("  api_key: {}", f"<24 {ALNUM}>"),
    "TOML": ('token = "{}"', f"<32 {ALNUM}>"),
    "Ruby": (":secret_key_base => '{}'", f"<64 {HEX}>"),
    "flag": ("deploy --token {} --force", f"<32 {ALNUM}>"),
    "flag with =": ("mysqldump --password={} app", f"<18 {ALNUM}>"),
    "curl": ("curl -u bob:{} https://example.com", f"<20 {ALNUM}>"),
    "netrc": ("machine example.com login bob password {}", f"<20 {ALNUM}>"),
    "address": ("https://bob:{}@example.com/x.git", f"<16 {ALNUM}>"),
    "address, token alone": ("https://{}@example.com/x.git", f"<30 {ALNUM}>"),
    "database": ("postgres://app:{}@db.internal:5432/app", f"<16 {ALNUM}>"),
    "Redis": ("redis://:{}@cache:6379/0", f"<16 {ALNUM}>"),
    "MongoDB": ("mongodb+srv://app:{}@cluster0.example.net/x", f"<16 {ALNUM}>"),
}
"""Forms that are known by what stands before them."""


def samples(seed: int = 1) -> Iterator[tuple[str, str, str]]:
    """Every form once: its name, a secret, and a line with it."""
    random = Random(seed)  # noqa: S311 - the same forms in each run
    for name, form in BY_FORM.items():
        secret = _made(form, random)
        yield name, secret, PLAIN.format(secret)
    for name, (line, form) in BY_PLACE.items():
        secret = _made(form, random)
        yield name, secret, line.format(secret)
    header, body = ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234567", "iat": 1700000000})
    token = ".".join([*map(_url_safe, (header, body)), _made(f"<43 {WORD}>", random)])
    yield "JSON web token", token, PLAIN.format(token)
    login = b64encode(f"bob:{_made(f'<20 {ALNUM}>', random)}".encode()).decode()
    yield "basic", login, f"Authorization: Basic {login}"
    yield "Docker's file", login, f'"auths": {{"registry.example.com": {{"auth": "{login}"}}}}'


def private_key(kind: str = "RSA PRIVATE KEY", *, lines: int = 25, seed: int = 1) -> str:
    """Something in the form of a private key."""
    random = Random(seed)  # noqa: S311 - the same key in each run
    body = "\n".join(_made(f"<64 {BASE64}>", random) for _ in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def _made(form: str, random: Random) -> str:
    first, *parts = form.split("<")
    made = first
    for part in parts:
        wanted, rest = part.split(">", 1)
        count, alphabet = wanted.split(" ", 1)
        made += "".join(random.choice(alphabet) for _ in range(int(count))) + rest
    return made


def _url_safe(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
