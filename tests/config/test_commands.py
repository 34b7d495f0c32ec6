"""Commands that span the rooms."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

import manage
from analytics.models import HourlyRollup, MinuteRollup, WebhookCall
from integrations.activity.actor import Actor
from integrations.api_keys.checking import check_key
from integrations.models import ActivityLog, Integration, Membership, Role, Tenant, User
from integrations.platform_roles import PlatformRole, role_of
from integrations.services.memberships import add_member
from tests.analytics.calls import call, record
from webhooks.models import Delivery, Due, Engine, Event, Webhook
from webhooks.services.calls import call_webhook_by_name

pytestmark = pytest.mark.django_db(transaction=True)
EMPTIED = [Tenant, Membership, Integration, Webhook, Event, Delivery, Due, WebhookCall, HourlyRollup, MinuteRollup]


def run(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def filled(platform_admin: User) -> Tenant:
    """The demo, a member, a delivery that waits and a call."""
    run("seed_demo")
    tenant = Tenant.objects.get(slug="demo")
    member = User.objects.create_user("member", "member@example.com")
    add_member(actor=Actor.system("test"), tenant=tenant, user=member, role=Role.OWNER)
    call_webhook_by_name(tenant, "order_created", {"order": 1})
    record([call(tenant_id=tenant.id)])
    return tenant


def rows() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in EMPTIED}


def test_reset_deletes_all_of_every_tenant_and_keeps_platform_admins(filled: Tenant) -> None:
    printed = run("reset_db_preserve_admin", "--yes")
    assert rows() == dict.fromkeys(rows(), 0)
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]
    assert list(ActivityLog.objects.values_list("verb", flat=True)) == ["tenant.deleted"]
    lines = dict(line.split() for line in printed.partition("Deleted:")[2].strip().splitlines())
    assert (lines["integrations_tenant"], lines["integrations_integration"], lines["webhooks_webhook"]) == (
        "1",
        "3",
        "2",
    )


def test_reset_logs_what_it_deleted(filled: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    run("reset_db_preserve_admin", "--yes")
    assert any("database_reset" in message and "integrations_tenant" in message for message in caplog.messages)


def test_reset_changes_nothing_when_dry(filled: Tenant) -> None:
    before = rows()
    assert "would be deleted" in run("reset_db_preserve_admin", "--dry-run")
    assert rows() == before


def test_reset_changes_nothing_unless_the_answer_is_delete(filled: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows()
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run("reset_db_preserve_admin")
    assert rows() == before


def test_reset_refuses_in_production_without_force(filled: Tenant, settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    before = rows()
    with pytest.raises(CommandError, match="production"):
        run("reset_db_preserve_admin", "--yes")
    assert rows() == before
    run("reset_db_preserve_admin", "--yes", "--force")
    assert Tenant.objects.count() == 0


def test_reset_waits_for_engines_that_have_deliveries_in_hand(filled: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine.objects.create(host="here", pid=1, in_flight=2, heartbeat_at=timezone.now())
    waited: list[float] = []

    def heartbeat(seconds: float) -> None:
        waited.append(seconds)
        Engine.objects.filter(id=engine.id).update(heartbeat_at=timezone.now(), in_flight=max(0, 2 - len(waited)))

    monkeypatch.setattr("config.management.commands.reset_db_preserve_admin.time.sleep", heartbeat)
    printed = run("reset_db_preserve_admin", "--yes")
    assert len(waited) == 2
    assert "Waiting for 1 request in flight" in printed
    assert Tenant.objects.count() == 0


def test_seed_demo_makes_the_tenant_once(db: None) -> None:
    printed = run("seed_demo")
    assert "Demo Company" in printed
    assert check_key(printed.split()[-1], address=None).tenant.slug == "demo"
    counts = (Tenant.objects.count(), Integration.objects.count(), Webhook.objects.count())
    assert counts == (1, 3, 2)
    assert "there already" in run("seed_demo")
    assert (Tenant.objects.count(), Integration.objects.count(), Webhook.objects.count()) == counts


def test_seed_demo_refuses_in_production(db: None, settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        run("seed_demo")
    assert Tenant.objects.count() == 0


def test_ensure_admin_prints_a_made_password_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD", "EMAIL"):
        monkeypatch.delenv(f"DJANGO_SUPERUSER_{name}", raising=False)
    printed = run("ensure_admin")
    password = printed.rpartition(": ")[2].strip()
    admin = User.objects.get()
    assert admin.check_password(password)
    assert (admin.platform_role, role_of(admin)) == ("owner", PlatformRole.OWNER)
    assert password not in run("ensure_admin")
    assert User.objects.count() == 1


def test_ensure_admin_honours_the_environment(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "grace")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "from the environment 1")
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "grace@example.com")
    assert "from the environment" not in run("ensure_admin")
    admin = User.objects.get(username="grace", email="grace@example.com")
    assert admin.check_password("from the environment 1")


def refusing_connection(arguments: list[str]) -> None:
    raise OperationalError("connection to server on socket failed\n\tIs the server running locally?")


def test_manage_says_how_to_start_the_embedded_server(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr("django.core.management.execute_from_command_line", refusing_connection)
    settings.DATABASE_IS_EMBEDDED = True
    with pytest.raises(SystemExit, match="start `make run`"):
        manage.main()
    settings.DATABASE_IS_EMBEDDED = False
    with pytest.raises(OperationalError):
        manage.main()
