"""What is told of trouble that comes and goes: openings at most once an hour for a rule and an object, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from analytics.alerts.models import Alert, AlertNotice, AlertRule
from analytics.alerts.services.applying import QUIET
from analytics.alerts.services.channels import create_channel
from analytics.alerts.services.evaluating import evaluate_alerts
from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.analytics.alerts.watches import Webhooks, watched

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Trouble:
    """A webhook that is disabled, or not, at each of a row of moments."""

    def __init__(self, clock: time_machine.Traveller, webhooks: Webhooks, tenant: Tenant) -> None:
        self.clock = clock
        self.webhooks = webhooks
        self.object = watched(tenant.id)

    def at(self, minute: float, *, is_there: bool) -> list[str]:
        """Evaluate at that minute, and return what was told because of it."""
        before = AlertNotice.objects.count()
        self.clock.move_to(START + minute * MINUTE)
        self.webhooks.disabled = [self.object] if is_there else []
        evaluate_alerts()
        return list(AlertNotice.objects.order_by("id").values_list("event", flat=True))[before:]


@pytest.fixture
def trouble(tenant: Tenant, admin_actor: Actor, webhooks: Webhooks) -> Iterator[Trouble]:
    create_channel(actor=admin_actor, tenant=None, kind="email", name="Ops", recipients=["ops@example.com"])
    with time_machine.travel(START, tick=False) as clock:
        yield Trouble(clock, webhooks, tenant)


def test_start_and_recovery_are_told_once(trouble: Trouble) -> None:
    assert trouble.at(0, is_there=True) == ["opened"]
    assert trouble.at(0.5, is_there=True) == []
    assert trouble.at(300, is_there=True) == []
    assert trouble.at(301, is_there=False) == ["recovered"]
    assert trouble.at(302, is_there=False) == []
    alert = Alert.objects.get()
    assert (alert.opened_at, alert.last_seen_at, alert.recovered_at) == (
        START,
        START + 300 * MINUTE,
        START + 301 * MINUTE,
    )


def test_flapping_is_counted_and_told_when_the_hour_is_over(trouble: Trouble) -> None:
    told = [trouble.at(minute, is_there=minute % 2 == 0) for minute in range(60)]
    assert [event for events in told for event in events] == ["opened", "recovered"]
    assert trouble.at(59.99, is_there=True) == []
    assert trouble.at(60, is_there=True) == ["opened"]
    alert = Alert.objects.get()
    assert (alert.times_opened, alert.is_told, alert.openings_untold) == (31, True, 0)
    shown = AlertNotice.objects.order_by("id").last().shown
    assert shown["times_opened"] == 31
    assert shown["sentence"].endswith("It has opened 30 times since that was last told.")


def test_trouble_that_is_over_when_the_hour_is_says_nothing_more(trouble: Trouble) -> None:
    assert trouble.at(0, is_there=True) == ["opened"]
    assert trouble.at(1, is_there=False) == ["recovered"]
    assert trouble.at(2, is_there=True) == []
    assert trouble.at(3, is_there=False) == []
    assert trouble.at(70, is_there=False) == []
    assert Alert.objects.get().times_opened == 2


def test_untold_trouble_that_lasts_is_told_when_the_hour_is_over(trouble: Trouble) -> None:
    trouble.at(0, is_there=True)
    trouble.at(1, is_there=False)
    assert trouble.at(2, is_there=True) == []
    assert trouble.at(59, is_there=True) == []
    assert trouble.at(60, is_there=True) == ["opened"]
    assert trouble.at(61, is_there=False) == ["recovered"]


@pytest.mark.parametrize(("quiet", "rows", "times"), [(QUIET - timedelta(seconds=1), 1, 2), (QUIET, 2, 1)])
def test_trouble_after_an_hour_of_quiet_is_a_new_alert(
    quiet: timedelta, rows: int, times: int, trouble: Trouble
) -> None:
    trouble.at(0, is_there=True)
    trouble.at(1, is_there=False)
    assert trouble.at(1 + quiet / MINUTE, is_there=True) == ["opened"]
    assert Alert.objects.count() == rows
    assert Alert.objects.get(recovered_at=None).times_opened == times


def test_rule_that_is_switched_off_ends_its_alerts_and_says_so(trouble: Trouble) -> None:
    trouble.at(0, is_there=True)
    AlertRule.objects.update(enabled=False)
    assert trouble.at(1, is_there=True) == ["recovered"]
    assert Alert.objects.get().recovered_at == START + MINUTE
    assert "switched off" in AlertNotice.objects.order_by("id").last().shown["sentence"]
    AlertRule.objects.update(enabled=True)
    assert trouble.at(2, is_there=True) == []
    assert Alert.objects.filter(recovered_at=None).count() == 1
