from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from analytics.models import TenantRetention
from integrations.models import ActivityLog, Tenant, User

PAGES = "/admin/analytics/tenantretention/"


@pytest.fixture
def client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


def post(client: Client, page: str, **data: Any) -> Any:
    return client.post(f"{PAGES}{page}/", data)


def test_a_tenant_gets_less_and_then_the_sites_again(client: Client, tenant: Tenant) -> None:
    assert post(client, "add", tenant=tenant.pk, days="30", payload_days="").status_code == 302
    stored = TenantRetention.objects.get()
    assert (stored.tenant_id, stored.days, stored.payload_days) == (tenant.id, 30, None)
    assert f"retention of {tenant.name}" in client.get(f"{PAGES}{tenant.pk}/change/").content.decode()
    assert post(client, f"{tenant.pk}/change", days="20", payload_days="5").status_code == 302
    shown = client.get(PAGES).content.decode()
    assert (tenant.name in shown, "20 days" in shown, "5 days" in shown) == (True, True, True)
    assert post(client, f"{tenant.pk}/delete", post="yes").status_code == 302
    assert not TenantRetention.objects.exists()
    assert ActivityLog.objects.filter(verb="tenant.retention_updated").count() == 3


def test_shows_a_refusal_at_its_field(client: Client, tenant: Tenant) -> None:
    page = post(client, "add", tenant=tenant.pk, days="30", payload_days="31").content.decode()
    assert "Give 3 to 30 days" in page
    page = post(client, "add", tenant=tenant.pk, days="2", payload_days="").content.decode()
    assert "greater than or equal to 8" in page
    assert not TenantRetention.objects.exists()


def test_a_second_one_of_the_same_tenant_is_refused(client: Client, tenant: Tenant) -> None:
    post(client, "add", tenant=tenant.pk, days="30", payload_days="")
    page = post(client, "add", tenant=tenant.pk, days="20", payload_days="").content.decode()
    assert "change that one" in page
    assert TenantRetention.objects.get().days == 30
