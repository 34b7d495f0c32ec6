"""An answer of a provider's API, and what it means where the provider says nothing more exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import isnan
from typing import Final

from integrations.providers.outcome import ProviderError, Result

MAX_WAIT: Final = 24 * 3600.0
_MAX_WORDS: Final = 300
_MESSAGE_NAMES: Final = ("message", "error_description", "detail", "error", "error-code-label", "title", "errors")
_BY_STATUS: Final = {
    401: Result.BAD_CREDENTIALS,
    403: Result.MISSING_PERMISSION,
    408: Result.PROVIDER_DOWN,
    429: Result.RATE_LIMITED,
}
_SENTENCES: Final = {
    Result.BAD_CREDENTIALS: "does not accept the credentials",
    Result.MISSING_PERMISSION: "refuses the request: the credentials lack a permission",
    Result.RATE_LIMITED: "wants fewer requests",
    Result.PROVIDER_DOWN: "has a problem of its own",
}


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of one answer. What helps to read it raises ProviderError."""

    label: str
    """Who answered, for sentences."""
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    charset: str = "utf-8"

    @property
    def is_success(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        try:
            return self.body.decode(self.charset, "replace")
        except (LookupError, UnicodeError):  # a charset that nobody knows, or one that takes no replacements
            return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """Return the body as JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.no_api() from None

    def json_object(self) -> dict[str, object]:
        """Return the body, which must be a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise self.unexpected("its answer is no JSON object")
        return found

    def object_or_empty(self) -> dict[str, object]:
        """Return the body if it is a JSON object, for reading what an error says; raises nothing."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def no_api(self) -> ProviderError:
        """Return the error for an answer that no API gives."""
        if self.looks_like_html:
            what = "a web page instead of JSON: check the address, and whether a log-in page or proxy stands before it"
        else:
            what = "something that is no JSON: check the address"
        return ProviderError(Result.WRONG_HOST, f"{self.label} answered {what}.", status=self.status)

    def unexpected(self, why: str) -> ProviderError:
        """Return the error for JSON of another shape than the API's; `why` is the rest of a sentence."""
        message = f"This does not look like the API of {self.label}: {why}."
        return ProviderError(Result.WRONG_HOST, message, status=self.status)

    @property
    def looks_like_html(self) -> bool:
        start = self.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return "html" in self.headers.get("content-type", "").lower() or start.startswith((b"<!doctype html", b"<html"))

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asks to wait, at most a day; None where it does not say, or not readably."""
        return seconds_to_wait(self.headers.get("retry-after", ""))

    def words(self) -> str:
        """Return what the provider itself says about an error, "" when it says nothing that reads like a message."""
        said = _message_in(self.object_or_empty())
        if not said and not self.looks_like_html and self.headers.get("content-type", "").startswith("text/plain"):
            said = self.text
        return " ".join(said.split())[:_MAX_WORDS]


def seconds_to_wait(value: str, *, now: datetime | None = None) -> float | None:
    """Read `Retry-After`: seconds, also with a fraction, or a date. None for anything else."""
    value = value.strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_WAIT) if not isnan(seconds) else None


def error_of(answer: Answer) -> ProviderError:
    """Return what an answer that is no success means by its status alone."""
    words = answer.words()
    said = f": {words.rstrip('.')}." if words else "."
    status, label = answer.status, answer.label
    if 300 <= status <= 399:
        message = f"{label} answered {status}, a redirection, which is not followed: enter the address it leads to."
        return ProviderError(Result.WRONG_HOST, message, status=status)
    if answer.looks_like_html and status in {401, 403, 404}:
        return answer.no_api()
    result = _BY_STATUS.get(status) or (Result.PROVIDER_DOWN if status >= 500 else Result.WRONG_HOST)
    wait = answer.retry_after if result in {Result.RATE_LIMITED, Result.PROVIDER_DOWN} else None
    what = _SENTENCES.get(result, "does not know what was asked for")
    return ProviderError(result, f"{label} {what} ({_named(status)}){said}", wait, status=status)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _message_in(found: object, depth: int = 4) -> str:
    if isinstance(found, str):
        return found
    if depth and isinstance(found, dict):
        return next(filter(None, (_message_in(found.get(name), depth - 1) for name in _MESSAGE_NAMES)), "")
    if depth and isinstance(found, list) and found:
        return _message_in(found[0], depth - 1)
    return ""
