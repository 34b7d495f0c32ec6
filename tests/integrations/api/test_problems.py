"""How requests fail: with problem details, the right status, and never with a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from pytest_django.fixtures import Settings
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.test import APIClient

from integrations.api.problems import flatten, problem_of
from integrations.encryption.errors import KeyNotAtHandError
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.models import Tenant

TENANTS = "/api/platform/tenants"


def post(api: APIClient, body: bytes | str, content_type: str = "application/json") -> Response:
    return api.post(TENANTS, data=body, content_type=content_type)


def assert_problem(response: Response, status: int) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.content)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"] == response.headers["X-Request-ID"]
    return body


def test_answers_with_all_members_of_problem_details(api: APIClient) -> None:
    response = post(api, json.dumps({"name": "Acme"}))

    body = assert_problem(response, 422)
    assert body == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "The request has wrong fields: slug.",
        "instance": TENANTS,
        "request_id": response.headers["X-Request-ID"],
        "errors": {"slug": ["This field is required."]},
    }


def test_names_unknown_fields_with_the_allowed_ones_beside_other_errors(api: APIClient) -> None:
    body = assert_problem(post(api, '{"nmae": "Acme", "slug": "NOT A SLUG", "id": 1}'), 422)

    assert body["errors"] == {
        "name": ["This field is required."],
        "slug": ["Use lower-case letters, digits and inner hyphens."],
        "nmae": ["There is no such field. Allowed: name, slug, is_active."],
        "id": ["There is no such field. Allowed: name, slug, is_active."],
    }


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "The body is no valid JSON"),
        (b"\xff\xfe", "The body is no valid JSON"),
        (b"{'name': 1}", "The body is no valid JSON"),
        (b'{"name": NaN}', "NaN is not allowed"),
        (b'{"name": -Infinity}', "-Infinity is not allowed"),
        (b'{"name": 1e999}', "a number is too large"),
        (b'{"name": ' + b"9" * 5000 + b"}", "The body is no valid JSON"),
        (b'{"name": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"name": ' + b"[" * 70 + b"]" * 70 + b"}", "nested more than 64 levels"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"\x00", "The body is no valid JSON"),
    ],
)
def test_answers_400_when_the_body_cannot_be_parsed(api: APIClient, raw: bytes, reason: str) -> None:
    assert reason in assert_problem(post(api, raw), 400)["detail"]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (r'{"name": "a\u0000b", "slug": "x"}', "name"),
        (r'{"name": "a\ud800b", "slug": "x"}', "name"),
        (r'{"name": {"deep": ["ok", "\u0000"]}, "slug": "x"}', "name.deep[1]"),
        (r'{"na\u0000me": "x"}', "na\ufffdme"),
    ],
)
def test_answers_422_when_a_text_cannot_be_stored(api: APIClient, raw: str, place: str) -> None:
    assert assert_problem(post(api, raw), 422)["errors"] == {place: ["Contains a character that cannot be stored."]}


def test_accepts_a_surrogate_pair_since_it_is_one_character(api: APIClient) -> None:
    response = post(api, r'{"name": "\ud83d\ude00 \\u0000", "slug": "smile"}')

    assert (response.status_code, response.json()["name"]) == (201, "😀 \\u0000")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", "{}"),
        ("application/x-www-form-urlencoded", "name=Acme&slug=acme"),
        ("multipart/form-data; boundary=x", "--x\r\nbroken"),
        ("multipart/form-data", "no boundary"),
        ("garbage", "{}"),
        (";;;", "{}"),
        ("application/json;charset=nonsense", '{"name": 3'),
    ],
)
def test_refuses_what_is_no_json(api: APIClient, content_type: str, body: str) -> None:
    response = post(api, body, content_type)

    assert_problem(response, 400 if content_type.startswith("application/json") else 415)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_answers_a_broken_form_of_a_session_without_failing(
    anonymous_api: APIClient, platform_admin: Any, content_type: str
) -> None:
    anonymous_api.handler.enforce_csrf_checks = True
    anonymous_api.force_login(platform_admin)

    response = anonymous_api.post(TENANTS, data="--x\r\nbroken", content_type=content_type)

    assert response.status_code in {400, 403, 415}


def test_answers_413_when_the_body_is_too_large(api: APIClient, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    assert_problem(post(api, json.dumps({"name": "x" * 200, "slug": "x"})), 413)
    assert not Tenant.objects.exists()


def test_answers_411_when_the_body_comes_in_chunks(api: APIClient, tenant: Tenant) -> None:
    response = api.generic("PATCH", f"{TENANTS}/acme", b"", HTTP_TRANSFER_ENCODING="chunked")

    assert_problem(response, 411)


def test_answers_401_with_a_challenge_when_there_is_no_token(db: None, anonymous_api: APIClient) -> None:
    response = anonymous_api.get(TENANTS)

    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="signalbox"'


def test_answers_405_when_the_method_is_not_allowed(api: APIClient) -> None:
    response = api.put(TENANTS, {})

    assert_problem(response, 405)
    assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_answers_406_when_no_format_suits(api: APIClient) -> None:
    assert_problem(api.get(TENANTS, HTTP_ACCEPT="text/html"), 406)


@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/api/",
        "/api/platform/tenants/",
        "/api/platform/tenants/none",
        "/api/platform/tenants/00000000-0000-0000-0000-000000000000",
        "/api/platform/tenants/%00",
        "/api/platform/tenants/%ff%fe",
        "/api/platform/tenants/%ED%A0%80",
        "/api/platform/tenants/" + "a" * 5000,
        "/api/platform/tenants/{018f}",
        "/api/platform/tenants?page=0",
        "/api/platform/tenants?page=2",
        "/api/platform/tenants?page=" + "9" * 5000,
        "/api/platform/tenants?page=%00",
    ],
)
def test_answers_404_when_there_is_nothing(api: APIClient, path: str) -> None:
    assert_problem(api.get(path), 404)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=" + "9" * 5000, "page_size"),
        ("page_size=%D9%A3", "page_size"),
        ("page_size=ten", "page_size"),
        ("is_active=maybe", "is_active"),
        ("is_active=%00", "is_active"),
        ("search=%00", "search"),
        ("ordering=password", "ordering"),
        ("ordering=%00", "ordering"),
    ],
)
def test_answers_422_when_the_query_is_wrong(api: APIClient, query: str, field: str) -> None:
    assert list(assert_problem(api.get(f"{TENANTS}?{query}"), 422)["errors"]) == [field]


def test_answers_unknown_addresses_outside_the_api_with_a_plain_page(client: Any, db: None) -> None:
    response = client.get("/nothing<script>")

    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"<script>" not in response.content


def test_answers_a_foreign_host_name_with_a_problem(api: APIClient) -> None:
    assert_problem(api.get(TENANTS, HTTP_HOST="evil.example"), 400)


def test_answers_500_as_a_problem_without_the_exceptions_text(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("integrations.api.tenants.create_tenant", fail)
    api.raise_request_exception = False

    response = api.post(TENANTS, {"name": "Acme", "slug": "acme"})

    assert "secret detail" not in json.dumps(assert_problem(response, 500))


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (NotFoundError("No such webhook."), 404, "No such webhook."),
        (ConflictError("Taken."), 409, "Taken."),
        (InvalidInputError({"url": ["Must be https."]}), 422, "The request has wrong fields: url."),
        (DjangoValidationError({"name": ["Too long."]}), 422, "The request has wrong fields: name."),
        (DjangoValidationError("Wrong."), 422, "The request has wrong fields: non_field_errors."),
        (Http404("No Tenant matches"), 404, "There is nothing here."),
        (PermissionDenied("internal"), 403, "You are not allowed to do this."),
        (RequestDataTooBig("x"), 413, "The request body is too large."),
        (SuspiciousOperation("x"), 400, "The request cannot be read."),
        (exceptions.PermissionDenied("Only for admins."), 403, "Only for admins."),
        (exceptions.UnsupportedMediaType("a/b"), 415, 'Unsupported media type "a/b" in request.'),
        (KeyNotAtHandError("no key"), 503, "A stored secret cannot be opened at the moment. Try again later."),
        (IntegrityError("key (a)=(b)"), 409, None),
        (DataError("integer out of range"), 422, None),
        (OperationalError("connection refused"), 503, None),
        (InterfaceError("connection already closed"), 503, None),
    ],
)
def test_maps_each_error_to_its_status(error: Exception, status: int, detail: str | None) -> None:
    problem = problem_of(error)

    assert problem is not None
    assert problem.status == status
    assert str(error) not in problem.detail or problem.detail == detail
    assert detail is None or problem.detail == detail


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("bug"), ValueError("bug")])
def test_maps_mistakes_of_ours_to_nothing(error: Exception) -> None:
    assert problem_of(error) is None


def test_says_when_to_come_back_when_throttled() -> None:
    problem = problem_of(exceptions.Throttled(wait=12.4))

    assert problem is not None
    assert (problem.status, problem.headers) == (429, {"Retry-After": "13"})


@pytest.mark.parametrize(
    ("detail", "flat"),
    [
        ({"name": ["a", "b"]}, {"name": ["a", "b"]}),
        ({"events": [{}, {}, {}, {"type": ["bad"]}]}, {"events[3].type": ["bad"]}),
        ({"events": {3: ["bad"]}}, {"events[3]": ["bad"]}),
        ({"a": {"b": {"c": ["bad"]}}}, {"a.b.c": ["bad"]}),
        ({"non_field_errors": ["bad"]}, {"non_field_errors": ["bad"]}),
        ({"a": {"non_field_errors": ["bad"]}}, {"a": ["bad"]}),
        (["bad"], {"non_field_errors": ["bad"]}),
    ],
)
def test_flattens_nested_errors_to_places(detail: object, flat: dict[str, list[str]]) -> None:
    assert flatten(detail) == flat


def test_names_at_most_a_hundred_errors() -> None:
    assert len(flatten({f"field{number}": ["bad"] for number in range(500)})) == 100
