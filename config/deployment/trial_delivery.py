"""Two trial deliveries of a tenant of their own, which is deleted afterwards.

One is left to the engines that are running: its address leads nowhere, so that what is seen is that one of them claims
it, tries, and records that the name could not be resolved. The other is made by the engine's own code in this process,
as no engine may reach the loopback address: accepted, leased, signed, sent over TLS to a receiver here, and recorded. Its
lease is taken in the transaction that accepts it, so that no running engine ever sees it.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from analytics.models import HourlyRollup, WebhookCall
from analytics.models.rollup import ALL_TARGETS
from config.deployment.findings import Report
from config.deployment.trial_receiver import DOMAIN, TrialReceiver
from integrations.activity.actor import Actor
from integrations.errors import NotFoundError
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.services.tenants import create_tenant, delete_tenant
from integrations.tenant_data_owners import tenant_data_owners
from webhooks.engine.heartbeat import beat, sign_off
from webhooks.engine.record import record_outcomes
from webhooks.engine.senders import Attempted, Claimed
from webhooks.engine.webhook_sender import WebhookJob, WebhookSender
from webhooks.models import Delivery, DeliveryState, Webhook
from webhooks.queue_state import engines_alive
from webhooks.services.calls import call_webhook
from webhooks.services.webhooks import create_webhook
from webhooks.signing import sign, signing_key

NAME: Final = "Trial delivery (removes itself)"
SLUG: Final = "signalbox-trial-"
ENGINE_SECONDS: Final = 30.0
# What a run that was killed left behind is removed by the next one, but not another run that is under way.
ABANDONED_AFTER: Final = timedelta(minutes=10)
_TIMEOUT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1
_LEASE: Final = f"""
    UPDATE webhooks_due SET lease_by = %s, leased_at = now() WHERE delivery_id = %s
    RETURNING {", ".join(Claimed._fields)}
