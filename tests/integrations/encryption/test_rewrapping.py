"""Rotation of the master key: `rotate_encryption_keys` and what it rests on."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from integrations.encryption import rewrapping
from integrations.encryption.data_keys import destroy_data_keys, forget_data_keys
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.keyring import fingerprint_of, keyring
from integrations.encryption.models import DataKey, DataKeyState, ProcessHeartbeat
from integrations.encryption.rewrapping import UnawareProcessesError, keys_to_rewrap, rewrap_data_keys
from integrations.encryption.secret import Secret
from integrations.models import Health, Integration, Tenant
from tests.integrations.encryption.site_processes import end, next_word, site_process
from tests.integrations.encryption.stored_values import ACCESS_TOKEN, AUTH_TOKEN
from tests.integrations.encryption.waiting import wait_until
from webhooks.models import Webhook

NEW = "2d" * 32
NEW_FINGERPRINT = fingerprint_of(bytes.fromhex(NEW))


@pytest.fixture
def old(settings: Settings) -> str:
    return settings.ENCRYPTION_KEY


@pytest.fixture
def new_key_first(old: str, settings: Settings) -> Callable[[], None]:
    """The first step of a rotation: this process has the new key, and the old one among the previous."""

    def restart() -> None:
        settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_PREVIOUS = NEW, [old]
        forget_data_keys()

    return restart


def rotate(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_encryption_keys", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def process(knows: list[str], *, age: int = 0) -> ProcessHeartbeat:
    row = ProcessHeartbeat.objects.create(kind="worker", host="host-b", pid=4711, master_fingerprints=knows)
    ProcessHeartbeat.objects.filter(pk=row.pk).update(seen_at=Now() - timedelta(seconds=age))
    return row


def test_wraps_every_key_anew(
    make_tenant: Callable[..., Tenant], webhook: Webhook, new_key_first: Callable[[], None], settings: Settings
) -> None:
    for n in range(4):
        make_tenant(f"T{n}", f"t{n}")
    before = set(DataKey.objects.values_list("wrapped_key", flat=True))
    new_key_first()

    assert rotate("--batch-size", "2") == (
        "2 of 5 data keys re-wrapped.\n4 of 5 data keys re-wrapped.\n5 of 5 data keys re-wrapped.\n"
        f"All data keys are wrapped by the master key {NEW_FINGERPRINT}. "
        "Nothing here needs ENCRYPTION_KEYS_PREVIOUS any more; backups made before now still do.\n"
    )
    assert set(DataKey.objects.values_list("master_fingerprint", flat=True)) == {NEW_FINGERPRINT}
    assert before.isdisjoint(DataKey.objects.values_list("wrapped_key", flat=True))
    settings.ENCRYPTION_KEYS_PREVIOUS = []
    forget_data_keys()
    assert Webhook.objects.get().auth_token.reveal() == AUTH_TOKEN


def test_can_be_repeated(tenant: Tenant, new_key_first: Callable[[], None]) -> None:
    new_key_first()
    rotate()
    before = DataKey.objects.get().wrapped_key

    assert rotate().startswith("All data keys are wrapped")
    assert DataKey.objects.get().wrapped_key == before


def test_dry_run_changes_nothing(tenant: Tenant, new_key_first: Callable[[], None]) -> None:
    before = DataKey.objects.get().wrapped_key
    new_key_first()

    assert rotate("--dry-run") == f"1 data key would be wrapped by the master key {NEW_FINGERPRINT}.\n"
    assert DataKey.objects.get().wrapped_key == before


def test_can_be_stopped_and_resumed(
    make_tenant: Callable[..., Tenant], new_key_first: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        make_tenant(f"T{n}", f"t{n}")
    new_key_first()
    real, calls = rewrapping._rewrap, []

    def interrupted(*arguments: object) -> bool:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(rewrapping, "_rewrap", interrupted)
    with pytest.raises(CommandError, match="Stopped, 2 data keys remain: run this again"):
        rotate()
    assert keys_to_rewrap().count() == 2
    assert "2 of 2 data keys re-wrapped." in rotate()
    assert keys_to_rewrap().count() == 0


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_is_refused_while_a_live_process_does_not_know_the_key(
    tenant: Tenant, new_key_first: Callable[[], None], arguments: tuple[str, ...]
) -> None:
    process(keyring().fingerprints, age=55)
    before = DataKey.objects.get().wrapped_key
    new_key_first()
    process(keyring().fingerprints)

    with pytest.raises(CommandError, match=r"do not know the master key .*: worker host-b:4711\. Give them"):
        rotate(*arguments)
    assert DataKey.objects.get().wrapped_key == before


def test_a_process_that_is_gone_does_not_hold_it_up(tenant: Tenant, new_key_first: Callable[[], None]) -> None:
    process(keyring().fingerprints, age=61)
    new_key_first()

    assert "All data keys are wrapped" in rotate()


def test_stops_when_a_process_with_the_old_key_appears(
    make_tenant: Callable[..., Tenant], new_key_first: Callable[[], None]
) -> None:
    for n in range(3):
        make_tenant(f"T{n}", f"t{n}")
    knows_old = keyring().fingerprints
    new_key_first()
    rotation = rewrap_data_keys(batch_size=1)
    next(rotation)
    process(knows_old)

    with pytest.raises(UnawareProcessesError, match="worker host-b:4711"):
        next(rotation)
    assert keys_to_rewrap().count() == 2


def test_says_what_remains(make_tenant: Callable[..., Tenant], new_key_first: Callable[[], None]) -> None:
    foreign, damaged, _ = (DataKey.objects.get(tenant=make_tenant(f"T{n}", f"t{n}")) for n in range(3))
    DataKey.objects.filter(pk=foreign.pk).update(master_fingerprint="0123456789abcdef")
    DataKey.objects.filter(pk=damaged.pk).update(wrapped_key=damaged.wrapped_key[:-1] + "z")
    new_key_first()
    errors = StringIO()

    with pytest.raises(CommandError, match="2 data keys remain under another master key"):
        call_command("rotate_encryption_keys", stdout=StringIO(), stderr=errors)
    assert f"Data key {foreign.id} is wrapped by the master key 0123456789abcdef" in errors.getvalue()
    assert f"Data key {damaged.id} does not open under its master key" in errors.getvalue()
    assert set(keys_to_rewrap()) == {foreign, damaged}


def test_destroyed_keys_are_left_alone(tenant: Tenant, new_key_first: Callable[[], None]) -> None:
    destroy_data_keys(tenant_id=tenant.pk)
    new_key_first()

    assert rotate().startswith("All data keys are wrapped")
    assert DataKey.objects.get().wrapped_key == ""


def test_a_key_that_was_destroyed_meanwhile_stays_destroyed(tenant: Tenant, new_key_first: Callable[[], None]) -> None:
    """Compare-and-swap: what was read a moment ago is written back only over exactly that."""
    read_before = DataKey.objects.get()
    destroy_data_keys(tenant_id=tenant.pk)
    new_key_first()

    assert rewrapping._rewrap(read_before, keyring()) is False
    assert DataKey.objects.get().wrapped_key == ""


def test_retired_keys_are_wrapped_anew(tenant: Tenant, new_key_first: Callable[[], None]) -> None:
    DataKey.objects.update(state=DataKeyState.RETIRED)
    new_key_first()
    rotate()

    assert DataKey.objects.get().master_fingerprint == NEW_FINGERPRINT


def test_needs_a_usable_key_itself(db: None, settings: Settings) -> None:
    settings.ENCRYPTION_KEY = ""

    with pytest.raises(CommandError, match="ENCRYPTION_KEY is not set"):
        rotate()


def test_refuses_a_batch_of_nothing(db: None) -> None:
    with pytest.raises(CommandError, match="--batch-size must be 1 or more"):
        rotate("--batch-size", "0")


def test_a_process_with_the_old_key_marks_nothing(
    integration: Integration, new_key_first: Callable[[], None], old: str, settings: Settings
) -> None:
    new_key_first()
    rotate()
    settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_PREVIOUS = old, []
    forget_data_keys()
    loaded = Integration.objects.get()

    with pytest.raises(KeyNotAtHandError, match="which this process does not have"):
        loaded.config["access_token"].reveal()
    loaded.config = {**loaded.config, "access_token": Secret("new")}
    with pytest.raises(KeyNotAtHandError):
        loaded.save()


# --- Beside other processes -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_waits_for_a_writer_that_holds_a_key(
    make_tenant: Callable[..., Tenant], new_key_first: Callable[[], None]
) -> None:
    held, _ = make_tenant("A", "a"), make_tenant("B", "b")
    new_key_first()
    parameters = {**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}
    with closing(psycopg.connect(**parameters)) as writer:
        writer.execute("SELECT id FROM integrations_datakey WHERE tenant_id = %s FOR SHARE", [held.pk])
        rotation = rewrap_data_keys()
        progress = next(rotation)
        assert (progress.rewrapped, progress.remaining) == (1, 1)
        writer.commit()

    *_, last = rotation
    assert (last.rewrapped, last.remaining, last.unwrappable) == (2, 0, {})


@pytest.mark.django_db(transaction=True)
def test_beside_two_writing_processes_no_value_becomes_unreadable(
    make_tenant: Callable[..., Tenant],
    make_webhook: Callable[..., Webhook],
    new_key_first: Callable[[], None],
    old: str,
    settings: Settings,
) -> None:
    tenants = [make_tenant(f"T{n}", f"t{n}") for n in range(12)]
    for name in ("of-first", "of-second"):
        for tenant in tenants:
            make_webhook(tenant, name)
    new_key_first()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(site_process("write", key=NEW, previous=old, WRITER=name))
            for name in ("first", "second")
        ]
        for writer in writers:
            assert next_word(writer) == "round"
        wait_until(lambda: ProcessHeartbeat.objects.exclude(master_fingerprints=[]).count() == 2)
        assert "All data keys are wrapped" in rotate("--batch-size", "3")
        reports = [json.loads(end(writer)[-1]) for writer in writers]

    assert [report["failures"] for report in reports] == [[], []]
    assert min(report["rounds"] for report in reports) > 0
    settings.ENCRYPTION_KEYS_PREVIOUS = []
    forget_data_keys()
    webhooks = Webhook.objects.all()
    assert len(webhooks) == 24
    for webhook in webhooks:
        assert webhook.auth_token.reveal() == webhook.description


@pytest.mark.django_db(transaction=True)
def test_a_worker_with_the_old_key_opens_nothing_and_marks_nothing(
    integration: Integration, new_key_first: Callable[[], None], old: str
) -> None:
    new_key_first()
    rotate()
    with site_process("read", key=old) as late_worker:
        assert json.loads(next_word(late_worker)) == {"opened": 0, "not at hand": 1, "marked": 0}
        end(late_worker)

    loaded = Integration.objects.get()
    assert loaded.health == Health.UNKNOWN
    assert loaded.config["access_token"].reveal() == ACCESS_TOKEN
