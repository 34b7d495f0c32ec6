"""What the OpenAPI documents say of every operation: how it can fail, what it needs, the headers that it takes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from integrations.api import idempotency, preconditions
from integrations.api.audience import Audience
from integrations.api.problems import CONTENT_TYPE
from integrations.authentication.drf import JWTAuthentication
from integrations.authentication.members import TENANT_HEADER, MemberAuthentication
from integrations.scopes import ANY_CREDENTIAL, AnyOf, Needed

TENANT_PARAMETER = OpenApiParameter("tenant", str, OpenApiParameter.PATH, description="The tenant's id or slug.")

_FAILURES = {
    400: ("BadRequest", "The body is no JSON object, or cannot be read."),
    401: ("Unauthorized", "No valid access token or session."),
    403: ("Forbidden", "Not a platform admin, or one who may only read."),
    404: ("NotFound", "Something that the path names does not exist."),
    409: ("Conflict", "Contradicts what is stored, or what was sent with the same idempotency key."),
    412: ("PreconditionFailed", "Somebody changed it since the answer whose `ETag` is in `If-Match`: load it again."),
    413: ("TooLarge", "The body is too large."),
    415: ("UnsupportedMediaType", "The body is not `application/json`."),
    422: ("WrongFields", "Fields are wrong; `errors` names them."),
    429: ("TooManyRequests", "Too many requests; `Retry-After` says for how many seconds."),
    502: ("BadGateway", "The provider did not do it: `result` says why. `Retry-After` is what the provider says."),
    503: ("Unavailable", "Temporarily unable; try again."),
}
_FAILURES_OF_TENANTS = {
    401: ("Unauthorized", "No valid API key or access token."),
    403: ("Forbidden", "The credential lacks the scope, or the tenant is inactive."),
    429: (
        "TooManyRequests",
        "The key's or the tenant's requests of the hour are used up; wait for `Retry-After` seconds.",
    ),
}


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """How to authenticate with a token; registered by being defined."""

    target_class = JWTAuthentication
    name = "accessToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "From `POST /api/auth/token`.",
        }


class MemberTokenScheme(AccessTokenScheme):
    """How a tenant's member authenticates."""

    target_class = MemberAuthentication

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        about = (
            f"From `POST /api/auth/token`. Who belongs to several tenants names one in the header `{TENANT_HEADER}`."
        )
        return {**super().get_security_definition(auto_schema), "description": about}


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField(default="about:blank")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What went wrong, for a person.")
    instance = serializers.CharField(help_text="The path that was requested.")
    request_id = serializers.CharField(help_text="Find the request in the logs by it.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a declared field; the property stays
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Wrong fields with the reasons; inside of others as `events[3].type`.",
    )
    result = serializers.CharField(
        required=False, help_text="Where a provider was asked: the class of the outcome, or `refused`."
    )


class ProblemAwareSchema(AutoSchema):
    """REST framework's views do not say how they fail; all of ours fail alike, so it is said once."""

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular's own
        return ""  # only what `extend_schema` gives: docstrings speak to whoever reads the code

    def get_override_parameters(self) -> list[Any]:
        return [
            *([TENANT_PARAMETER] if "{tenant}" in self.path else []),
            *super().get_override_parameters(),
            *([idempotency.PARAMETER] if idempotency.remembers(self.view, self.method) else []),
            *([preconditions.PARAMETER] if preconditions.takes_condition(self.view, self.method) else []),
        ]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        needed = getattr(self.view, "scopes", {}).get(self.method) if self._is_for_tenants() else None
        if operation is not None and needed is not None:
            scopes = _scopes(needed)
            operation["x-required-scope"] = scopes
            about = f"Scope: {' or '.join(f'`{scope}`' for scope in scopes)}." if scopes else "Any valid credential."
            operation["description"] = "\n\n".join(filter(None, [operation.get("description"), about]))
        return operation

    def _is_for_tenants(self) -> bool:
        return getattr(self.view, "audience", None) is Audience.TENANT

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._failures():
            bodies.setdefault(str(status), self._failure(status).ref)
        return bodies

    def _failure(self, status: int) -> ResolvedComponent:
        """Return the answer that all operations share for this status."""
        known = {**_FAILURES, **_FAILURES_OF_TENANTS} if self._is_for_tenants() else _FAILURES
        name, meaning = known[status]
        problem = self.resolve_serializer(ProblemSerializer, "response")
        content = {CONTENT_TYPE: {"schema": problem.ref, "example": _example(status, meaning, self.path)}}
        component = ResolvedComponent(
            name, ResolvedComponent.RESPONSE, schema={"description": meaning, "content": content}, object=name
        )
        self.registry.register_on_missing(component)
        return component

    def _failures(self) -> list[int]:
        failures = {503}
        if self.view.get_authenticate_header(self.view.request):
            failures.add(401)
        if self.view.get_authenticators():
            failures.add(403)
        if "{" in self.path:
            failures.add(404)
        if self.method in {"POST", "PUT", "PATCH"}:
            failures |= {400, 413, 415, 422}
            if self.view.get_authenticators():
                failures.add(409)
        elif self._is_list_view():
            failures |= {404, 422}
        if preconditions.takes_condition(self.view, self.method):
            failures |= {412, 422}
        if any(parameter["in"] == "query" for parameter in self._get_parameters()):
            failures.add(422)
        if self._is_for_tenants() or self.view.get_throttles():
            failures.add(429)
        failures |= getattr(self.view, "also_fails_with", frozenset())
        return sorted(failures)


def _scopes(needed: Needed) -> list[str]:
    """Return the scopes of which one is needed; none where any credential will do."""
    if isinstance(needed, AnyOf):
        return sorted(needed)
    return [] if needed is ANY_CREDENTIAL else [str(needed)]


def _example(status: int, meaning: str, path: str) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": meaning,
        "instance": "/api/v1/webhooks" if path.startswith("/api/v1/") else "/api/platform/tenants",
        "request_id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
    }
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        problem |= {"detail": "The request has wrong fields: slug.", "errors": {"slug": ["This field is required."]}}
    return problem
