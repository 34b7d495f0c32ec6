"""The outbox is emptied: grouped, once, again after a failure, and no channel waits for another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, connections
from standardwebhooks import Webhook as Verifier

from analytics.alerts.channel_kinds.signed_webhook import SignedWebhook
from analytics.alerts.models import AlertChannel, AlertNotice
from analytics.alerts.services.channels import create_channel, delete_channel, try_channel, update_channel
from analytics.alerts.services.sending import GIVE_UP_AFTER, LEASE, send_notices
from integrations.encryption.data_keys import forget_data_keys
from integrations.models import Tenant
from integrations.services.tenants import create_tenant
from tests.analytics.alerts.alert_steps import ACTOR, make_alert, notice, webhook_channel
from tests.receiver import Receiver, Request

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def channel(tenant: Tenant, receiver: Receiver) -> AlertChannel:
    return webhook_channel(receiver.url("/alerts"), tenant)


def verified(channel: AlertChannel, request: Request) -> Any:
    """Return the body, once the library of Standard Webhooks has found its signature right."""
    assert channel.secret is not None
    return Verifier(channel.secret.reveal()).verify(request.body, dict(request.headers.items()))


def states() -> list[str]:
    return list(AlertNotice.objects.order_by("id").values_list("state", flat=True))


def test_signed_message_names_what_opened(channel: AlertChannel, receiver: Receiver, tenant: Tenant) -> None:
    alert = make_alert(tenant)
    written = notice(channel, alert)
    assert send_notices() == 1
    [request] = receiver.requests
    body = verified(channel, request)
    assert (body["type"], body["data"]["total"]) == ("alert.opened", 1)
    assert body["timestamp"] == written.created_at.isoformat().replace("+00:00", "Z")
    [told] = body["data"]["alerts"]
    assert (told["id"], told["rule"]["kind"], told["object"]["label"]) == (str(alert.id), "webhook_disabled", "orders")
    written.refresh_from_db()
    assert (written.state, str(written.message_id)) == ("sent", request.headers["webhook-id"])
    assert send_notices() == 0


def test_what_waits_is_one_message_for_each_event(channel: AlertChannel, receiver: Receiver, tenant: Tenant) -> None:
    for _ in range(25):
        notice(channel, make_alert(tenant))
        notice(channel, make_alert(tenant), "recovered")
    assert send_notices() == 2
    bodies = [verified(channel, request) for request in receiver.requests]
    assert [(body["type"], body["data"]["total"], len(body["data"]["alerts"])) for body in bodies] == [
        ("alert.opened", 25, 20),
        ("alert.recovered", 25, 20),
    ]


def test_events_of_one_alert_keep_their_order(channel: AlertChannel, receiver: Receiver, tenant: Tenant) -> None:
    alert, other = make_alert(tenant), make_alert(tenant)
    for event in ("opened", "recovered", "opened"):
        notice(channel, alert, event)
    notice(channel, other)
    assert send_notices() == 3
    told = [(body["type"], body["data"]["total"]) for body in (verified(channel, r) for r in receiver.requests)]
    assert told == [("alert.opened", 2), ("alert.recovered", 1), ("alert.opened", 1)]


def test_failure_is_kept_with_the_channel_and_tried_again_with_the_same_id(
    channel: AlertChannel, receiver: Receiver, clock: time_machine.Traveller, tenant: Tenant
) -> None:
    notice(channel, make_alert(tenant))
    receiver.answer("/alerts", status=503)
    assert send_notices() == 0
    channel.refresh_from_db()
    assert (channel.failures, channel.last_error, channel.last_failed_at) == (1, "The endpoint answered 503.", START)
    clock.shift(timedelta(seconds=4.9))
    assert (send_notices(), len(receiver.requests)) == (0, 1)
    notice(channel, make_alert(tenant))
    receiver.answer("/alerts", status=204)
    clock.shift(timedelta(seconds=0.1))
    assert send_notices() == 2
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert verified(channel, receiver.requests[1])["data"]["total"] == 1
    channel.refresh_from_db()
    assert (channel.failures, channel.last_error, channel.retry_at, states()) == (0, "", None, ["sent", "sent"])


def test_pauses_grow_and_a_message_is_given_up_after_hours(
    channel: AlertChannel, receiver: Receiver, clock: time_machine.Traveller, tenant: Tenant
) -> None:
    notice(channel, make_alert(tenant))
    receiver.answer("/alerts", status=500)
    attempts = []
    while states() == ["waiting"]:
        send_notices()
        attempts.append(datetime.now(UTC) - START)
        channel.refresh_from_db()
        clock.move_to(channel.retry_at)
    minutes = [round(attempt.total_seconds() / 60, 1) for attempt in attempts]
    assert minutes == [0, 0.1, 0.6, 2.6, 12.6, 42.6, 102.6, 162.6, 222.6, 282.6]
    assert attempts[-1] > GIVE_UP_AFTER
    assert states() == ["given_up"]
    assert len(receiver.requests) == len(attempts)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "The endpoint answered 302."),
        ({"status": 404}, "The endpoint answered 404."),
        ({"reset": True}, "The connection was lost"),
        ({"raw": b"no HTTP at all\r\n\r\n"}, "HTTP"),
    ],
)
def test_answers_that_are_no_success(
    answer: dict[str, Any], problem: str, channel: AlertChannel, receiver: Receiver, tenant: Tenant
) -> None:
    receiver.answer("/alerts", **answer)
    notice(channel, make_alert(tenant))
    assert send_notices() == 0
    channel.refresh_from_db()
    assert problem in channel.last_error
    assert "/alerts" not in channel.last_error


def test_address_that_the_guard_refuses_is_never_reached(
    channel: AlertChannel, receiver: Receiver, settings: Any, tenant: Tenant
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    notice(channel, make_alert(tenant))
    assert send_notices() == 0
    channel.refresh_from_db()
    assert (channel.failures, receiver.requests) == (1, [])


def test_channels_in_order_come_before_failing_ones(receiver: Receiver, tenant: Tenant, other_tenant: Tenant) -> None:
    failing = webhook_channel(receiver.url("/failing"), tenant)
    fine = webhook_channel(receiver.url("/fine"), other_tenant)
    AlertChannel.objects.filter(id=failing.id).update(failures=3)
    receiver.answer("/failing", status=500)
    for channel in (failing, fine):
        notice(channel, make_alert(channel.tenant))
    assert send_notices() == 1
    assert [request.path for request in receiver.requests] == ["/fine", "/failing"]


def test_channel_that_another_worker_has_is_left_alone_until_its_lease_ends(
    channel: AlertChannel, receiver: Receiver, clock: time_machine.Traveller, tenant: Tenant
) -> None:
    notice(channel, make_alert(tenant))
    AlertChannel.objects.update(leased_until=START + LEASE)
    assert send_notices() == 0
    clock.shift(LEASE)
    assert send_notices() == 1


def test_channel_that_is_switched_off_gives_up_what_waits(
    channel: AlertChannel, receiver: Receiver, tenant: Tenant
) -> None:
    notice(channel, make_alert(tenant))
    update_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id, changes={"enabled": False})
    update_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id, changes={"enabled": True})
    assert (send_notices(), states(), receiver.requests) == (0, ["given_up"], [])


def test_deleted_channel_takes_its_notices_along(channel: AlertChannel, tenant: Tenant) -> None:
    notice(channel, make_alert(tenant))
    delete_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id)
    assert (send_notices(), AlertNotice.objects.count()) == (0, 0)


def test_another_address_ends_the_pause(channel: AlertChannel, receiver: Receiver, tenant: Tenant) -> None:
    receiver.answer("/alerts", status=500)
    notice(channel, make_alert(tenant))
    send_notices()
    update_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id, changes={"url": receiver.url("/new")})
    assert send_notices() == 1
    assert receiver.requests[-1].path == "/new"


def test_secret_that_does_not_open_is_said_and_stops_no_other_channel(
    channel: AlertChannel, receiver: Receiver, tenant: Tenant
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE alerts_alertchannel SET secret = overlay(secret placing '00' from length(secret) - 1)")
    other = webhook_channel(receiver.url("/other"), tenant)
    forget_data_keys()
    for row in (channel, other):
        notice(row, make_alert(tenant))
    assert send_notices() == 1
    channel.refresh_from_db()
    assert channel.last_error == "The channel's secret cannot be read: enter it again."


class TestTest:
    def test_one_that_gets_through_ends_the_pause(
        self, channel: AlertChannel, receiver: Receiver, tenant: Tenant
    ) -> None:
        receiver.answer("/alerts", status=500, times=1)
        notice(channel, make_alert(tenant))
        send_notices()
        assert try_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id) is None
        assert verified(channel, receiver.requests[1]) == {
            "type": "alert.test",
            "timestamp": verified(channel, receiver.requests[1])["timestamp"],
            "data": {"total": 0, "alerts": []},
        }
        assert send_notices() == 1

    def test_one_that_does_not_says_why(self, channel: AlertChannel, receiver: Receiver, tenant: Tenant) -> None:
        receiver.answer("/alerts", status=401)
        problem = try_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id)
        assert problem == "The endpoint answered 401."
        channel.refresh_from_db()
        assert (channel.last_error, channel.failures) == (problem, 0)


def test_slow_channel_ends_the_run_and_not_the_work(receiver: Receiver, tenant: Tenant) -> None:
    for path in ("/one", "/two"):
        notice(webhook_channel(receiver.url(path), tenant), make_alert(tenant))
    assert send_notices(run_seconds=0) == 0
    assert send_notices() == 2


def test_platforms_channel_names_the_tenant(receiver: Receiver, tenant: Tenant) -> None:
    channel = create_channel(
        actor=ACTOR, tenant=None, kind="webhook", name="Ops", url=receiver.url("/ops"), rule_kinds=["delivery_lag"]
    )
    notice(channel, make_alert(tenant))
    assert send_notices() == 1
    assert verified(channel, receiver.requests[0])["data"]["alerts"][0]["tenant"]["name"] == "Acme"


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_send_each_message_once(receiver: Receiver) -> None:
    tenant = create_tenant(actor=ACTOR, name="Acme", slug="acme")
    channels = [webhook_channel(receiver.url(f"/{number}"), tenant) for number in range(5)]
    for channel in channels * 3:
        notice(channel, make_alert(tenant))
    barrier, sent = threading.Barrier(4), []

    def run() -> None:
        barrier.wait()
        sent.append(send_notices())
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(sent), len(receiver.requests)) == (5, 5)
    assert [verified(channel, receiver.to(f"/{n}")[0])["data"]["total"] for n, channel in enumerate(channels)] == [
        3
    ] * 5


def test_never_sends_inside_a_transaction(
    channel: AlertChannel, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = []

    def send(self: Any, channel: Any, message: Any) -> None:
        blocks.append([block for block in connection.atomic_blocks if not block._from_testcase])

    monkeypatch.setattr(SignedWebhook, "send", send)
    notice(channel, make_alert(tenant))
    assert send_notices() == 1
    assert try_channel(actor=ACTOR, tenant=tenant, channel_id=channel.id) is None
    assert blocks == [[], []]
