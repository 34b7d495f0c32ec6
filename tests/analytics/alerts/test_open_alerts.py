"""What the admin's index shows of open alerts."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts.models import AlertChannel
from analytics.alerts.open_alerts import MOST_SHOWN, open_alerts_context
from integrations.models import Tenant, User
from tests.analytics.alerts.alert_steps import email_channel, make_alert
from tests.config.platform_scene import client_of


def index(user: User) -> str:
    client: Client = client_of(user)
    return client.get("/admin/").content.decode()


def test_index_says_that_nothing_is_wrong_and_that_nobody_is_told(platform_admin: User) -> None:
    page = index(platform_admin)
    assert "Nothing is wrong that a rule of the platform watches." in page
    assert "Nobody is told of alerts" in page


def test_index_names_the_newest_and_counts_the_others(platform_admin: User, tenant: Tenant) -> None:
    email_channel(None)
    for number in range(MOST_SHOWN + 3):
        make_alert(tenant, object_label=f"hook-{number}<")
    make_alert(tenant, of_platform=False, object_label="of its own rule")
    make_alert(tenant, recovered_at=timezone.now(), object_label="recovered")
    page = index(platform_admin)
    assert ("hook-12&lt;" in page, "hook-3&lt;" in page, "hook-2&lt;" in page) == (True, True, False)
    assert "and 3 more" in page
    assert ("of its own rule" in page, "recovered" in page, "Nobody is told" in page) == (False, False, False)


def test_index_names_channels_that_fail(platform_admin: User, tenant: Tenant) -> None:
    for owner in (None, tenant):
        email_channel(owner, name=f"Mail of {owner}")
    AlertChannel.objects.update(last_error="The mail server did not take the mail (OSError).")
    page = index(platform_admin)
    assert ("Mail of None" in page, "Mail of Acme" in page) == (True, False)


def test_costs_three_queries_whatever_is_open(tenant: Tenant) -> None:
    for count in (1, 30):
        for _ in range(count):
            make_alert(tenant)
        with CaptureQueriesContext(connection) as captured:
            context = open_alerts_context()
        assert len(captured) == 3
    assert (context["total"], context["more"]) == (31, 21)
    assert context["by_kind"] == [{"kind": "webhook_disabled", "name": "Webhook disabled by Signalbox", "count": 31}]
