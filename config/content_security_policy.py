"""The Content-Security-Policy header, with the setting names and the shape of Django 6.0's own.

After an upgrade to Django 6.0, `django.middleware.csp.ContentSecurityPolicyMiddleware` takes this file's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Directives = Mapping[str, Iterable[str] | str | bool | None]


class ContentSecurityPolicyMiddleware:
    """Send `SECURE_CSP`, and `SECURE_CSP_REPORT_ONLY` for trying a policy out; a view's own header is left alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for header, directives in (
            ("Content-Security-Policy", settings.SECURE_CSP),
            ("Content-Security-Policy-Report-Only", getattr(settings, "SECURE_CSP_REPORT_ONLY", {})),
        ):
            if directives and header not in response.headers:
                response.headers[header] = build_policy(directives)
        return response


def build_policy(directives: Directives) -> str:
    """Return the header's value: None and False leave a directive out, True stands for one without sources."""
    parts = []
    for name, sources in directives.items():
        if sources is None or sources is False:
            continue
        listed = [] if sources is True else [sources] if isinstance(sources, str) else list(sources)
        parts.append(" ".join([name, *listed]))
    return "; ".join(parts)
