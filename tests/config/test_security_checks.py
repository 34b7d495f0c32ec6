"""`check --deploy`: right in production, and wrong for every single thing that is taken away."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from config.security_checks import (
    check_content_security_policy,
    check_cookies,
    check_sessions,
    check_transport,
)
from tests.running_site import ROOT

CHECKS = (check_cookies, check_transport, check_content_security_policy, check_sessions)
PRODUCTION: dict[str, Any] = {
    "APP_URL": "https://signalbox.example.com",
    "SESSION_COOKIE_NAME": "__Host-sessionid",
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "REQUIRE_STAFF_TOTP": True,
}


def found(settings: Settings, **changes: Any) -> list[str | None]:
    for name, value in {**PRODUCTION, **changes}.items():
        setattr(settings, name, value)
    return [message.id for check in CHECKS for message in check()]


def test_finds_nothing_where_everything_is_as_it_should_be(settings: Settings) -> None:
    assert found(settings) == []


@pytest.mark.parametrize(
    ("name", "value", "identifier"),
    [
        ("SESSION_COOKIE_SECURE", False, "config.E001"),
        ("CSRF_COOKIE_SECURE", False, "config.E001"),
        ("SESSION_COOKIE_NAME", "sessionid", "config.E001"),
        ("CSRF_COOKIE_NAME", "csrftoken", "config.E001"),
        ("SESSION_COOKIE_DOMAIN", "example.com", "config.E001"),
        ("CSRF_COOKIE_PATH", "/admin/", "config.E001"),
        ("SESSION_COOKIE_SAMESITE", "None", "config.E001"),
        ("CSRF_COOKIE_SAMESITE", False, "config.E001"),
        ("SESSION_COOKIE_HTTPONLY", False, "config.E001"),
        ("SECURE_SSL_REDIRECT", False, "config.E002"),
        ("SECURE_HSTS_SECONDS", 3600, "config.E002"),
        ("APP_URL", "http://signalbox.example.com", "config.E002"),
        ("SESSION_IDLE_SECONDS", 9 * 3600, "config.E004"),
        ("SESSION_COOKIE_AGE", 14 * 86400, "config.E004"),
        ("LOGIN_FAILURES_PER_USER", 1000, "config.E004"),
        ("LOGIN_FAILURES_PER_ADDRESS", 100_000, "config.E004"),
        ("REQUIRE_STAFF_TOTP", False, "config.I005"),
    ],
)
def test_finds_each_setting_that_is_wrong(settings: Settings, name: str, value: object, identifier: str) -> None:
    assert found(settings, **{name: value}) == [identifier]


@pytest.mark.parametrize(
    ("directive", "sources"),
    [
        ("default-src", ["'self'", "https:"]),
        ("default-src", None),
        ("frame-ancestors", ["'self'"]),
        ("form-action", "'none'"),
    ],
)
def test_finds_a_policy_that_is_another(settings: Settings, directive: str, sources: object) -> None:
    assert "config.E003" in found(settings, SECURE_CSP={**settings.SECURE_CSP, directive: sources})


@pytest.mark.parametrize("source", ["'unsafe-inline'", "'unsafe-eval'", "*"])
def test_finds_a_directive_that_lets_injected_code_run(settings: Settings, source: str) -> None:
    assert found(settings, SECURE_CSP={**settings.SECURE_CSP, "script-src": ["'self'", source]}) == ["config.E003"]


def test_finds_middleware_that_was_taken_out(settings: Settings) -> None:
    expiry = "integrations.authentication.session_expiry.SessionExpiryMiddleware"
    assert found(settings, MIDDLEWARE=[name for name in settings.MIDDLEWARE if name != expiry]) == ["config.E003"]


def deploy(**environment: str) -> tuple[int, str]:
    """Run the command as an operator does, with an environment of its own."""
    right = {
        "ENVIRONMENT": "production",
        "DATABASE_URL": "postgresql://signalbox@127.0.0.1:9/signalbox",
        "REDIS_URL": "redis://127.0.0.1/0",
        "APP_URL": "https://signalbox.example.com",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ENCRYPTION_KEY": secrets.token_hex(32),
        "API_KEY_PEPPER": secrets.token_hex(32),
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--tag", "security"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **right, **environment}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_command_passes_in_production_and_fails_in_a_wrong_environment() -> None:
    assert deploy()[0] == 0
    code, printed = deploy(ENVIRONMENT="development")
    assert code == 1
    assert {"config.E001", "config.E002"} <= {word.strip("()") for word in printed.replace(":", " ").split()}
    code, printed = deploy(SESSION_HOURS="48")
    assert code == 1
    assert "config.E004" in printed
