"""Every address of the platform API, found in the URL configuration, against every platform role."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from integrations.authentication.tokens import issue_tokens
from integrations.models import User
from integrations.services.integrations import create_integration
from tests.config.platform_scene import ACTOR, Scene, difference, everything_stored, make_scene, staff
from webhooks.services.webhooks import create_webhook

NOBODY = "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"
# What stands for each parameter of a path. Objects that hold no secret may be missing: 404 is as good an answer.
OBJECTS: dict[str, Callable[[Scene], str]] = {
    "tenant": lambda scene: scene.tenant.slug,
    "slot": lambda scene: scene.integration.slot,
    "integration": lambda scene: str(scene.integration.pk),
    "webhook": lambda scene: str(scene.webhook.pk),
    "channel": lambda scene: str(scene.channel.pk),
}
WITHOUT_SECRETS = {
    *(
        "key",
        "action",
        "delivery",
        "recovery",
        "event",
        "call",
        "provider",
        "member",
        "membership",
        "invitation",
        "message",
        "receiver",
        "redaction_rule",
        "rule",
        "version",
    ),
}


def routes() -> list[str]:
    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield route

    return [route for route in walk(get_resolver().url_patterns, "/") if route.startswith("/api/platform/")]


ROUTES = routes()


def address_of(route: str, scene: Scene) -> str:
    def fill(parameter: re.Match[str]) -> str:
        name = parameter[1].rpartition(":")[2]
        if name in OBJECTS:
            return OBJECTS[name](scene)
        assert name in WITHOUT_SECRETS, f"Say in this module what stands for <{name}> in {route}."
        return NOBODY

    return re.sub(r"<([^>]+)>", fill, route)


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("route", ROUTES)
def test_auditor_is_refused_and_changes_nothing(scene: Scene, route: str, method: str) -> None:
    client = client_of(staff("auditor"))
    before = everything_stored()

    answer = getattr(client, method)(address_of(route, scene), {"name": "Changed"})

    assert (answer.status_code, answer.json()["detail"]) == (403, "Auditors may read, but change nothing.")
    assert difference(before, everything_stored()) == []


@pytest.mark.parametrize("route", ROUTES)
def test_auditor_reads_without_seeing_a_secret(scene: Scene, route: str) -> None:
    client = client_of(staff("auditor"))
    before = everything_stored()

    answer = client.get(address_of(route, scene))
    page = answer.getvalue().decode()  # of what is written while it is sent, too

    if route.endswith("/secret"):
        assert (answer.status_code, answer.json()["detail"]) == (403, "Auditors may see no secret.")
    assert answer.status_code in {200, 403, 404, 405}, page
    assert [trace for trace in scene.traces_of_secrets() if trace in page] == []
    assert difference(before, everything_stored()) == []


def test_auditor_sees_that_something_is_stored(scene: Scene) -> None:
    client = client_of(staff("auditor"))

    integration = client.get("/api/platform/tenants/northwind/integrations/whatsapp").json()
    webhook = client.get("/api/platform/tenants/northwind/webhooks/orders").json()
    listed = client.get("/api/platform/tenants/northwind/webhooks").json()["results"]

    assert (integration["access_token"], integration["webhook_verify_token"]) == ("hidden", None)
    assert integration["phone_number_id"] == "109876543210987"
    assert (webhook["url"], webhook["auth_token"], webhook["headers"]) == ("hidden", "hidden", {"X-Key": "hidden"})
    assert listed == [webhook]


def test_auditor_sees_no_derived_address_either(scene: Scene) -> None:
    values = {"base_url": "https://n8n.example.com/webhook/derived-from-this"}
    create_integration(actor=ACTOR, tenant=scene.tenant, provider="n8n", values=values)
    create_webhook(actor=ACTOR, tenant=scene.tenant, workflow_name="leads")

    answer = client_of(staff("auditor")).get("/api/platform/tenants/northwind/webhooks/leads").json()

    assert (answer["url"], answer["url_derived"]) == ("hidden", True)


@pytest.mark.parametrize("role", ["owner", "operator"])
def test_owner_and_operator_see_secrets_masked_and_read_the_signing_secret(scene: Scene, role: str) -> None:
    client = client_of(staff(role))

    webhook = client.get("/api/platform/tenants/northwind/webhooks/orders").json()
    assert (webhook["url"], webhook["auth_token"]) == (scene.webhook.url.reveal(), "bearer-tha***456789")
    secret = client.get("/api/platform/tenants/northwind/webhooks/orders/secret").json()["signing_secret"]
    assert secret == scene.webhook.signing_secret.reveal()
    assert client.patch("/api/platform/tenants/northwind", {"name": "Renamed"}).status_code == 200


def test_the_admins_session_of_an_auditor_is_refused_as_well(scene: Scene) -> None:
    client = APIClient()
    client.force_login(staff("auditor"))

    assert client.get("/api/platform/tenants").status_code == 200
    assert client.post("/api/platform/tenants", {"name": "A", "slug": "a"}).status_code == 403
