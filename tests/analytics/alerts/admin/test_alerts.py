from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics.alerts.models import Alert
from integrations.models import Tenant, User
from tests.analytics.alerts.alert_steps import email_channel, make_alert, notice
from tests.config.platform_scene import client_of


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    return client_of(platform_admin)


def page_of(client: Client, alert: Alert) -> str:
    return client.get(reverse("admin:alerts_alert_change", args=[alert.pk])).content.decode()


def test_page_says_what_is_wrong_and_who_was_told(admin_client: Client, tenant: Tenant) -> None:
    alert = make_alert(tenant)
    notice(email_channel(tenant, name="Night <shift>"), alert, state="given_up")
    notice(email_channel(None, name="Ops"), alert)
    page = page_of(admin_client, alert)
    assert alert.sentence in page
    for told in ("Night &lt;shift&gt;", "given up", "Ops", "The platform", "waiting"):
        assert told in page


def test_page_says_why_nobody_was_told(admin_client: Client, tenant: Tenant) -> None:
    assert "Nobody: there was no channel" in page_of(admin_client, make_alert(tenant))


def test_alerts_are_only_read(admin_client: Client, tenant: Tenant) -> None:
    alert = make_alert(tenant)
    assert admin_client.get("/admin/alerts/alert/add/").status_code == 403
    assert admin_client.post(reverse("admin:alerts_alert_delete", args=[alert.pk]), {"post": "yes"}).status_code == 403
    assert 'name="_save"' not in page_of(admin_client, alert)


@pytest.mark.parametrize(("state", "shown"), [("open", "now"), ("recovered", "past")])
def test_list_is_narrowed_by_state(state: str, shown: str, admin_client: Client, tenant: Tenant) -> None:
    make_alert(tenant, object_label="object-now")
    make_alert(tenant, object_label="object-past", recovered_at=timezone.now())
    listed = admin_client.get(f"/admin/alerts/alert/?state={state}").content.decode()
    assert ("object-now" in listed, "object-past" in listed) == (shown == "now", shown == "past")
