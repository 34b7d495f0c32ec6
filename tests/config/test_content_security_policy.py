from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from config.content_security_policy import ContentSecurityPolicyMiddleware, build_policy


def answer(view_headers: dict[str, str] | None = None) -> HttpResponse:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers=view_headers)

    return ContentSecurityPolicyMiddleware(view)(RequestFactory().get("/"))


@pytest.mark.parametrize(
    ("directives", "policy"),
    [
        ({"default-src": ["'self'"], "img-src": ["'self'", "data:"]}, "default-src 'self'; img-src 'self' data:"),
        ({"default-src": "'none'"}, "default-src 'none'"),
        ({"upgrade-insecure-requests": True, "sandbox": False, "font-src": None}, "upgrade-insecure-requests"),
    ],
)
def test_builds_the_header_from_djangos_shape(directives: dict[str, object], policy: str) -> None:
    assert build_policy(directives) == policy  # type: ignore[arg-type]


def test_sends_a_strict_policy_without_inline_code() -> None:
    policy = answer().headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "object-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy


def test_keeps_a_views_own_policy() -> None:
    response = answer({"Content-Security-Policy": "default-src 'none'"})

    assert response.headers["Content-Security-Policy"] == "default-src 'none'"


def test_reports_only_when_asked(settings: Settings) -> None:
    assert "Content-Security-Policy-Report-Only" not in answer().headers

    settings.SECURE_CSP = {}
    settings.SECURE_CSP_REPORT_ONLY = {"default-src": ["'self'"]}

    assert answer().headers["Content-Security-Policy-Report-Only"] == "default-src 'self'"
    assert "Content-Security-Policy" not in answer().headers
