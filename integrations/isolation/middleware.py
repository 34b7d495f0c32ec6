"""Takes the guard of a tenant's request away again: when the response has been closed, and not before."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from integrations.isolation.guard import disarm, is_armed
from integrations.isolation.thread_state import state


class TenantGuardMiddleware:
    """Around everything that may query. `TenantMixin` arms the guard once it knows that the request is a tenant's.

    The body of a streaming response is made after all middleware has returned, so the guard stays until the server
    closes the response, which it does after an error and a lost connection too. Were it ever not to, the next request
    of the thread starts without the guard all the same.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        disarm()
        state.in_request = True
        try:
            response = self.get_response(request)
        except BaseException:
            disarm()
            raise
        finally:
            state.in_request = False
        if is_armed():
            _disarm_when_closed(response)
        return response


def _disarm_when_closed(response: HttpResponseBase) -> None:
    close = response.close

    def close_and_disarm() -> None:
        try:
            close()  # ends a stream's generator, whose last words are guarded too
        finally:
            disarm()

    response.close = close_and_disarm  # type: ignore[method-assign]
