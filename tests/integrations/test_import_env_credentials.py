"""`manage.py import_env_credentials`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations.models import Integration, Tenant

pytestmark = pytest.mark.django_db
TOKEN = "EAATestAccessTokenForDocumentationOnly123456789"


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_env_credentials", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def whatsapp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_WHATSAPP_PHONE_NUMBER_ID", "42")
    monkeypatch.setenv("SIGNALBOX_WHATSAPP_ACCESS_TOKEN", TOKEN)


def test_copies_once_and_prints_no_value(tenant: Tenant, whatsapp: None) -> None:
    out, _ = run("--tenant", "acme", "--dry-run")
    assert out == "WhatsApp: would be copied (phone_number_id, access_token).\n"
    assert not Integration.objects.exists()
    out, _ = run("--tenant", "acme")
    assert "WhatsApp: copied (phone_number_id, access_token)." in out
    assert TOKEN not in out
    row = Integration.objects.get()
    assert (row.tenant_id, row.provider, row.config["access_token"].reveal()) == (tenant.id, "whatsapp", TOKEN)
    out, _ = run("--tenant", "acme")
    assert "left alone" in out
    assert Integration.objects.count() == 1


def test_says_what_is_missing_and_copies_the_others(
    tenant: Tenant, whatsapp: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_TWILIO_AUTH_TOKEN", "f0" * 16)
    err = StringIO()
    with pytest.raises(CommandError, match="Not copied: Twilio"):
        call_command("import_env_credentials", "--tenant", "acme", stdout=StringIO(), stderr=err)
    assert "SIGNALBOX_TWILIO_ACCOUNT_SID: This field is required." in err.getvalue()
    assert list(Integration.objects.values_list("provider", flat=True)) == ["whatsapp"]


def test_a_provider_without_variables_and_an_unknown_tenant_are_refused(tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="No variable of n8n is set"):
        run("--tenant", "acme", "--provider", "n8n")
    with pytest.raises(CommandError, match="tenant"):
        run("--tenant", "nobody")
