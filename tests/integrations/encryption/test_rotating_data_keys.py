"""`rotate_encryption_keys --data-keys`."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.activity.actor import Actor
from integrations.counting import counted
from integrations.encryption.data_keys import active_cipher, forget_data_keys
from integrations.encryption.errors import DestroyedKeyError, UnreadableSecretError
from integrations.encryption.models import DataKey, DataKeyRotation, DataKeyState, ProcessHeartbeat
from integrations.encryption.reencryption import count_values
from integrations.encryption.secret import Secret
from integrations.models import ActivityLog, StaffDevice, Tenant, User
from integrations.services import data_key_rotation
from integrations.services.data_key_rotation import Progress, rotate_data_keys
from integrations.services.tenants import delete_tenant
from tests.integrations.encryption.stored_values import AUTH_TOKEN, HEADER, damage, overwrite, stored
from webhooks.models import Webhook

SYSTEM = Actor.system("tests")


def rotate(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_encryption_keys", "--data-keys", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def keys_of(tenant: Tenant | None) -> list[str]:
    keys = DataKey.objects.filter(tenant=tenant) if tenant else DataKey.objects.filter(tenant__isnull=True)
    return list(keys.order_by("id").values_list("state", flat=True))


def finished(*, batch_size: int = 500) -> Progress:
    *_, last = rotate_data_keys(actor=SYSTEM, batch_size=batch_size)
    return last


@pytest.fixture
def device(platform_admin: User) -> StaffDevice:
    return StaffDevice.objects.create(user=platform_admin, key="JBSWY3DPEHPK3PXP-of-the-test")


def test_replaces_every_key_and_moves_every_value(webhook: Webhook, other_tenant: Tenant, device: StaffDevice) -> None:
    assert rotate() == (
        "3 of 3 owners done: 3 data keys replaced, 4 values re-encrypted.\n"
        "No value stands under a retired data key. `manage.py destroy_retired_keys` destroys those; "
        "backups made before now need them.\n"
    )
    assert [keys_of(owner) for owner in (webhook.tenant, other_tenant, None)] == [["retired", "active"]] * 3
    active = set(DataKey.objects.filter(state=DataKeyState.ACTIVE).values_list("id", flat=True))
    assert set(count_values()) <= active
    assert DataKey.objects.filter(state=DataKeyState.RETIRED, retired_at__lte=timezone.now()).count() == 3
    forget_data_keys()
    loaded = Webhook.objects.get()
    assert loaded.auth_token is not None
    assert loaded.auth_token.reveal() == AUTH_TOKEN
    assert StaffDevice.objects.get().key.reveal() == "JBSWY3DPEHPK3PXP-of-the-test"
    assert not DataKeyRotation.objects.exists()


def test_writes_who_got_a_new_key(tenant: Tenant) -> None:
    old = DataKey.objects.get()
    rotate()

    entry = ActivityLog.objects.get(verb="data_key.rotated")
    new = DataKey.objects.get(state=DataKeyState.ACTIVE)
    assert (entry.tenant_id, entry.object_kind, entry.object_id, entry.actor_name, entry.detail) == (
        tenant.pk,
        "datakey",
        new.pk,
        "rotate_encryption_keys",
        f"retired {old.pk}",
    )


@pytest.mark.parametrize("whose", ["tenant", "platform"])
def test_replaces_only_the_keys_that_were_named(webhook: Webhook, device: StaffDevice, whose: str) -> None:
    arguments = ("--tenant", webhook.tenant.slug) if whose == "tenant" else ("--platform",)
    moved = 3 if whose == "tenant" else 1

    assert f"1 of 1 owner done: 1 data key replaced, {counted(moved, 'value')} re-encrypted." in rotate(*arguments)
    assert keys_of(webhook.tenant) == (["retired", "active"] if whose == "tenant" else ["active"])
    assert keys_of(None) == (["active"] if whose == "tenant" else ["retired", "active"])


def test_a_second_rotation_makes_new_keys_again(webhook: Webhook) -> None:
    rotate()
    rotate()

    assert keys_of(webhook.tenant) == ["retired", "retired", "active"]
    assert set(count_values()) == {DataKey.objects.get(state=DataKeyState.ACTIVE).id}


def test_dry_run_counts_and_changes_nothing(webhook: Webhook, other_tenant: Tenant) -> None:
    before = stored(webhook, "auth_token")

    assert rotate("--dry-run") == "2 data keys would be replaced and 3 values re-encrypted.\n"
    assert rotate("--dry-run", "--tenant", "other") == "1 data key would be replaced and 0 values re-encrypted.\n"
    assert stored(webhook, "auth_token") == before
    assert set(DataKey.objects.values_list("state", flat=True)) == {"active"}
    assert not DataKeyRotation.objects.exists()


def test_one_that_was_stopped_goes_on_and_replaces_no_key_twice(
    make_tenant: Callable[..., Tenant], make_webhook: Callable[..., Webhook], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = [make_tenant(f"T{n}", f"t{n}") for n in range(3)]
    for tenant in tenants:
        make_webhook(tenant)
    real, calls = data_key_rotation._replace, []

    def interrupted(*arguments: object) -> bool:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(data_key_rotation, "_replace", interrupted)
    with pytest.raises(CommandError, match=r"Stopped\. Run the same command again"):
        rotate()
    assert rotate("--dry-run") == "2 data keys would be replaced and 6 values re-encrypted.\n"
    assert "3 of 3 owners done: 2 data keys replaced, 6 values re-encrypted." in rotate()
    assert [keys_of(tenant) for tenant in tenants] == [["retired", "active"]] * 3
    assert not DataKeyRotation.objects.exists()


def test_stopped_between_two_batches_it_goes_on(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    for n in range(4):
        make_webhook(tenant, f"webhook-{n}")
    rotation = rotate_data_keys(actor=SYSTEM, batch_size=1)
    assert next(progress.values_moved for progress in rotation if progress.values_moved) == 3
    rotation.close()

    assert len(count_values()) == 2
    last = finished()
    assert (last.keys_replaced, last.values_moved) == (0, 9)
    assert set(count_values()) == {DataKey.objects.get(state=DataKeyState.ACTIVE).id}


def test_names_what_does_not_open_and_moves_the_rest(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    tampered, other = make_webhook(tenant, "tampered"), make_webhook(tenant, "other")
    damage(tampered, "auth_token")
    before = stored(tampered, "auth_token")
    errors = StringIO()

    with pytest.raises(CommandError, match="1 value does not open"):
        call_command("rotate_encryption_keys", "--data-keys", stdout=StringIO(), stderr=errors)
    assert errors.getvalue() == (
        f"The stored value in webhooks.Webhook.auth_token of row {tampered.pk} does not open under its key: "
        "it was changed or moved here from another place.\n"
    )
    assert stored(tampered, "auth_token") == before
    active = DataKey.objects.get(state=DataKeyState.ACTIVE)
    assert count_values()[active.id].total() == 5
    assert stored(other, "auth_token").split(":")[1] == active.id.hex
    assert not DataKeyRotation.objects.exists()


def test_a_tenant_that_is_deleted_meanwhile_is_left_alone(tenant: Tenant, make_webhook: Callable[..., Webhook]) -> None:
    for n in range(3):
        make_webhook(tenant, f"webhook-{n}")
    rotation = rotate_data_keys(actor=SYSTEM, batch_size=1)
    assert next(progress.values_moved for progress in rotation if progress.values_moved) == 3
    delete_tenant(actor=SYSTEM, tenant=tenant)

    *_, last = rotation
    assert (last.values_moved, last.unreadable, last.unfinished) == (3, [], [])
    assert keys_of(tenant) == ["destroyed", "destroyed"]
    forget_data_keys()
    for webhook in Webhook.objects.all():
        assert webhook.auth_token is not None
        with pytest.raises(DestroyedKeyError):
            webhook.auth_token.reveal()


def test_a_tenant_that_is_deleted_first_gets_no_key(tenant: Tenant) -> None:
    rotation = rotate_data_keys(actor=SYSTEM)
    next(rotation)
    delete_tenant(actor=SYSTEM, tenant=tenant)

    *_, last = rotation
    assert (last.keys_replaced, last.unfinished) == (0, [])
    assert keys_of(tenant) == ["destroyed"]


def test_a_missing_master_key_is_named_and_the_next_run_goes_on(
    webhook: Webhook, other_tenant: Tenant, settings: Settings
) -> None:
    old = settings.ENCRYPTION_KEY
    settings.ENCRYPTION_KEY = "2d" * 32
    forget_data_keys()
    errors = StringIO()

    with pytest.raises(CommandError, match="Not all could be done: run the same command again"):
        call_command("rotate_encryption_keys", "--data-keys", stdout=StringIO(), stderr=errors)
    assert errors.getvalue().count("which this process does not have") == 2
    assert count_values().keys() == {DataKey.objects.get(tenant=webhook.tenant, state=DataKeyState.RETIRED).id}
    settings.ENCRYPTION_KEYS_PREVIOUS = [old]
    assert "0 data keys replaced, 3 values re-encrypted." in rotate()


def test_is_refused_while_a_live_process_does_not_know_the_master_key(tenant: Tenant) -> None:
    ProcessHeartbeat.objects.create(kind="worker", host="host-b", pid=4711, master_fingerprints=["0123456789abcdef"])

    for arguments in ((), ("--dry-run",)):
        with pytest.raises(CommandError, match=r"Refused: these processes do not know .* worker host-b:4711"):
            rotate(*arguments)
    assert keys_of(tenant) == ["active"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data-keys", "--tenant", "nobody"), "There is no tenant 'nobody'."),
        (("--data-keys", "--tenant", ""), "There is no tenant ''."),
        (("--tenant", "acme"), "--tenant and --platform go with --data-keys"),
        (("--platform",), "--tenant and --platform go with --data-keys"),
        (("--data-keys", "--tenant", "acme", "--platform"), "not allowed with argument"),
        (("--data-keys", "--batch-size", "0"), "--batch-size must be 1 or more"),
    ],
    ids=["unknown", "blank", "tenant-alone", "platform-alone", "both", "batch"],
)
def test_refuses_what_it_cannot_do(tenant: Tenant, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("rotate_encryption_keys", *arguments, stdout=StringIO(), stderr=StringIO())
    assert keys_of(tenant) == ["active"]


# --- Objects that were loaded before -----------------------------------------------------------------------------------


def test_a_kept_value_of_an_object_that_was_loaded_before_goes_under_the_new_key(webhook: Webhook) -> None:
    rotate()
    webhook.headers = {**webhook.headers, "X-New": Secret("a new header value")}
    webhook.save()

    assert set(count_values()) == {DataKey.objects.get(state=DataKeyState.ACTIVE).id}
    forget_data_keys()
    loaded = Webhook.objects.get()
    assert (loaded.headers["X-Key"].reveal(), loaded.headers["X-New"].reveal()) == (HEADER, "a new header value")


def test_an_object_that_was_loaded_before_does_not_bring_back_a_destroyed_key(webhook: Webhook) -> None:
    rotate()
    call_command("destroy_retired_keys", "--yes", stdout=StringIO())
    forget_data_keys()
    webhook.headers = {**webhook.headers, "X-New": Secret("a new header value")}

    with pytest.raises(DestroyedKeyError), transaction.atomic():
        webhook.save()
    assert Webhook.objects.get().headers["X-Key"].reveal() == HEADER


def test_a_value_that_does_not_open_is_kept_when_its_neighbour_changes(webhook: Webhook) -> None:
    damage(webhook, "headers")
    with pytest.raises(CommandError):
        rotate()
    loaded = Webhook.objects.get()
    before = loaded.headers["X-Key"].stored
    loaded.headers = {**loaded.headers, "X-New": Secret("a new header value")}
    loaded.save()

    after = Webhook.objects.get().headers
    assert (after["X-Key"].stored, after["X-New"].reveal()) == (before, "a new header value")


def test_a_value_that_does_not_open_is_not_put_back_over_a_new_one(webhook: Webhook) -> None:
    damage(webhook, "headers")
    with pytest.raises(CommandError):
        rotate()
    stale, repaired = Webhook.objects.get(), Webhook.objects.get()
    repaired.headers = {"X-Key": Secret("a repaired header value")}
    repaired.save()
    stale.headers = {**stale.headers, "X-New": Secret("a new header value")}

    with pytest.raises(UnreadableSecretError, match="does not open under its key"), transaction.atomic():
        stale.save()
    assert Webhook.objects.get().headers["X-Key"].reveal() == "a repaired header value"


def test_a_new_value_is_written_under_the_new_key(webhook: Webhook) -> None:
    old = active_cipher(webhook.tenant_id).key_id
    rotate()
    overwrite(webhook, "auth_token", None)
    webhook.auth_token = "another bearer of the webhook"
    webhook.save()

    assert old not in count_values()
