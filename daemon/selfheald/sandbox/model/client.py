"""The HTTP client by which providers are asked."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

CONNECT_SECONDS = 10

SILENCE_SECONDS = 600
"""A model may think this long before its next byte; agents give up earlier, each by its own setting."""


def model_client() -> httpx.AsyncClient:
    """A client to be shared by all attempts: it follows no redirect and remembers no cookie.

    The operator's HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE hold for it: the machine may have no other way out. They are
    the daemon's environment, which no agent can set.
    """
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=True,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
    )
