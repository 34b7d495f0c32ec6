"""Replacing and destroying data keys beside other processes, and killed in the middle."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from io import StringIO
from subprocess import Popen

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from integrations.encryption import lock_waits
from integrations.encryption.data_keys import forget_data_keys
from integrations.encryption.models import DataKey, DataKeyRotation, DataKeyState, ProcessHeartbeat
from integrations.encryption.reencryption import count_values
from integrations.models import Tenant
from tests.integrations.encryption.site_processes import end, next_word, site_process
from tests.integrations.encryption.stored_values import AUTH_TOKEN, HEADER, overwrite, stored
from tests.integrations.encryption.test_destroying_data_keys import destroy
from tests.integrations.encryption.test_rotating_data_keys import keys_of, rotate
from tests.integrations.encryption.waiting import wait_until
from webhooks.models import Webhook

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@contextmanager
def another_connection() -> Iterator[psycopg.Connection]:
    parameters = {**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}
    with closing(psycopg.connect(**parameters)) as other:
        yield other


def is_somebody_waiting(lock: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND wait_event = %s)",
            [lock],
        )
        return bool(cursor.fetchone()[0])


def say_go_on(process: Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def values() -> set[str]:
    """Return what the writers wrote last into each row."""
    return set(Webhook.objects.values_list("description", flat=True))


def all_open(webhooks: int) -> bool:
    forget_data_keys()
    loaded = list(Webhook.objects.all())
    assert len(loaded) == webhooks
    return all(
        webhook.auth_token is not None
        and webhook.auth_token.reveal() == AUTH_TOKEN
        and webhook.headers["X-Key"].reveal() == HEADER
        for webhook in loaded
    )


def test_beside_two_writing_processes_no_value_becomes_unreadable(
    make_tenant: Callable[..., Tenant], make_webhook: Callable[..., Webhook], settings: Settings
) -> None:
    tenants = [make_tenant(f"T{n}", f"t{n}") for n in range(6)]
    for name in ("of-first", "of-second"):
        for tenant in tenants:
            make_webhook(tenant, name)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(site_process("write", key=settings.ENCRYPTION_KEY, WRITER=name))
            for name in ("first", "second")
        ]
        for writer in writers:
            assert next_word(writer) == "round"
        wait_until(lambda: ProcessHeartbeat.objects.exclude(master_fingerprints=[]).count() == 2)
        for _ in range(3):
            assert "6 data keys replaced" in rotate("--batch-size", "2")
            written = values()
            wait_until(lambda written=written: not written & values())  # no object is older than the keys that go
            assert destroy("--yes") == "6 retired data keys destroyed, 0 kept.\n"
        reports = [json.loads(end(writer)[-1]) for writer in writers]

    assert [report["failures"] for report in reports] == [[], []]
    forget_data_keys()
    webhooks = Webhook.objects.all()
    assert len(webhooks) == 12
    for webhook in webhooks:
        assert webhook.auth_token is not None
        assert webhook.auth_token.reveal() == webhook.headers["X-Round"].reveal() == webhook.description
        assert webhook.headers["X-Key"].reveal() == HEADER
    assert set(count_values()) == set(DataKey.objects.filter(state=DataKeyState.ACTIVE).values_list("id", flat=True))


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
def test_after_kill_9_the_next_run_goes_on(
    make_tenant: Callable[..., Tenant], make_webhook: Callable[..., Webhook], settings: Settings, steps: int
) -> None:
    tenants = [make_tenant(f"T{n}", f"t{n}") for n in range(3)]
    for tenant in tenants:
        for n in range(5):
            make_webhook(tenant, f"webhook-{n}")
    with site_process("rotate", key=settings.ENCRYPTION_KEY, STEPWISE="1") as rotation:
        for _ in range(steps):
            moved = int(next_word(rotation))
            say_go_on(rotation)
        rotation.send_signal(signal.SIGKILL)
        rotation.wait()

    assert moved < 45
    assert DataKeyRotation.objects.count() == 1
    assert all_open(15)
    assert "No value stands under a retired data key" in rotate()
    assert [keys_of(tenant) for tenant in tenants] == [["retired", "active"]] * 3
    assert set(count_values()) == set(DataKey.objects.filter(state=DataKeyState.ACTIVE).values_list("id", flat=True))
    assert destroy("--yes") == "3 retired data keys destroyed, 0 kept.\n"
    assert all_open(15)


def test_two_rotations_at_once_replace_each_key_once(
    make_tenant: Callable[..., Tenant], make_webhook: Callable[..., Webhook], settings: Settings
) -> None:
    tenants = [make_tenant(f"T{n}", f"t{n}") for n in range(6)]
    for tenant in tenants:
        for n in range(5):
            make_webhook(tenant, f"webhook-{n}")
    with ExitStack() as stack:
        both = [stack.enter_context(site_process("rotate", key=settings.ENCRYPTION_KEY, STEPWISE="1")) for _ in "12"]
        for rotation in both:  # both have begun before either does anything
            assert next_word(rotation) == "0"
        for rotation in both:
            assert rotation.stdin is not None
            rotation.stdin.write("\n" * 1_000)
            rotation.stdin.flush()
        reports = [[json.loads(line) for line in end(rotation)] for rotation in both]

    assert [report[-1] for report in reports] == [{"unreadable": [], "unfinished": []}] * 2
    assert sum(report[-2] for report in reports) == 90
    assert [keys_of(tenant) for tenant in tenants] == [["retired", "active"]] * 6
    assert destroy("--yes") == "6 retired data keys destroyed, 0 kept.\n"
    assert all_open(30)


def test_an_open_transaction_of_a_writer_delays_its_own_key_and_no_other_writer(
    tenant: Tenant, webhook: Webhook, settings: Settings
) -> None:
    lock = "SELECT id FROM integrations_datakey WHERE tenant_id = %s AND state = 'active' FOR SHARE"
    with (
        another_connection() as slow,
        another_connection() as other,
        site_process("rotate", key=settings.ENCRYPTION_KEY) as rotation,
    ):
        slow.execute(lock, [tenant.pk])
        assert next_word(rotation) == "0"
        wait_until(lambda: is_somebody_waiting("transactionid") or is_somebody_waiting("tuple"))
        other.execute("SET lock_timeout = '3s'")
        for _ in range(3):
            assert other.execute(lock, [tenant.pk]).fetchone() is not None
            other.commit()
        assert keys_of(tenant) == ["active"]
        slow.commit()
        assert json.loads(end(rotation)[-1]) == {"unreadable": [], "unfinished": []}

    assert keys_of(tenant) == ["retired", "active"]


def test_gives_up_on_a_writer_that_does_not_end_and_names_it(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_waits, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(lock_waits, "LOCK_MILLISECONDS", 20)
    errors = StringIO()
    with another_connection() as slow:
        slow.execute("SELECT id FROM integrations_datakey WHERE tenant_id = %s FOR SHARE", [tenant.pk])
        with pytest.raises(CommandError, match="Not all could be done"):
            call_command("rotate_encryption_keys", "--data-keys", stdout=StringIO(), stderr=errors)

    assert errors.getvalue() == "The data key of tenant acme is held by a transaction that does not end.\n"
    assert (keys_of(tenant), keys_of(other_tenant)) == (["active"], ["retired", "active"])
    rotate()
    assert (keys_of(tenant), keys_of(other_tenant)) == (["retired", "active"], ["retired", "active"])


def test_a_tenant_that_is_being_deleted_gets_no_key(tenant: Tenant, settings: Settings) -> None:
    """The deletion has listed the keys that it destroys: a new one would outlive them."""
    key = DataKey.objects.get(tenant=tenant)
    with another_connection() as deletion, site_process("rotate", key=settings.ENCRYPTION_KEY) as rotation:
        deletion.execute("SELECT 1 FROM integrations_tenant WHERE id = %s FOR NO KEY UPDATE", [tenant.pk])
        assert next_word(rotation) == "0"
        wait_until(lambda: is_somebody_waiting("transactionid"))
        deletion.execute("UPDATE integrations_tenant SET deleted_at = now() WHERE id = %s", [tenant.pk])
        deletion.execute(
            "UPDATE integrations_datakey SET state = 'destroyed', wrapped_key = '' WHERE id = %s", [key.pk]
        )
        deletion.commit()
        assert json.loads(end(rotation)[-1]) == {"unreadable": [], "unfinished": []}

    assert keys_of(tenant) == ["destroyed"]


def test_a_value_that_is_being_written_is_counted_before_its_key_is_destroyed(
    webhook: Webhook, settings: Settings
) -> None:
    """As a restore of old rows would: written past our code, and not committed yet when the counting begins."""
    before = stored(webhook, "auth_token")
    rotate()
    with (
        another_connection() as restore,
        site_process("destroy", key=settings.ENCRYPTION_KEY) as destruction,
    ):
        restore.execute("UPDATE webhooks_webhook SET auth_token = %s WHERE id = %s", [before, webhook.pk])
        wait_until(lambda: is_somebody_waiting("relation"))
        restore.commit()
        assert json.loads(next_word(destruction)) == {"destroyed": 0, "kept": 1}
        end(destruction)

    assert keys_of(webhook.tenant) == ["retired", "active"]
    assert all_open(1)


def test_two_destructions_at_once_destroy_each_key_once(make_tenant: Callable[..., Tenant], settings: Settings) -> None:
    for n in range(3):
        make_tenant(f"T{n}", f"t{n}")
    rotate()
    with ExitStack() as stack:
        both = [stack.enter_context(site_process("destroy", key=settings.ENCRYPTION_KEY)) for _ in "12"]
        reports = [json.loads(next_word(process)) for process in both]
        for process in both:
            end(process)

    assert sum(report["destroyed"] for report in reports) == 3
    assert [report["kept"] for report in reports] == [0, 0]


def test_a_tenants_deletion_beside_the_destruction_of_its_retired_key(webhook: Webhook, settings: Settings) -> None:
    """Both take keys before tables, so neither can wait for the other in a circle."""
    rotate()
    with (
        another_connection() as deletion,
        site_process("destroy", key=settings.ENCRYPTION_KEY) as destruction,
    ):
        deletion.execute(
            "UPDATE integrations_datakey SET state = 'destroyed', wrapped_key = '' WHERE tenant_id = %s",
            [webhook.tenant_id],
        )
        wait_until(lambda: is_somebody_waiting("transactionid"))
        deletion.execute("UPDATE webhooks_webhook SET is_active = false WHERE tenant_id = %s", [webhook.tenant_id])
        deletion.commit()
        assert json.loads(next_word(destruction)) == {"destroyed": 0, "kept": 0}
        end(destruction)

    assert keys_of(webhook.tenant) == ["destroyed", "destroyed"]
    overwrite(webhook, "description", "still there")
