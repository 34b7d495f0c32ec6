"""`destroy_retired_keys`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations.encryption.data_keys import forget_data_keys
from integrations.encryption.models import DataKey, DataKeyState
from integrations.models import ActivityLog, Tenant
from integrations.services import data_key_destruction
from integrations.services.data_key_destruction import Destruction
from tests.integrations.encryption.stored_values import AUTH_TOKEN, damage, overwrite, stored
from tests.integrations.encryption.test_rotating_data_keys import keys_of, rotate
from webhooks.models import Webhook


def destroy(*arguments: str) -> str:
    output = StringIO()
    call_command("destroy_retired_keys", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def test_destroys_retired_keys_that_nothing_needs(webhook: Webhook, other_tenant: Tenant) -> None:
    rotate()

    assert destroy("--yes") == "2 retired data keys destroyed, 0 kept.\n"
    assert keys_of(webhook.tenant) == keys_of(other_tenant) == ["destroyed", "active"]
    gone = DataKey.objects.get(tenant=webhook.tenant, state=DataKeyState.DESTROYED)
    assert gone.wrapped_key == ""
    assert gone.destroyed_at is not None
    forget_data_keys()
    loaded = Webhook.objects.get()
    assert loaded.auth_token is not None
    assert loaded.auth_token.reveal() == AUTH_TOKEN
    assert destroy("--yes") == "0 retired data keys destroyed, 0 kept.\n"


def test_writes_what_it_destroyed(tenant: Tenant) -> None:
    rotate()
    destroy("--yes")

    entry = ActivityLog.objects.get(verb="data_key.destroyed")
    assert (entry.tenant_id, entry.object_id, entry.actor_name) == (
        tenant.pk,
        DataKey.objects.get(state=DataKeyState.DESTROYED).pk,
        "destroy_retired_keys",
    )


def test_keeps_a_key_with_one_value_left(webhook: Webhook, other_tenant: Tenant) -> None:
    damage(webhook, "auth_token")
    with pytest.raises(CommandError, match="1 value does not open"):
        rotate()
    kept = DataKey.objects.get(tenant=webhook.tenant, state=DataKeyState.RETIRED)
    output = StringIO()

    with pytest.raises(CommandError, match="1 retired data keys were kept, because values stand under them"):
        call_command("destroy_retired_keys", "--yes", stdout=output)
    assert output.getvalue() == (
        f"Kept data key {kept.pk} of tenant acme, with values 1 of webhooks.Webhook:\n"
        f"  webhooks.Webhook {webhook.pk}\n"
        "1 retired data keys destroyed, 1 kept.\n"
    )
    kept.refresh_from_db()
    assert (kept.state, len(kept.wrapped_key) > 0) == ("retired", True)
    assert keys_of(other_tenant) == ["destroyed", "active"]

    webhook = Webhook.objects.get()
    webhook.auth_token = "a bearer that was stored again"
    webhook.save()
    assert destroy("--yes") == "1 retired data keys destroyed, 0 kept.\n"


def test_a_value_in_another_tenants_row_counts(webhook: Webhook, other_tenant: Tenant) -> None:
    before = stored(webhook, "auth_token")
    rotate()
    overwrite(webhook, "auth_token", before)
    overwrite(webhook, "tenant_id", other_tenant.pk)

    with pytest.raises(CommandError, match="were kept"):
        destroy("--yes", "--tenant", "acme")
    assert keys_of(Tenant.objects.get(slug="acme")) == ["retired", "active"]


def test_dry_run_says_so_and_changes_nothing(webhook: Webhook, other_tenant: Tenant) -> None:
    before = stored(webhook, "auth_token")
    rotate()
    overwrite(webhook, "auth_token", before)

    assert "1 retired data keys would be destroyed, 1 kept." in destroy("--dry-run")
    assert keys_of(webhook.tenant) == keys_of(other_tenant) == ["retired", "active"]


def test_destroys_only_what_was_named(tenant: Tenant, other_tenant: Tenant) -> None:
    rotate()

    assert destroy("--yes", "--tenant", "other") == "1 retired data keys destroyed, 0 kept.\n"
    assert (keys_of(tenant), keys_of(other_tenant)) == (["retired", "active"], ["destroyed", "active"])


@pytest.mark.parametrize("answer", ["", "n", "no", "destroy"])
def test_does_nothing_unless_the_answer_is_yes(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    rotate()
    monkeypatch.setattr("builtins.input", lambda _: answer)

    with pytest.raises(CommandError, match="Nothing was destroyed"):
        destroy()
    assert keys_of(tenant) == ["retired", "active"]
    monkeypatch.setattr("builtins.input", lambda _: "Yes")
    assert destroy() == "1 retired data keys destroyed, 0 kept.\n"


def test_does_nothing_when_nobody_answers(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate()

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CommandError, match="confirm with --yes"):
        destroy()
    assert keys_of(tenant) == ["retired", "active"]


@pytest.mark.parametrize("arguments", [("--yes",), ("--dry-run",)], ids=["destroy", "dry-run"])
def test_an_unknown_tenant_is_named(tenant: Tenant, arguments: tuple[str, ...]) -> None:
    rotate()

    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        destroy(*arguments, "--tenant", "nobody")
    assert keys_of(tenant) == ["retired", "active"]


def test_counts_again_after_the_question(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored(webhook, "auth_token")
    rotate()

    def somebody_restores_a_row(_: str) -> str:
        overwrite(webhook, "auth_token", before)
        return "y"

    monkeypatch.setattr("builtins.input", somebody_restores_a_row)
    with pytest.raises(CommandError, match="were kept"):
        destroy()
    assert keys_of(webhook.tenant) == ["retired", "active"]


def test_an_active_key_without_values_stays(tenant: Tenant) -> None:
    assert data_key_destruction.plan_destruction(tenant=None) == Destruction([], [])
    assert destroy("--yes") == "0 retired data keys destroyed, 0 kept.\n"
    assert keys_of(tenant) == ["active"]