"""  # noqa: S608  (our own names)


def look_at_trial_delivery(report: Report, *, engine_seconds: float = ENGINE_SECONDS) -> None:
    """Make both deliveries; safe on a live site and beside itself. The tenant goes even when this is interrupted."""
    remove_abandoned()
    with trial_tenant() as tenant:
        if engines_alive():
            _leave_to_engines(report, tenant, engine_seconds)
        else:
            report.find("No delivery engine was there for the trial delivery.", "Start `celery -A config worker`.")
        _exchange_here(report, tenant)


@contextmanager
def trial_tenant() -> Iterator[Tenant]:
    """Make a tenant and delete it with all its rows at the end, however that comes."""
    tenant = create_tenant(actor=_actor(), name=NAME, slug=f"{SLUG}{secrets.token_hex(8)}")
    try:
        yield tenant
    finally:
        _remove(tenant)


def remove_abandoned() -> int:
    """Remove the tenants of runs that were killed; return how many there were."""
    left = Tenant.objects.existing().filter(
        name=NAME, slug__startswith=SLUG, created_at__lt=timezone.now() - ABANDONED_AFTER
    )
    for tenant in (abandoned := list(left)):
        _remove(tenant)
    return len(abandoned)


def _remove(tenant: Tenant) -> None:
    try:
        delete_tenant(actor=_actor(), tenant=tenant)
    except NotFoundError:
        return  # somebody else was quicker
    for owner in tenant_data_owners():
        owner.delete(tenant.id)


def _actor() -> Actor:
    return Actor.system("verify_deployment")


def _webhook(tenant: Tenant, name: str, url: str) -> Webhook:
    return create_webhook(
        actor=_actor(),
        tenant=tenant,
        workflow_name=name,
        url=url,
        event_types=[],
        max_retries=0,
        timeout_ms=round(_TIMEOUT_SECONDS * 1000),
    )


def _leave_to_engines(report: Report, tenant: Tenant, seconds: float) -> None:
    webhook = _webhook(tenant, "left_to_engines", f"https://{secrets.token_hex(8)}.{DOMAIN}/")
    began = time.monotonic()
    delivery_id = call_webhook(webhook, {"trial": True}).delivery_id
    while (state := _state(delivery_id)) in {DeliveryState.PENDING, DeliveryState.RETRYING}:
        if time.monotonic() - began > seconds:
            report.find(
                f"No running engine recorded the trial delivery within {seconds:.0f} s.",
                "Look for engine_ lines in the workers' log, and at the delivery lag above.",
            )
            return
        time.sleep(_POLL_SECONDS)
    report.facts["engine_seconds"] = round(time.monotonic() - began, 2)
    call = WebhookCall.objects.filter(tenant_id=tenant.id, delivery_id=delivery_id).order_by("id").last()
    report.facts["engine_recorded"] = call.error_kind if call is not None else None
    if call is None or call.success:
        report.find(
            f"A running engine ended the trial delivery as {state} "
            + ("and recorded no call." if call is None else f"although {DOMAIN} exists nowhere."),
            "See the workers' log."
            if call is None
            else "Names that do not exist are answered: correct the DNS server.",
        )


def _exchange_here(report: Report, tenant: Tenant) -> None:
    payload = {"trial": secrets.token_hex(16)}
    with TrialReceiver(secrets.token_hex(8)) as receiver:
        webhook = _webhook(tenant, "received_here", receiver.url)
        outcome = _deliver(webhook, payload, receiver)
    if outcome is None:
        report.find("The trial delivery was not prepared for sending.", "See the lines of this command's log.")
        return
    call, delivery = outcome.call, Delivery.objects.get(id=outcome.claimed.delivery_id)
    report.facts["exchange_ms"] = call.response_time_ms
    if not call.success or not receiver.received:
        report.find(
            f"The trial delivery did not arrive: {call.error_message or 'the receiver saw nothing'}",
            "The exchange is between this process and itself: look at the host (firewall, time, OpenSSL).",
        )
        return
    got = receiver.received[0]
    expected = sign(
        keys=[signing_key(webhook.signing_secret.reveal())],
        message_id=str(delivery.id),
        timestamp=int(got.headers.get("webhook-timestamp", "0")),
        body=got.body,
    )
    if (
        not hmac.compare_digest(got.headers.get("webhook-signature", ""), expected)
        or payload["trial"].encode() not in got.body
    ):
        report.find("The trial delivery arrived with another content or signature than was sent.", "Report this.")
    stored = WebhookCall.objects.filter(tenant_id=tenant.id, delivery_id=delivery.id, status_code=200).count()
    summed = HourlyRollup.objects.filter(tenant_id=tenant.id, target_id=ALL_TARGETS).exists()
    if (delivery.state, stored, summed) != (DeliveryState.SUCCEEDED, 1, True):
        report.find(
            f"The trial delivery arrived, but was recorded as {delivery.state} with {stored} calls.", "Report this."
        )


def _deliver(webhook: Webhook, payload: dict[str, str], receiver: TrialReceiver) -> Attempted | None:
    """Accept, lease, prepare, send and record one delivery as an engine does; None when it could not be prepared."""
    engine_id = uuid7()
    beat(engine_id, 1)
    try:
        with transaction.atomic():
            delivery_id = call_webhook(webhook, payload).delivery_id
            claimed = _lease(engine_id, delivery_id)
        sender = WebhookSender(receiver.client())
        (job,) = sender.prepare([claimed])
        if not isinstance(job, WebhookJob):
            return None
        outcome = asyncio.run(_send(sender, job))
        record_outcomes(engine_id, [outcome])
        return outcome
    finally:
        sign_off(engine_id)


def _lease(engine_id: UUID, delivery_id: UUID) -> Claimed:
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [engine_id, delivery_id])
        return Claimed._make(cursor.fetchone())


async def _send(sender: WebhookSender, job: WebhookJob) -> Attempted:
    await sender.open()
    try:
        return await sender.send(job)
    finally:
        await sender.close()


def _state(delivery_id: UUID) -> str:
    return str(Delivery.objects.values_list("state", flat=True).get(id=delivery_id))
