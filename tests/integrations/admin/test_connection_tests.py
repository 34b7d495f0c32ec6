"""“Test connection” beside the form, on the add form, and as an action of the list."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import responses
from django.test import Client
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.admin.connection_tests import lines_of
from integrations.models import Integration, Tenant, User
from integrations.services.integrations import create_integration
from tests.integrations.providers.tiny import use_tiny_provider

NEW = "/admin/integrations/integration/test-connection/"
ADD = "/admin/integrations/integration/add/"
LIST = "/admin/integrations/integration/"
TOKEN = "EAATestAccessTokenThatIsLongEnoughToMask123456789"
WHATSAPP = {"phone_number_id": "109876543210987", "access_token": TOKEN}
GRAPH = re.compile(r"https://graph\.facebook\.com/v23\.0/109876543210987.*")
NUMBER = {"id": "109876543210987", "display_phone_number": "+1 650-555-1234", "verified_name": "Acme"}


@pytest.fixture(autouse=True)
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(GRAPH, json=NUMBER)
        yield mock


@pytest.fixture
def whatsapp(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=WHATSAPP)


def form(**values: str) -> dict[str, str]:
    filled = {f"config_{name}": value for name, value in WHATSAPP.items()}
    return {"name": "WhatsApp", "enabled": "on", "metadata": "{}", **filled, **values}


def test_url(integration: Integration) -> str:
    return reverse("admin:integrations_integration_test", args=[integration.pk])


test_url.__test__ = False


def test_new_form_is_tested_without_being_saved(admin_client: Client, tenant: Tenant) -> None:
    answer = admin_client.post(NEW, form(tenant=str(tenant.id), provider="whatsapp"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert (body["success"], body["result"], body["tone"], body["cached"]) == (True, "ok", "good", False)
    assert body["message"] == "Connected as Acme (+1 650-555-1234)."
    assert not Integration.objects.exists()


def test_change_form_is_tested_as_it_stands_with_the_stored_secrets(
    admin_client: Client, whatsapp: Integration, graph: responses.RequestsMock
) -> None:
    body = admin_client.post(test_url(whatsapp), form(config_access_token="")).json()
    assert body["success"] is True
    assert graph.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert Integration.objects.get().health == "ok"

    graph.replace("GET", GRAPH, status=401, json={"error": {"code": 190, "message": "Bad token"}})
    body = admin_client.post(test_url(whatsapp), form(config_access_token="EAAanothertoken")).json()
    assert (body["result"], body["tone"]) == ("bad_credentials", "bad")
    assert Integration.objects.get().health == "ok"  # of what is stored, this says nothing


def test_wrong_fields_are_named(admin_client: Client, whatsapp: Integration, tenant: Tenant) -> None:
    answer = admin_client.post(test_url(whatsapp), form(config_phone_number_id="+1"))
    assert (answer.json()["message"], "result" in answer.json()) == ("The form has wrong fields.", False)
    assert list(answer.json()["errors"]) == ["phone_number_id"]
    answer = admin_client.post(NEW, form(tenant=str(tenant.id), provider="whatsapp", config_access_token=""))
    assert answer.json()["errors"] == {"access_token": ["This field is required."]}
    for missing in ({"tenant": ""}, {"provider": "telegraph"}):
        answer = admin_client.post(NEW, form(**{"tenant": str(tenant.id), "provider": "whatsapp", **missing}))
        assert list(answer.json()["errors"]) == list(missing)


def test_only_who_may_change_may_test_and_only_by_post(
    client: Client, admin_client: Client, whatsapp: Integration, platform_admin: User
) -> None:
    assert admin_client.get(test_url(whatsapp)).status_code == 405
    assert client.post(test_url(whatsapp), form()).status_code == 302
    with_csrf_checks = Client(enforce_csrf_checks=True)
    with_csrf_checks.force_login(platform_admin)
    assert with_csrf_checks.post(test_url(whatsapp), form()).status_code == 403


def test_forms_show_the_button_where_the_provider_can_be_tested(
    admin_client: Client, whatsapp: Integration, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = admin_client.get(reverse("admin:integrations_integration_change", args=[whatsapp.pk])).content.decode()
    assert f'data-test-url="{test_url(whatsapp)}"' in change
    assert "signalbox/connection_test.js" in change
    assert 'role="status" aria-live="polite"' in change
    add = admin_client.get(ADD, {"tenant": str(tenant.id), "provider": "n8n"}).content.decode()
    assert f'data-test-url="{NEW}" data-provider="n8n" data-tenant="{tenant.id}"' in add
    use_tiny_provider(monkeypatch)
    add = admin_client.get(ADD, {"tenant": str(tenant.id), "provider": "tiny"}).content.decode()
    assert "data-test-url" not in add


def test_change_form_shows_the_last_test(admin_client: Client, whatsapp: Integration) -> None:
    url = reverse("admin:integrations_integration_change", args=[whatsapp.pk])
    assert "Not tested since these credentials were entered." in admin_client.get(url).content.decode()
    admin_client.post(test_url(whatsapp), form(config_access_token=""))
    shown = admin_client.get(url).content.decode()
    assert '<span class="badge badge-good">ok</span> Connected as Acme (+1 650-555-1234).' in shown


def test_action_tests_what_was_chosen(
    admin_client: Client, whatsapp: Integration, other_tenant: Tenant, admin_actor: Actor, graph: responses.RequestsMock
) -> None:
    n8n = create_integration(
        actor=admin_actor, tenant=other_tenant, provider="n8n", values={"base_url": "https://n8n.example.com/webhook"}
    )
    graph.get(re.compile("https://n8n.*"), status=503)
    chosen = {"action": "check_connections", "_selected_action": [str(whatsapp.pk), str(n8n.pk)]}
    page = admin_client.post(LIST, chosen, follow=True).content.decode()
    assert "WhatsApp of Acme: Connected as Acme (+1 650-555-1234)." in page
    assert "N8n of Other: n8n has a problem of its own (503 Service Unavailable)." in page
    assert {row.provider: row.health for row in Integration.objects.all()} == {"whatsapp": "ok", "n8n": "degraded"}


def test_action_leaves_to_the_sweep_what_would_take_too_long(
    admin_client: Client, whatsapp: Integration, graph: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.admin.connection_tests._ACTION_SECONDS", 0.0)
    due = Integration.objects.get().test_due_at
    page = admin_client.post(
        LIST, {"action": "check_connections", "_selected_action": [str(whatsapp.pk)]}, follow=True
    ).content.decode()
    assert "1 more will be tested within a minute or so." in page
    assert len(graph.calls) == 0
    assert Integration.objects.get().test_due_at > due


def test_without_a_script_the_answer_is_a_page(admin_client: Client, tenant: Tenant, whatsapp: Integration) -> None:
    as_a_browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    new = form(tenant=str(tenant.id), provider="whatsapp")
    page = admin_client.post(NEW, new, headers=as_a_browser)
    html = page.content.decode()
    assert (page.status_code, page.templates[0].name) == (200, "admin/integrations/integration/tested.html")
    assert '<span class="badge badge-good">ok</span>' in html
    assert "<dt>quality rating</dt>" not in html  # this number has none
    assert "<dt>verified name</dt><dd>Acme</dd>" in html
    assert TOKEN not in html

    page = admin_client.post(test_url(whatsapp), form(config_phone_number_id="+1"), headers=as_a_browser)
    assert "<dt>phone_number_id</dt><dd>Digits only" in page.content.decode()


def test_names_and_values_of_an_answer_are_put_into_words() -> None:
    answer = {"result": "ok", "data": {"timeZone": "UTC", "has_workflows": True, "scopes": [], "roles": ["a", "b"]}}
    assert lines_of(answer) == [("time zone", "UTC"), ("has workflows", "yes"), ("scopes", "none"), ("roles", "a, b")]
