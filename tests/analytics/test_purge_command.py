from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics.archive import ArchiveError
from analytics.management.commands import purge_analytics
from analytics.models import WebhookCall
from analytics.retention import Purged, PurgedRows
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.partitioning.partitions import PartitionBusyError
from tests.analytics.calls import NOW, call, record

OLD = NOW - timedelta(days=100)


def purge(*arguments: str) -> str:
    output = StringIO()
    call_command("purge_analytics", *arguments, stdout=output)
    return output.getvalue()


def refuse_to_ask(prompt: str) -> str:
    raise AssertionError(f"asked: {prompt}")


@pytest.fixture
def old_calls(tenant: Tenant, other_tenant: Tenant) -> None:
    """Strays of a day without a partition: two of one tenant, three of another, and a new one."""
    record([call(tenant_id=whose.id, timestamp=OLD) for whose in (tenant, tenant, *([other_tenant] * 3))])
    record([call(tenant_id=tenant.id)])


@pytest.mark.usefixtures("old_calls")
def test_removes_old_calls_without_asking_when_told_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", refuse_to_ask)
    output = purge("--older-than", "90d", "--yes")
    assert "analytics_webhookcall: 5 rows deleted" in output
    assert "analytics_webhookcall: 0 partitions (about 0 rows) and 5 single rows removed" in output
    assert WebhookCall.objects.count() == 1


@pytest.mark.usefixtures("old_calls")
@pytest.mark.parametrize("reference", ["slug", "id"])
def test_removes_one_tenants_calls_when_it_is_named(tenant: Tenant, reference: str) -> None:
    output = purge("--older-than", "90d", "--tenant", str(getattr(tenant, reference)), "--yes")
    assert "and 2 single rows removed" in output
    assert WebhookCall.objects.count() == 4


@pytest.mark.usefixtures("old_calls")
def test_dry_run_asks_nothing_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", refuse_to_ask)
    assert "and 5 single rows would be removed" in purge("--older-than", "90d", "--dry-run")
    assert WebhookCall.objects.count() == 6


@pytest.mark.usefixtures("old_calls")
@pytest.mark.parametrize(("answer", "left"), [("y", 1), (" YES ", 1), ("", 6), ("n", 6), ("yep", 6)])
def test_asks_before_it_removes(monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    asked: list[str] = []

    def answered(prompt: str) -> str:
        asked.append(prompt)
        return answer

    monkeypatch.setattr("builtins.input", answered)
    if left == 6:
        with pytest.raises(CommandError, match=r"Nothing was removed\."):
            purge("--older-than", "90d")
    else:
        purge("--older-than", "90d")
    assert asked == [
        "Remove all calls, deliveries, payloads and events of all tenants older than 90 days, 0:00:00? [y/N] "
    ]
    assert WebhookCall.objects.count() == left


@pytest.mark.usefixtures("old_calls")
def test_says_how_to_confirm_when_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_of_file(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end_of_file)
    with pytest.raises(CommandError, match="--yes"):
        purge("--older-than", "90d")
    assert WebhookCall.objects.count() == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--older-than", "soon", "--yes"], "'soon' is no age"),
        (["--older-than", "0d", "--yes"], "between 1h and 3650d"),
        (["--tenant", "acme", "--archive-to", "/tmp", "--yes"], "--archive-to goes without --tenant"),
        (["--archive-to", "/nowhere/at/all", "--yes"], "/nowhere/at/all is no folder that can be written to"),
        (["--older-than", "90d", "--tenant", "nobody", "--yes"], "There is no tenant 'nobody'"),
        (["--older-than", "90d", "--tenant", "a\x00b", "--yes"], "There is no tenant"),
    ],
)
def test_refuses_wrong_arguments_in_one_sentence(db: None, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        purge(*arguments)


@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        (KeyboardInterrupt(), 130, r"Stopped\. Run the command again to go on\."),
        (ArchiveError("The disk is full."), 1, r"The disk is full\. What is not archived was not removed\."),
        (PartitionBusyError("calls stayed locked."), 1, r"calls stayed locked\. Run the command again later"),
    ],
)
def test_says_how_far_it_came_when_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch, reason: BaseException, code: int, message: str
) -> None:
    def stop_after_four_rows(_older_than: timedelta, *, purged: Purged, **_arguments: Any) -> None:
        purged["analytics_webhookcall"] = PurgedRows(rows=4)
        raise reason

    monkeypatch.setattr(purge_analytics, "purge_older_than", stop_after_four_rows)
    output = StringIO()
    with pytest.raises(CommandError, match=message) as stopped:
        call_command("purge_analytics", "--older-than", "90d", "--yes", stdout=output)
    assert stopped.value.returncode == code
    assert "and 4 single rows removed so far" in output.getvalue()


def test_help_says_what_is_not_purged(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("purge_analytics", "--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert "Hourly sums stay for ever" in shown


def test_unused_ids_are_no_tenants(db: None) -> None:
    with pytest.raises(CommandError, match="There is no tenant"):
        purge("--older-than", "90d", "--tenant", str(uuid7()), "--yes")
