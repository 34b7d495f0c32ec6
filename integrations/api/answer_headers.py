"""Headers that every answer below `/api/` has: how it may be stored, what tells it from another, where limits stand.

A middleware, so that no view has to think of it, and errors outside of views have the headers as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from integrations.api.preconditions import version_of
from integrations.authentication.members import TENANT_HEADER

_BELOW: Final = "/api/"
_FOR_TENANTS: Final = "/api/v1/"
_READING: Final = frozenset({"GET", "HEAD"})


class AnswerHeadersMiddleware:
    """Adds `Cache-Control`, `Vary`, `ETag` and the `RateLimit` headers, and answers 304 to who knows the answer already."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path_info.startswith(_BELOW):
            return response
        response.headers.setdefault("Cache-Control", "private, no-cache")
        caching = response.headers["Cache-Control"]
        if "public" not in caching:
            patch_vary_headers(response, _varies(request))
        for name, value in getattr(request, "rate_limit_headers", {}).items():
            response.headers[name] = value
        if isinstance(response, HttpResponse):
            _tag(request, response, is_stored="no-store" not in caching)
        return response


def _varies(request: HttpRequest) -> list[str]:
    return ["Authorization", TENANT_HEADER] if request.path_info.startswith(_FOR_TENANTS) else ["Authorization"]


def _tag(request: HttpRequest, response: HttpResponse, *, is_stored: bool) -> None:
    """Give a good answer its ETag; leave out the body where the client has it."""
    if not 200 <= response.status_code < 300 or "ETag" in response.headers:
        return
    version = version_of(_view_of(request), getattr(response, "data", None))
    if request.method in _READING and response.status_code == 200 and is_stored:
        etag = _etag(version, response.content)
        response.headers["ETag"] = etag
        if _knows(request, etag):
            response.status_code = 304
            response.content = b""
            del response.headers["Content-Type"]
    elif version is not None:
        # The answer to a change, or one that shows a secret: its ETag is for If-Match only.
        response.headers["ETag"] = f'"{version}"'


def _view_of(request: HttpRequest) -> Any:
    return getattr(getattr(request.resolver_match, "func", None), "cls", None)


def _etag(version: int | None, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return f'"{digest}"' if version is None else f'"{version}-{digest}"'


def _knows(request: HttpRequest, etag: str) -> bool:
    """Compare as `If-None-Match` wants it (RFC 9110, 13.1.2): a weak tag matches, too."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in {tag.removeprefix("W/") for tag in known}
