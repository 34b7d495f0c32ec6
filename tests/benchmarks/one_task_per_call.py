"""The baseline: what one writes first. One Celery task per call, `requests`, and a row per model through the ORM.

It signs, carries the token, records each attempt, counts totals and retries through Celery; it has no egress guard,
no fairness and nothing that outlives a lost broker. The queue is filled before the worker starts, so that publishing
costs it nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import django
import requests
from celery import Celery
from celery.signals import worker_process_init
from django.conf import settings

from tests.benchmarks.report import middle
from tests.running_site import ROOT, wait_until

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

SECTION = "One Celery task per call, requests, ORM rows"
# Loading the settings has loaded Signalbox's own Celery application: its workers host an engine each, this one must not.
worker_process_init.receivers.clear()
app = Celery("one_task_per_call", broker=settings.CELERY_BROKER_URL)
app.conf.update(task_default_queue="one_task_per_call", task_ignore_result=True)


@app.task(bind=True, max_retries=3)
def deliver(self: Any, delivery_id: str) -> None:
    from django.db.models import F
    from django.utils import timezone

    from analytics.models import WebhookCall
    from webhooks.models import Delivery, Event, Payload, Webhook, WebhookStats
    from webhooks.signing import sign, signing_key

    delivery = Delivery.objects.get(id=delivery_id)
    event = Event.objects.get(id=delivery.event_id)
    payload = Payload.objects.get(id=delivery.event_id)
    webhook = Webhook.objects.select_related("tenant").get(id=delivery.target_id)
    body, now = payload.body.encode(), int(time.time())
    key = signing_key(webhook.signing_secret.reveal())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": str(delivery.id),
        "webhook-timestamp": str(now),
        "webhook-signature": sign(keys=[key], message_id=str(delivery.id), timestamp=now, body=body),
    }
    started_at, started = timezone.now(), time.perf_counter()
    status, text, error = None, "", ""
    try:
        bearer = {"Authorization": f"Bearer {webhook.auth_token.reveal()}"}
        response = requests.post(webhook.url.reveal(), data=body, headers=headers | bearer, timeout=30)
        status, text = response.status_code, response.text[:16384]
    except requests.RequestException as problem:
        error = str(problem)
    success = status is not None and 200 <= status <= 299
    delivery.attempts += 1
    is_final = success or delivery.attempts > 3
    WebhookCall.objects.create(
        tenant_id=delivery.tenant_id,
        target_id=webhook.id,
        workflow_name=webhook.workflow_name,
        delivery_id=delivery.id,
        event_id=event.id,
        event_type=event.event_type,
        attempt=delivery.attempts,
        is_final=is_final,
        request_headers=headers,
        status_code=status,
        response_body=text,
        response_time_ms=round((time.perf_counter() - started) * 1000),
        success=success,
        error_message=error[:500],
        timestamp=started_at,
    )
    delivery.state = "succeeded" if success else "failed" if is_final else "retrying"
    delivery.last_status_code = status
    delivery.finished_at = timezone.now() if is_final else None
    delivery.save()
    if is_final:
        stats, _ = WebhookStats.objects.get_or_create(webhook=webhook, defaults={"tenant_id": delivery.tenant_id})
        changed = {"total_calls": F("total_calls") + 1, "last_called_at": started_at}
        WebhookStats.objects.filter(pk=stats.pk).update(**changed)
    else:
        raise self.retry(countdown=delivery.attempts)


def _per_second(site: Site, *, processes: int, count: int) -> float:
    """Publish so many tasks, start a worker, and return the rate between the first and the last delivery's end."""
    site.empty()
    site.load(count, is_due=False)  # an engine, were there one, would have nothing to do
    for (delivery_id,) in site.query("SELECT id FROM webhooks_delivery"):
        deliver.delay(str(delivery_id))
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        __name__,
        "worker",
        f"--concurrency={processes}",
        "--loglevel=ERROR",
    ]
    log = site.processes._log
    worker = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        finished = "SELECT count(*) FROM webhooks_delivery WHERE finished_at IS NOT NULL"
        wait_until(lambda: site.value(finished) == count, f"{count} tasks are done", 300)
        assert site.value("SELECT count(*) FROM webhooks_engine") == 0, "an engine ran beside the baseline"
    finally:
        worker.terminate()
        worker.wait(30)
    span = "SELECT extract(epoch FROM max(finished_at) - min(finished_at)) FROM webhooks_delivery"
    return (count - 1) / float(site.value(span))


def run(site: Site) -> None:
    for processes in (1, 2):
        figures = [_per_second(site, processes=processes, count=400 if site.is_quick else 2_000)]
        per_second, note = middle(figures)
        if processes == 1:
            site.report.tasks_per_second = per_second
        what = f"{processes} worker process{'es' * (processes > 1)}"
        site.report.add(SECTION, what, per_second, "deliveries/s", is_compared=True, note=note)
