"""“Actions” on an integration's page: who may run them, with what, and what the page is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses
from django.test import Client
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Integration, Tenant
from integrations.services.integrations import change_integration, create_integration
from tests.config.platform_scene import client_of, staff
from tests.integrations.providers.acting import KEY, THINGS, use_acting_provider


@pytest.fixture(autouse=True)
def _acting(monkeypatch: pytest.MonkeyPatch) -> None:
    use_acting_provider(monkeypatch)


@pytest.fixture(autouse=True)
def provider_api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(THINGS, json={"id": 7, "said": KEY})
        yield mock


@pytest.fixture
def stored(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="acting", values={"api_key": KEY})


def page_of(integration: Integration) -> str:
    return reverse("admin:integrations_integration_change", args=[integration.pk])


def address(integration: Integration, action: str = "make_thing") -> str:
    return reverse("admin:integrations_integration_action", args=[integration.pk, action])


def form(*switched_on: str) -> dict[str, object]:
    return {"name": "Acting", "enabled": "on", "metadata": "{}", "capabilities": list(switched_on)}


def test_page_has_a_form_for_each_action(admin_client: Client, stored: Integration) -> None:
    page = admin_client.get(page_of(stored)).content.decode()
    assert f'action="{address(stored)}"' in page
    assert f'action="{address(stored, "say")}"' in page
    assert 'id="id_make_thing_size"' in page
    assert "signalbox/provider_actions.js" in page
    assert "disabled" not in page.partition('class="provider-actions"')[2]


def test_runs_with_what_was_entered(
    admin_client: Client, stored: Integration, provider_api: responses.RequestsMock
) -> None:
    answer = admin_client.post(address(stored), {"name": "Lamp", "size": "", "is_bright": "true", "other": "x"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == {
        "result": "ok",
        "tone": "good",
        "message": "Make a thing: done.",
        "data": {"thing_id": "7", "said": "***", "is_new": True, "shared": False},
    }
    assert provider_api.calls[0].request.body == b'{"size": "1", "name": "Lamp", "is_bright": "true"}'
    assert ActivityLog.objects.get(verb="integration.action_run").actor_name == "ada"


def test_wrong_fields_and_the_providers_words_are_shown(
    admin_client: Client, stored: Integration, provider_api: responses.RequestsMock
) -> None:
    wrong = admin_client.post(address(stored), {"name": " ", "size": "large"}).json()
    assert wrong == {
        "message": "The form has wrong fields.",
        "errors": {"name": ["This field is required."], "size": ["A number of at most three digits."]},
    }
    provider_api.replace("POST", THINGS, status=429)
    limited = admin_client.post(address(stored), {"name": "Lamp"}).json()
    assert (limited["result"], limited["tone"]) == ("rate_limited", "warning")
    provider_api.replace("POST", THINGS, status=422, json={"error": "taken"})
    refused = admin_client.post(address(stored), {"name": "Lamp"}).json()
    assert (refused["result"], refused["tone"]) == ("refused", "bad")
    assert refused["errors"] == {"name": ["Acting refuses the name: taken."]}
    unknown = admin_client.post(address(stored, "fly"), {}).json()
    assert unknown == {"message": "Acting has no such action. It has: make_thing, say.", "errors": {}}


def test_boxes_switch_actions_and_capabilities(
    admin_client: Client, stored: Integration, provider_api: responses.RequestsMock
) -> None:
    page = admin_client.get(page_of(stored)).content.decode()
    boxes = page.partition("id_capabilities")[2].partition("</fieldset>")[0]
    assert boxes.count("checked") == 3
    saved = admin_client.post(page_of(stored), form("notify", "say"))
    assert saved.status_code == 302
    assert Integration.objects.get().disabled_capabilities == ["make_thing"]
    section = admin_client.get(page_of(stored)).content.decode().partition('class="provider-actions"')[2]
    assert section.count("disabled") == 1
    off = admin_client.post(address(stored), {"name": "Lamp"}).json()
    assert off["message"].startswith("make_thing is switched off for Acting")
    assert len(provider_api.calls) == 0
    admin_client.post(page_of(stored), form("notify", "make_thing", "say"))
    assert Integration.objects.get().disabled_capabilities == []


def test_provider_with_nothing_to_switch_has_no_boxes(admin_client: Client, tenant: Tenant, admin_actor: Actor) -> None:
    values = {"base_url": "https://n8n.example.com/webhook"}
    n8n = create_integration(actor=admin_actor, tenant=tenant, provider="n8n", values=values)
    page = admin_client.get(page_of(n8n)).content.decode()
    assert "id_capabilities" not in page
    assert "provider-actions" not in page
    assert (
        admin_client.post(
            page_of(n8n), {"name": "n8n", "metadata": "{}", "config_base_url": values["base_url"]}
        ).status_code
        == 302
    )


def test_auditors_see_what_is_on_and_run_nothing(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    change_integration(actor=admin_actor, integration=stored, values={}, capabilities={"say": False})
    client = client_of(staff("auditor"))
    page = client.get(page_of(stored)).content.decode()
    assert "notify, make_thing" in page
    assert "provider-actions" not in page
    assert client.post(address(stored), {"name": "Lamp"}).status_code == 403
    assert len(provider_api.calls) == 0


def test_get_runs_nothing(admin_client: Client, stored: Integration, provider_api: responses.RequestsMock) -> None:
    assert admin_client.get(address(stored)).status_code == 405
    assert len(provider_api.calls) == 0
