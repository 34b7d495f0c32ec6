"""The end of the middleware for `/api/v1`: what comes after it serves people in browsers.

An API key or an access token proves who asks there, in every request. No session, cookie, form or message is ever looked
at, so nothing of it is prepared either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, URLResolver, get_resolver

TENANTS: Final = "/api/v1/"


class TenantsChainMiddleware:
    """Hand requests below `/api/v1/` to their view; all others take the middleware listed after this one first.

    Both ways find the view by `path_info`: no address can take one way and be answered by the other's views. Views of
    browsers are not reached from here, and a session cookie at `/api/v1` is nobody's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.answer_tenant: Callable[[HttpRequest], Any] = convert_exception_to_response(_Views().view_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(TENANTS):
            response: HttpResponseBase = self.answer_tenant(request)
            return response
        return self.get_response(request)


# As many as there are such addresses: what is not found is not kept.
_fixed: Final[dict[tuple[URLResolver, str], ResolverMatch]] = {}


class _Views(BaseHandler):
    """Django's handler with no middleware of its own: it finds the view, calls it and renders what it returns."""

    def __init__(self) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Find the view. For an address without variable parts this is always the same, and it is remembered."""
        resolver = get_resolver()
        match = _fixed.get((resolver, request.path_info))
        if match is None:
            match = resolver.resolve(request.path_info)
            if not match.kwargs:
                _fixed[resolver, request.path_info] = match
        request.resolver_match = match
        return match

    def view_response(self, request: HttpRequest) -> HttpResponseBase:
        """Return the view's answer. Raises what the view raises."""
        response: HttpResponseBase = self._get_response(request)  # type: ignore[attr-defined]
        return response
