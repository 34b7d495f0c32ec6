"""The system checks: silent on the real database, and loud about each way in which isolation can be lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.checks import CheckMessage
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.test.utils import isolate_apps

from integrations.isolation import checks
from integrations.isolation.checks import check_foreign_keys_are_declared, check_isolation
from tests.integrations.isolation.databases import new_role

pytestmark = pytest.mark.django_db


def test_finds_nothing_in_a_migrated_database() -> None:
    assert check_isolation(databases=["default"]) == []
    assert check_foreign_keys_are_declared() == []


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
    ],
)
def test_reports_what_was_lost(damage: str, identifier: str, named: str) -> None:
    with new_role() as powers, connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before_damage")
        cursor.execute(damage.format(role=settings.TENANT_ROLE, powers=powers))
        [message] = check_isolation(databases=["default"])
        cursor.execute("ROLLBACK TO SAVEPOINT before_damage")

    assert message.id == f"integrations.{identifier}"
    assert named in message.msg
    assert message.hint


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
    MigrationRecorder(connection).record_unapplied("webhooks", "0002_isolation")
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
