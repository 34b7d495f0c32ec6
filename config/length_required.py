"""Refusing bodies of unknown length."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from integrations.api.problems import problem_http_response


class LengthRequiredMiddleware:
    """Answer 411 to an API request whose body comes in chunks without a `Content-Length`.

    Under WSGI Django reads nothing of such a body. Taken for an empty one, a change would silently change nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        has_length = bool(request.META.get("CONTENT_LENGTH"))
        if "HTTP_TRANSFER_ENCODING" in request.META and not has_length and request.path.startswith("/api/"):
            return problem_http_response(request, status=411, detail="Send the body with a Content-Length.")
        return self.get_response(request)
