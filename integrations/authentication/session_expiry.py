"""The end of a session in the browser: half an hour without a request, or twelve hours after the log-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse

_STARTED: Final = "started_at"
_SEEN: Final = "seen_at"
# Sent by pages that refresh themselves. Somebody must be there to keep a session alive; the header can only shorten one.
_AUTOMATIC: Final = "Signalbox-Automatic"
_NOTED_EVERY: Final = 60  # seconds; a write to the database for every request would be much for little


class SessionExpiryMiddleware:
    """Log out who was away for `SESSION_IDLE_SECONDS`, and everybody `SESSION_COOKIE_AGE` seconds after their log-in.

    Django's own expiry is either of the two: renewing a session with each request makes it last for ever. After the
    authentication's middleware; a request without a session cookie costs nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session:
            self._end_or_note(request, int(time.time()))
        return self.get_response(request)

    def _end_or_note(self, request: HttpRequest, now: int) -> None:
        session = request.session
        # Set at the first request, not by the log-in: there is more than one way to log in, and one to forget it.
        started, seen = session.get(_STARTED, now), session.get(_SEEN, now)
        if now - started >= settings.SESSION_COOKIE_AGE or now - seen >= settings.SESSION_IDLE_SECONDS:
            logout(request)
            return
        if request.headers.get(_AUTOMATIC):
            return
        if _STARTED not in session or now - seen >= min(_NOTED_EVERY, settings.SESSION_IDLE_SECONDS // 10):
            session[_STARTED], session[_SEEN] = started, now
