"""Every page of the admin, found in the URL configuration, against every platform role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from analytics.alerts.models import AlertChannel
from integrations.models import Integration, User
from tests.config.platform_scene import Scene, client_of, difference, everything_stored, make_scene, staff
from tests.config.test_admin_lists import ROWS
from webhooks.models import Webhook

OWN_ACCOUNT = {"logout", "password_change", "two_step", "jsi18n"}
OPEN = {"login", "log_in_code"}
# Auditors open these; the forms that add and delete are closed to them, and other pages of a model may be.
READABLE = re.compile(
    r"^$|_changelist$|(?<!password)_change$|_history$|dashboard(_data)?$|^(index|two_step|password_change|password_change_done)$"
)
NEVER_READABLE = re.compile(r"_add$|_delete$|^webhooks_webhook_(test|playground|recover|secret|rotate|derived_url)$")
MODELS = {f"{model._meta.app_label}/{model._meta.model_name}": model for model in admin.site._registry}


def routes() -> list[tuple[str, str]]:
    """Return the route and the name of every page of the admin but its catch-all."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif "^" not in route and "(?P" not in route:
                yield route, pattern.name or ""

    return list(walk(admin.site.urls[0], ""))


ROUTES = routes()
IDS = [route or "index" for route, _ in ROUTES]


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def address_of(route: str, scene: Scene) -> str:
    """Fill a route in: with the scene's objects, else with a row that the test of lists knows how to make."""
    filled = route
    if "<" in route:
        model = MODELS.get("/".join(route.split("/")[:2]))
        known: dict[Any, Any] = {
            Integration: scene.integration,
            Webhook: scene.webhook,
            AlertChannel: scene.channel,
        }
        row = known.get(model) or (ROWS[model](7) if model is not None else scene.tenant)
        filled = re.sub(r"<[^>]+>", str(row.pk), route)
    return f"/admin/{filled}"


def test_finds_the_pages_of_every_model() -> None:
    names = {name for _, name in ROUTES}
    for model in admin.site._registry:
        assert f"{model._meta.app_label}_{model._meta.model_name}_changelist" in names
    assert {"index", "webhooks_webhook_test", "two_step", "log_in_code"} <= names
    assert {"dashboard_data", "tenant_dashboard", "tenant_dashboard_data"} <= names


@pytest.mark.parametrize(("route", "name"), ROUTES, ids=IDS)
def test_auditor_changes_nothing_by_any_form(scene: Scene, route: str, name: str) -> None:
    address = address_of(route, scene)
    client = client_of(staff("auditor"))
    before = everything_stored()

    answers = [
        client.post(address, body)
        for body in (
            {},
            {"post": "yes", "_save": "Save", "name": "Changed", "is_active": "", "username": "changed"},
            {"action": "delete_selected", "_selected_action": [str(scene.webhook.pk)], "post": "yes"},
            {"action": "disable", "_selected_action": [str(scene.webhook.pk)]},
        )
    ]

    if name not in OWN_ACCOUNT | OPEN:
        assert {answer.status_code for answer in answers} == {403}
    assert difference(before, everything_stored()) == []


@pytest.mark.parametrize(("route", "name"), ROUTES, ids=IDS)
def test_auditor_reads_without_seeing_a_secret(scene: Scene, route: str, name: str) -> None:
    client = client_of(staff("auditor"))

    answer = client.get(address_of(route, scene), follow=True)

    allowed = {403} if NEVER_READABLE.search(name) else {200} if READABLE.search(name) else {200, 403, 404, 405}
    assert answer.status_code in allowed
    page = answer.content.decode()
    assert [trace for trace in scene.traces_of_secrets() if trace in page] == []


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_auditor_opens_every_object_and_finds_no_button(scene: Scene, model: Any) -> None:
    client = client_of(staff("auditor"))
    route = f"{model._meta.app_label}/{model._meta.model_name}/"

    listed = client.get(f"/admin/{route}").content.decode()
    shown = client.get(address_of(f"{route}<path:object_id>/change/", scene))

    assert shown.status_code == 200
    for page in (listed, shown.content.decode()):
        assert 'name="_save"' not in page
        assert "addlink" not in page
        assert "deletelink" not in page
        assert 'name="action"' not in page
        assert set(re.findall(r'method="post" action="([^"]*)"', page)) <= {reverse("admin:logout")}


@pytest.mark.parametrize("route", [route for route, _ in ROUTES if route.startswith("integrations/user/")])
def test_operator_changes_no_person(scene: Scene, route: str) -> None:
    address = address_of(route, scene)
    client = client_of(staff("operator"))
    before = everything_stored()

    for body in (
        {"username": "changed", "platform_role": "owner", "_save": "Save"},
        {"action": "reset_two_step_log_in", "_selected_action": [str(User.objects.get(username="sam").pk)]},
        {"password1": "another long passphrase", "password2": "another long passphrase", "usable_password": "true"},
    ):
        assert client.post(address, body).status_code in {200, 302, 403}

    assert difference(before, everything_stored()) == []


@pytest.mark.parametrize("role", ["owner", "operator"])
def test_owner_and_operator_change_tenants_and_see_secrets_masked(scene: Scene, role: str) -> None:
    client = client_of(staff(role))

    page = client.get(reverse("admin:integrations_integration_change", args=[scene.integration.pk])).content.decode()
    assert "EAATestAcc***456789" in page
    assert 'name="_save"' in page
    client.post(reverse("admin:integrations_tenant_add"), {"name": "Fabrikam", "slug": "fabrikam"})
    scene.tenant.refresh_from_db()
    assert (
        client.get(reverse("admin:integrations_tenant_changelist") + "?q=fabrikam").content.decode().count("Fabrikam")
    )


def test_everybody_without_a_role_is_sent_to_the_log_in(scene: Scene) -> None:
    client = client_of(User.objects.create_user("clerk", is_staff=True))
    for route, name in ROUTES:
        if name not in OPEN | {"logout"}:
            answer = client.get("/admin/" + re.sub(r"<[^>]+>", str(scene.tenant.pk), route))
            assert answer.status_code == 302, route
            assert answer.headers["Location"].startswith("/admin/login/")
