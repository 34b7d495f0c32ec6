"""`check --deploy`: what keeps sessions and the admin safe in a browser, held against the settings as they are.

Django's own deployment checks ask for some of it and warn. These fail, because each stands for something that this
project promises; registered by `config.apps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register

_YEAR: Final = 31_536_000
_LONGEST_IDLE: Final = 8 * 3600
_LONGEST_SESSION: Final = 24 * 3600
_MIDDLEWARE: Final = (
    "config.request_context.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.content_security_policy.ContentSecurityPolicyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "integrations.authentication.session_expiry.SessionExpiryMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
_POLICY: Final = {
    "default-src": {"'self'"},
    "object-src": {"'none'"},
    "base-uri": {"'none'"},
    "form-action": {"'self'"},
    "frame-ancestors": {"'none'"},
}
# Sources that let injected code run, or code from anywhere.
_LOOSE: Final = frozenset({"'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:"})


@register(Tags.security, deploy=True)
def check_cookies(**_options: Any) -> list[CheckMessage]:
    """Session and CSRF cookies: over https only, for this host only, not sent by other sites' forms."""
    problems = []
    for kind in ("SESSION", "CSRF"):
        name = str(getattr(settings, f"{kind}_COOKIE_NAME"))
        if not getattr(settings, f"{kind}_COOKIE_SECURE"):
            problems.append(f"{kind}_COOKIE_SECURE is off: the cookie would travel in clear.")
        if not name.startswith("__Host-"):
            problems.append(f"{kind}_COOKIE_NAME does not start with __Host-: a subdomain could plant the cookie.")
        elif getattr(settings, f"{kind}_COOKIE_DOMAIN") or getattr(settings, f"{kind}_COOKIE_PATH") != "/":
            problems.append(f"Browsers refuse {name} with a domain or another path than /.")
        if getattr(settings, f"{kind}_COOKIE_SAMESITE") not in {"Lax", "Strict"}:
            problems.append(f"{kind}_COOKIE_SAMESITE must be Lax or Strict.")
    if not settings.SESSION_COOKIE_HTTPONLY:
        problems.append("SESSION_COOKIE_HTTPONLY is off: scripts could read the session.")
    return _errors("E001", problems, "Set ENVIRONMENT=production, which sets all of them.")


@register(Tags.security, deploy=True)
def check_transport(**_options: Any) -> list[CheckMessage]:
    """Everything over https, and browsers told to remember it."""
    problems = []
    if not settings.SECURE_SSL_REDIRECT:
        problems.append("SECURE_SSL_REDIRECT is off: http would be answered.")
    if settings.SECURE_HSTS_SECONDS < _YEAR:
        problems.append("SECURE_HSTS_SECONDS is less than a year.")
    if not settings.APP_URL.startswith("https://"):
        problems.append("APP_URL does not start with https://.")
    return _errors("E002", problems, "Set ENVIRONMENT=production and an APP_URL that starts with https://.")


@register(Tags.security, deploy=True)
def check_content_security_policy(**_options: Any) -> list[CheckMessage]:
    """The policy that keeps injected scripts from running, and the middleware that sends it and the rest."""
    policy = {name: set(_sources(value)) for name, value in settings.SECURE_CSP.items()}
    problems = [
        f"SECURE_CSP must have {name} {' '.join(sorted(sources))}."
        for name, sources in _POLICY.items()
        if policy.get(name) != sources
    ]
    problems += [
        f"SECURE_CSP lets {name} be {' '.join(sorted(loose))}."
        for name, sources in policy.items()
        if (loose := sources & _LOOSE)
    ]
    problems += [f"MIDDLEWARE lacks {name}." for name in _MIDDLEWARE if name not in settings.MIDDLEWARE]
    return _errors("E003", problems, "These are fixed in config/settings.py: put back what was taken out.")


@register(Tags.security, deploy=True)
def check_sessions(**_options: Any) -> list[CheckMessage]:
    """Sessions that end, log-ins that can be tried only so often, and who is asked for a second step."""
    problems = []
    if settings.SESSION_IDLE_SECONDS > _LONGEST_IDLE:
        problems.append("SESSION_IDLE_MINUTES is more than 8 hours.")
    if settings.SESSION_COOKIE_AGE > _LONGEST_SESSION:
        problems.append("SESSION_HOURS is more than a day.")
    if settings.LOGIN_FAILURES_PER_USER > 100 or settings.LOGIN_FAILURES_PER_ADDRESS > 1000:
        problems.append(
            "LOGIN_FAILURES_PER_USER is above 100 or LOGIN_FAILURES_PER_ADDRESS above 1000: no limit at all."
        )
    messages = _errors("E004", problems, "Choose smaller values in the environment.")
    if not settings.REQUIRE_STAFF_TOTP:
        hint = "Once the owners have set theirs up, set REQUIRE_STAFF_TOTP=true."
        messages.append(Info("Platform staff may log in with a password alone.", hint=hint, id="config.I005"))
    return messages


def _errors(number: str, problems: Iterable[str], hint: str) -> list[CheckMessage]:
    return [Error(problem, hint=hint, id=f"config.{number}") for problem in problems]


def _sources(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Iterable):
        yield from (str(source) for source in value)
