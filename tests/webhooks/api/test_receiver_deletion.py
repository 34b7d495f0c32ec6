"""Deleting a receiver while its sender goes on sending."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.lock_waits import waiting_for_locks
from tests.running_site import wait_until
from tests.webhooks.api.inbound_steps import deliver, make
from webhooks.models import InboundOutcome, InboundRequest, Receiver, ReceiverCount
from webhooks.services.inbound_counts import count
from webhooks.services.receivers import delete_receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_address")]


def closing(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    finally:
        connection.close()


def test_a_request_that_arrives_meanwhile_finds_no_receiver(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    assert deliver(receiver, sender).status_code == 200
    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            InboundRequest.objects.select_for_update().get()  # holds the deletion up in its middle
            deleted = threads.submit(
                closing, lambda: delete_receiver(actor=admin_actor, tenant=tenant, receiver_id=receiver.id)
            )
            wait_until(lambda: waiting_for_locks() == 1, "the deletion waits for the request's row")
            arrived = threads.submit(closing, lambda: deliver(receiver, sender))
            wait_until(lambda: arrived.done() or waiting_for_locks() == 2, "the sender waits for the deletion")
        assert deleted.result(15) is None
        assert arrived.result(15).status_code == 404
    assert not Receiver.objects.exists()
    assert not InboundRequest.objects.exists()


def test_a_count_that_comes_too_late_is_left_out(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, _ = make(tenant, admin_actor, "github")
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            Receiver.objects.filter(id=receiver.id).delete()
            counted = threads.submit(closing, lambda: count(receiver.id, InboundOutcome.SIGNATURE))
            wait_until(lambda: waiting_for_locks() == 1, "the count waits for the deletion")
        assert counted.result(15) is None
    assert not ReceiverCount.objects.exists()
