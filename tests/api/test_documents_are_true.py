"""The OpenAPI documents, tried with generated requests: no 5xx, no status, type or body that is not documented."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Role
from integrations.scopes import ALL
from integrations.services.tenants import create_tenant
from tests.api.credentials import Doors, Headers, token_of
from tests.api.fuzzing import Fuzzer, Values
from tests.api.objects import make_objects

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fuzz]


@pytest.fixture(autouse=True)
def _without_limits_and_waiting(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TENANT_REQUESTS_PER_HOUR = None
    monkeypatch.setattr("webhooks.services.waiting._places", threading.BoundedSemaphore(0))


@pytest.mark.parametrize("caller", ["key", "owner"])
def test_answers_tenants_as_documented(caller: str, doors: Doors) -> None:
    callers: dict[str, Callable[[], Headers]] = {
        "key": lambda: doors.key([ALL], rate_limit=1_000_000),
        "owner": lambda: doors.member(Role.OWNER),
    }

    def prepare(names: list[str]) -> Values:
        return make_objects(names, doors.tenant, doors.actor)

    fuzzer = Fuzzer("/api/v1/openapi.json", headers=_http(callers[caller]()), prepare=prepare)

    assert "\n\n".join(fuzzer.problems()) == ""


def test_answers_platform_admins_as_documented(doors: Doors) -> None:
    numbers = iter(range(1000))

    def prepare(names: list[str]) -> Values:
        # One of its own for each operation: some delete it.
        tenant = create_tenant(actor=doors.actor, name="Fuzzed", slug=f"fuzzed-{next(numbers)}")
        return {
            "tenant": tenant.slug,
            **make_objects([name for name in names if name != "tenant"], tenant, doors.actor),
        }

    fuzzer = Fuzzer("/api/schema?format=json", headers=_http(token_of(doors.admin)), prepare=prepare)

    assert "\n\n".join(fuzzer.problems()) == ""


def _http(headers: Headers) -> dict[str, str]:
    return {"Authorization": headers["HTTP_AUTHORIZATION"]}
