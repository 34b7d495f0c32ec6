"""Every error answer of the API, as problem details (RFC 9457, `application/problem+json`).

`exception_handler` is REST framework's hook. Services raise `integrations.errors`; this module alone knows their
status codes. Answers outside REST framework (unknown addresses, failures in middleware) use `problem_http_response`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
from integrations.errors import (
    ConflictError,
    InvalidInputError,
    LimitReachedError,
    NotAllowedError,
    NotFoundError,
    PreconditionFailedError,
    ProviderCallError,
    ServiceError,
)
from integrations.providers.outcome import REFUSED, Result

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
NON_FIELD = "non_field_errors"
_MOST_ERRORS = 100
_LONGEST_FIELD_NAME = 200
_TO_BE_SET_RIGHT = {Result.BAD_CREDENTIALS, Result.MISSING_PERMISSION, Result.WRONG_HOST, Result.BLOCKED}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for a program (`status`, `errors`) and for a person (`detail`)."""

    status: int
    detail: str
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    result: str = ""
    """The class of the outcome where a provider was asked."""

    def body(self, *, instance: str, request_id: str) -> dict[str, Any]:
        """Return the members of the answer; `errors` only where fields are wrong, `result` where a provider was asked."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
        }
        if self.errors:
            members["errors"] = {name: list(reasons) for name, reasons in self.errors.items()}
        if self.result:
            members["result"] = self.result
        return members


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn what a view raised into problem details; None (a 500, logged by Django) for what is a mistake of ours."""
    problem = problem_of(exc)
    if problem is None:
        return None
    request: Request = context["request"]
    return Response(
        problem.body(instance=request.path, request_id=getattr(request, "request_id", "")),
        status=problem.status,
        headers=dict(problem.headers),
        content_type=CONTENT_TYPE,
    )


def problem_http_response(request: HttpRequest, *, status: int, detail: str) -> JsonResponse:
    """Answer a request that never reached an API view."""
    problem = Problem(status, detail)
    body = problem.body(instance=request.path, request_id=getattr(request, "request_id", ""))
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def problem_of(exc: Exception) -> Problem | None:
    """Return the problem that an exception stands for, or None if it stands for none."""
    if isinstance(exc, exceptions.APIException):
        return _api_problem(exc)
    if isinstance(exc, ServiceError):
        return _service_problem(exc)
    if isinstance(exc, Http404):
        return Problem(404, "There is nothing here.")
    if isinstance(exc, PermissionDenied):
        return Problem(403, "You are not allowed to do this.")
    if isinstance(exc, DjangoValidationError):
        return invalid(flatten(_django_errors(exc)))
    return _request_problem(exc) or _storage_problem(exc)


def invalid(errors: Mapping[str, Sequence[str]]) -> Problem:
    """Return the 422 that names each wrong field and why."""
    named = ", ".join(list(errors)[:5])
    return Problem(422, f"The request has wrong fields: {named}." if errors else "The request is wrong.", errors)


def flatten(detail: object, at: str = "") -> dict[str, list[str]]:
    """Return nested validation errors as one level: `{"events[3].type": ["…"]}`, at most a hundred entries."""
    flat: dict[str, list[str]] = {}
    for path, reason in _reasons(detail, at):
        if path not in flat and len(flat) == _MOST_ERRORS:
            break
        flat.setdefault(path, []).append(reason)
    return flat


def _reasons(detail: object, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _reasons(inner, _child_path(at, key))
    elif isinstance(detail, list | tuple):
        for position, inner in enumerate(detail):
            # A list of texts are the reasons of one field; a list of mappings are the items of an array.
            nested = isinstance(inner, Mapping | list | tuple)
            yield from _reasons(inner, f"{at}[{position}]" if nested else at)
    else:
        yield at or NON_FIELD, str(detail)


def _child_path(at: str, key: object) -> str:
    if isinstance(key, int):
        return f"{at}[{key}]"
    if key in {NON_FIELD, "__all__"}:
        return at
    name = str(key)[:_LONGEST_FIELD_NAME]
    return f"{at}.{name}" if at else name


def _django_errors(exc: DjangoValidationError) -> object:
    return exc.message_dict if hasattr(exc, "error_dict") else exc.messages


def _api_problem(exc: exceptions.APIException) -> Problem:
    if isinstance(exc, exceptions.ValidationError):
        return invalid(flatten(exc.detail))
    headers = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = str(auth_header)
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    return Problem(exc.status_code, " ".join(flatten(exc.detail).get(NON_FIELD, [str(exc.detail)])), headers=headers)


def _service_problem(exc: ServiceError) -> Problem:
    if isinstance(exc, InvalidInputError):
        return invalid(exc.errors)
    if isinstance(exc, NotFoundError):
        return Problem(404, exc.detail)
    if isinstance(exc, NotAllowedError):
        return Problem(403, exc.detail)
    if isinstance(exc, LimitReachedError):
        return Problem(429, exc.detail, headers={"Retry-After": str(exc.seconds)})
    if isinstance(exc, PreconditionFailedError):
        return Problem(412, exc.detail)
    if isinstance(exc, ConflictError):
        return Problem(409, exc.detail, headers={"Retry-After": str(exc.retry_after)} if exc.retry_after else {})
    if isinstance(exc, ProviderCallError):
        return _provider_problem(exc)
    return Problem(400, exc.detail)


def _provider_problem(exc: ProviderCallError) -> Problem:
    """Return 422 for what the provider refuses, 409 for what a person has to set right, 502 for its own failures.

    A provider's limit is no limit of ours, so it is 502 as well, and says when to come back.
    """
    headers = {"Retry-After": str(max(1, ceil(exc.retry_after)))} if exc.retry_after is not None else {}
    status = 422 if exc.result == REFUSED else 409 if exc.result in _TO_BE_SET_RIGHT else 502
    return Problem(status, exc.detail, errors=exc.errors, headers=headers, result=exc.result)


def _request_problem(exc: Exception) -> Problem | None:
    if isinstance(exc, RequestDataTooBig):
        return Problem(413, "The request body is too large.")
    if isinstance(exc, SuspiciousOperation | BadRequest | MultiPartParserError | UnreadablePostError):
        return Problem(400, "The request cannot be read.")
    return None


def _storage_problem(exc: Exception) -> Problem | None:
    """Return the problem of an error below the services. These are logged: a service should have refused earlier."""
    if isinstance(exc, KeyNotAtHandError):
        logger.error("encryption_key_not_at_hand", exc_info=exc)
        return Problem(503, "A stored secret cannot be opened at the moment. Try again later.", headers=_retry_soon())
    if isinstance(exc, UnreadableSecretError):
        logger.error("secret_unreadable", exc_info=exc)
        return Problem(409, "A stored secret no longer opens. Store it again.")
    if isinstance(exc, DataError):
        logger.warning("value_refused_by_database", exc_info=exc)
        return Problem(422, "A value cannot be stored as it is: it is too large or contains a forbidden character.")
    if isinstance(exc, IntegrityError):
        logger.warning("constraint_refused_by_database", exc_info=exc)
        return Problem(409, "The request contradicts what is stored; it may have changed a moment ago.")
    if isinstance(exc, OperationalError | InterfaceError):
        logger.error("database_unavailable", exc_info=exc)
        return Problem(503, "The database did not answer. Try again later.", headers=_retry_soon())
    return None


def _retry_soon() -> dict[str, str]:
    return {"Retry-After": "5"}
