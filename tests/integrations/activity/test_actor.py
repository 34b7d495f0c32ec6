from __future__ import annotations

import pytest
import structlog
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.activity.models import ActorKind
from integrations.models import ActivityLog, User


def test_takes_address_and_id_from_the_request(platform_admin: User) -> None:
    request = RequestFactory().get("/")
    request.client_address, request.request_id = "192.0.2.7", "r-1"  # type: ignore[attr-defined]

    actor = Actor.of(platform_admin, request)

    assert actor == Actor(ActorKind.USER, platform_admin.pk, "ada", "192.0.2.7", "r-1")
    assert actor.user_id == platform_admin.pk


def test_takes_address_and_id_from_the_context_when_there_is_no_request(platform_admin: User) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-2", client_address="192.0.2.8"):
        actor = Actor.of(platform_admin)

    assert (actor.address, actor.request_id) == ("192.0.2.8", "r-2")


def test_has_neither_outside_of_a_request(platform_admin: User) -> None:
    assert Actor.of(platform_admin) == Actor(ActorKind.USER, platform_admin.pk, "ada", None, "")


def test_the_system_acts_under_the_name_of_its_part() -> None:
    actor = Actor.system("retention")

    assert actor == Actor(ActorKind.SYSTEM, None, "retention", None, "")
    assert actor.user_id is None


def test_nobody_acts_anonymously() -> None:
    with pytest.raises(ValueError, match="anonymous"):
        Actor.of(AnonymousUser())


def test_a_request_is_recorded_with_its_address_and_id(api: APIClient) -> None:
    response = api.post("/api/platform/tenants", {"name": "Acme", "slug": "acme"}, REMOTE_ADDR="192.0.2.9")

    entry = ActivityLog.objects.get()
    assert (entry.actor_address, entry.request_id) == ("192.0.2.9", response.headers["X-Request-ID"])
