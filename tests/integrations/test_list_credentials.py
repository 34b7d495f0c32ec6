"""`manage.py list_credentials`."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import Integration, Tenant
from integrations.services.integrations import create_integration

pytestmark = pytest.mark.django_db
SECRET = "n8n_api_key_that_nobody_may_see_0123456789"


def make(tenant: Tenant, *, days: int, ends_in: int | None = None) -> Integration:
    values = {"base_url": "https://n8n.example.com/webhook", "api_key": SECRET}
    row = create_integration(actor=Actor.system("test"), tenant=tenant, provider="n8n", values=values, name=f"{days} d")
    now = timezone.now()
    Integration.objects.filter(id=row.id).update(
        secret_changed_at=now - timedelta(days=days, minutes=1),
        expires_at=None if ends_in is None else now + timedelta(days=ends_in),
    )
    return row


def listed(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("list_credentials", "--json", *arguments, stdout=out)
    assert SECRET not in out.getvalue()
    return [json.loads(line)["name"] for line in out.getvalue().splitlines()]


def test_lists_the_oldest_first_and_only_what_is_asked_for(tenant: Tenant, other_tenant: Tenant) -> None:
    make(tenant, days=100)
    make(other_tenant, days=10, ends_in=5)
    assert listed() == ["100 d", "10 d"]
    assert listed("--older-than", "90d") == ["100 d"]
    assert listed("--expiring-within", "14d") == ["10 d"]
    assert listed("--older-than", "90d", "--expiring-within", "14d") == ["100 d", "10 d"]
    assert listed("--tenant", "other") == ["10 d"]
    out = StringIO()
    call_command("list_credentials", stdout=out)
    assert out.getvalue().splitlines()[0].startswith("  100 d  acme  n8n  100 d  ")


@pytest.mark.parametrize("arguments", [("--older-than", "soon"), ("--tenant", "nobody")])
def test_says_what_is_wrong(tenant: Tenant, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("list_credentials", *arguments, stdout=StringIO())
