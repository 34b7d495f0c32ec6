"""The system checks: silent on the real database, and loud about each way in which isolation can be lost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.checks import CheckMessage
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.test.utils import isolate_apps

from integrations.isolation import checks, tables
from integrations.isolation.checks import (
    check_foreign_keys_are_declared,
    check_isolation,
    check_tables_name_their_tenant,
)
from integrations.isolation.tables import tenant_models
from tests.integrations.isolation.databases import new_role
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


def test_finds_nothing_in_a_migrated_database() -> None:
    assert check_isolation(databases=["default"]) == []
    assert check_foreign_keys_are_declared() == []
    assert check_tables_name_their_tenant() == []


@pytest.mark.parametrize(
    ("damage", "identifier", "named"),
    [
        ("ALTER TABLE webhooks_webhook DISABLE ROW LEVEL SECURITY", "E015", "webhooks_webhook is not isolated"),
        ("DROP POLICY tenant_isolation ON webhooks_due", "E015", "webhooks_due is not isolated"),
        ("CREATE POLICY more ON webhooks_event USING (true)", "E015", "webhooks_event is not isolated"),
        (
            "DROP POLICY tenant_isolation ON webhooks_payload;"
            "CREATE POLICY tenant_isolation ON webhooks_payload USING (true)",
            "E015",
            "webhooks_payload is not isolated",
        ),
        (
            "DROP POLICY tenant_isolation ON webhooks_payload;"
            "CREATE POLICY tenant_isolation ON webhooks_payload"
            " USING (tenant_id = current_setting('sb.tenant')::uuid OR true)",
            "E015",
            "webhooks_payload is not isolated",
        ),
        (
            "ALTER TABLE webhooks_webhook DROP CONSTRAINT webhooks_webhook_integration_id_tenant_fk",
            "E016",
            "webhooks.Webhook.integration has no composite foreign key",
        ),
        ("GRANT SELECT ON webhooks_event_default TO {role}", "E017", "may use webhooks_event_default"),
        ("GRANT SELECT (id) ON webhooks_event_default TO PUBLIC", "E017", "may use webhooks_event_default"),
        ("GRANT DELETE ON integrations_user TO {role}", "E017", "may use integrations_user"),
        ("REVOKE ALL ON webhooks_due FROM {role}", "E018", "may not read webhooks_due"),
        ("GRANT {powers} TO {role}", "E014", "is a member of a role"),
        (
            "CREATE VIEW every_webhook AS SELECT * FROM webhooks_webhook; GRANT SELECT ON every_webhook TO {role}",
            "E017",
            "may use every_webhook",
        ),
        (
            "CREATE MATERIALIZED VIEW every_due AS SELECT * FROM webhooks_due; GRANT SELECT ON every_due TO PUBLIC",
            "E017",
            "may use every_due",
        ),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}", "E019", "granted to {role} by default"),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC",
            "E019",
            "granted to PUBLIC by default",
        ),
    ],
)
def test_reports_what_was_lost(damage: str, identifier: str, named: str) -> None:
    with new_role() as powers, connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before_damage")
        cursor.execute(damage.format(role=settings.TENANT_ROLE, powers=powers))
        [message] = check_isolation(databases=["default"])
        cursor.execute("ROLLBACK TO SAVEPOINT before_damage")

    assert message.id == f"integrations.{identifier}"
    assert named.format(role=settings.TENANT_ROLE) in message.msg
    assert message.hint


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "REPLICATION"])
def test_reports_a_role_that_may_bypass(power: str, superuser: BaseDatabaseWrapper) -> None:
    with _usable_role(superuser, power) as role, override_settings(TENANT_ROLE=role):
        assert "integrations.E014" in _ids(check_isolation(databases=["default"]))


def test_reports_a_role_that_owns_tables() -> None:
    # The login itself, above all: policies do not apply to the owner of a table.
    with override_settings(TENANT_ROLE=connection.settings_dict["USER"]):
        assert "integrations.E014" in _ids(check_isolation(databases=["default"]))


def test_reports_a_missing_role_with_the_way_out() -> None:
    with override_settings(TENANT_ROLE="nobody_made_this_role"):
        [message] = check_isolation(databases=["default"])

    assert message.id == "integrations.E012"
    assert message.hint is not None
    assert 'CREATE ROLE "nobody_made_this_role"' in message.hint


def test_reports_a_role_that_the_login_cannot_switch_to() -> None:
    # A login may switch to a role that it made only after a grant.
    with new_role() as role, override_settings(TENANT_ROLE=role):
        assert _ids(check_isolation(databases=["default"])) == ["integrations.E013", "integrations.E018"]


def test_is_silent_when_the_database_is_not_asked_for() -> None:
    assert check_isolation() == []
    assert check_isolation(databases=["other"]) == []


def test_is_silent_before_all_migrations_are_applied() -> None:
    [last] = MigrationLoader(connection).graph.leaf_nodes("webhooks")
    MigrationRecorder(connection).record_unapplied(*last)
    with override_settings(TENANT_ROLE="nobody_made_this_role"):
        assert check_isolation(databases=["default"]) == []


def test_reports_a_foreign_key_between_tenant_tables_that_the_database_checks_by_id_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with _loose_model() as (model, field):
        monkeypatch.setattr(checks, "tenant_foreign_keys", lambda: iter([(model, field)]))
        [message] = check_foreign_keys_are_declared()

    assert message.id == "integrations.E010"
    assert "Loose.webhook" in message.msg


def test_reports_models_that_hang_on_a_tenants_rows_and_name_no_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    with _models_without_tenant() as declared:
        monkeypatch.setattr(tables.apps, "get_models", lambda **_: declared)
        messages = check_tables_name_their_tenant()

    assert [(message.id, message.obj._meta.object_name) for message in messages] == [
        ("integrations.E011", "Note"),
        ("integrations.E011", "Label_webhooks"),
    ]
    assert "refers to the tenant table webhooks_webhook" in messages[0].msg


def test_reports_a_tenant_model_of_a_new_app_that_has_no_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    with _loose_model() as (model, _):
        monkeypatch.setattr(checks, "tenant_models", lambda: [*tenant_models(), model])
        [message] = check_isolation(databases=["default"])

    assert message.id == "integrations.E015"
    assert 'IsolateTenantTable("Loose")' in str(message.hint)


@contextmanager
def _usable_role(superuser: BaseDatabaseWrapper, power: str) -> Iterator[str]:
    """Make a role with a power that the tests' login may not give, but which it may switch to."""
    role = f"test_role_{secrets.token_hex(6)}"
    with superuser.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role} {power}; GRANT {role} TO {connection.settings_dict['USER']}")
        try:
            yield role
        finally:
            cursor.execute(f"DROP ROLE {role}")


@contextmanager
def _models_without_tenant() -> Iterator[list[type[models.Model]]]:
    with isolate_apps("webhooks"):

        class Note(models.Model):
            webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE)

            class Meta:
                app_label = "webhooks"

            def __str__(self) -> str:
                return str(self.pk)

        class Label(models.Model):
            tenant_id = models.UUIDField()
            webhooks = models.ManyToManyField(Webhook, related_name="+")

            class Meta:
                app_label = "webhooks"

            def __str__(self) -> str:
                return str(self.pk)

        yield [Note, Label, Label.webhooks.through]


@contextmanager
def _loose_model() -> Iterator[tuple[type[models.Model], object]]:
    with isolate_apps("webhooks"):

        class Loose(models.Model):
            tenant_id = models.UUIDField()
            webhook = models.ForeignKey("webhooks.Webhook", on_delete=models.CASCADE)

            class Meta:
                app_label = "webhooks"

            def __str__(self) -> str:
                return str(self.pk)

        yield Loose, Loose._meta.get_field("webhook")


def _ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]
