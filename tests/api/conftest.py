from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.test import APIClient

from integrations.encryption.data_keys import forget_data_keys
from integrations.isolation.guard import is_armed
from integrations.models import Tenant, User
from integrations.providers.client import ProviderClient
from integrations.providers.outcome import ProviderError, Result
from tests.api.credentials import Doors, Headers
from tests.api.noting import let_providers_note
from tests.api.objects import BODIES
from tests.api.operations import Operation

Ask = Callable[[Operation, str, Headers], Any]


@pytest.fixture
def doors(tenant: Tenant, other_tenant: Tenant, platform_admin: User) -> Doors:
    return Doors(tenant, other_tenant, platform_admin)


@pytest.fixture(autouse=True)
def _providers_are_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that are right would have real providers asked, with made-up credentials."""

    def no_network(client: ProviderClient, *_: Any, **__: Any) -> Any:
        raise ProviderError(Result.NETWORK, f"No connection to {client.provider.label}.")

    monkeypatch.setattr(ProviderClient, "exchange", no_network)


@pytest.fixture(autouse=True)
def _actions_that_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    let_providers_note(monkeypatch)


@pytest.fixture(autouse=True)
def _platforms_oauth_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an app nobody can begin to connect."""
    monkeypatch.setenv("SIGNALBOX_GITHUB_CLIENT_ID", "Iv1.0123456789abcdef")
    monkeypatch.setenv("SIGNALBOX_GITHUB_CLIENT_SECRET", "example-client-secret-for-documentation")


@pytest.fixture(autouse=True)
def _platforms_sms_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an account nobody can send a message."""
    monkeypatch.setenv("SIGNALBOX_TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("SIGNALBOX_TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("SIGNALBOX_TWILIO_PHONE_NUMBER", "+15005550006")


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Make the request of an operation, with a body that it takes. Nobody waits for an engine, which does not run."""
    monkeypatch.setattr("webhooks.services.waiting._places", threading.BoundedSemaphore(0))
    monkeypatch.setattr("webhooks.services.calls.check_wait", lambda seconds: None)

    def ask(operation: Operation, path: str, headers: Headers) -> Any:
        forget_data_keys()  # what is read from memory shows no query outside of the scope
        body = json.dumps(BODIES.get(str(operation), {}))
        answer = APIClient().generic(operation.method, path, body, content_type="application/json", **headers)
        # What is written while it is sent is read to its end, as a client does: the guard watches until then.
        if answer.streaming:
            answer = HttpResponse(answer.getvalue(), status=answer.status_code, headers=answer.headers)
        return answer

    return ask


@pytest.fixture(params=[True, False], ids=["with filters", "without filters"])
def filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as it is, and once with every `tenant=` of a queryset's filters forgotten: the database knows all the same."""
    if request.param:
        return
    with_filters = QuerySet._filter_or_exclude

    def without_filters(queryset: Any, negate: bool, args: Any, conditions: dict[str, Any]) -> Any:
        if is_armed():
            conditions = {name: value for name, value in conditions.items() if name not in {"tenant", "tenant_id"}}
        return with_filters(queryset, negate, args, conditions)

    monkeypatch.setattr(QuerySet, "_filter_or_exclude", without_filters)


@pytest.fixture
def api_of() -> Callable[[Headers], APIClient]:
    """Give a client that carries these credentials."""

    def make(headers: Headers) -> APIClient:
        client = APIClient()
        client.credentials(**headers)
        return client

    return make
