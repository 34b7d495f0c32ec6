"""`manage.py verify_deployment` on a real site, and on sites with something missing."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from config.deployment import servers, trial_delivery
from config.deployment.findings import Report, Step
from config.deployment.steps import take
from config.deployment.trial_delivery import NAME, SLUG, remove_abandoned
from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.tenants import create_tenant
from tests.running_site import ROOT, RunningSite, wait_until
from webhooks.models import Webhook

pytestmark = pytest.mark.processes


def verify(site: RunningSite, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_deployment", "--json", *arguments],
        cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout), done.stderr


def findings(document: dict[str, Any]) -> dict[str, list[str]]:
    return {
        step["name"]: [finding["message"] for finding in step["findings"]]
        for step in document["steps"]
        if step["findings"]
    }


def test_a_whole_site_is_well_and_one_without_its_worker_is_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    with RunningSite(tmp_path_factory.mktemp("site")) as site:
        code, document, progress = verify(site)
        assert (code, document["ok"], findings(document)) == (0, True, {}), document
        steps = {step["name"]: step["facts"] for step in document["steps"]}
        assert steps["processes"]["web"] == steps["processes"]["worker"] == steps["processes"]["engines"] == 1
        assert steps["trial delivery"]["engine_recorded"] == "dns"  # a running engine claimed it, and the guard held
        assert steps["trial delivery"]["exchange_ms"] < 5_000
        assert steps["sizes"]["tables"]["analytics_webhookcall"]["partitions"] > 14
        assert "trial delivery" in progress

        # Nothing of the trial is left, but what is told of it: that there was a tenant, and that it is gone.
        for table in ("webhooks_webhook", "webhooks_delivery", "webhooks_due", "webhooks_event", "analytics_webhookcall",
                      "analytics_hourlyrollup", "integrations_datakey WHERE tenant_id IS NOT NULL"):  # fmt: skip
            assert site.query(f"SELECT count(*) FROM {table}") == [(0,)], table
        assert site.query("SELECT count(*) FROM integrations_tenant WHERE deleted_at IS NULL") == [(0,)]
        for secret in (site.environment[name] for name in ("ENCRYPTION_KEY", "SECRET_KEY", "API_KEY_PEPPER")):
            assert secret not in json.dumps(document) + progress

        site.stop("worker")
        site.stop("beat")
        with_age = "UPDATE config_processtotal SET updated_at = updated_at - interval '1 minute' RETURNING 1"
        assert site.query(with_age)
        code, document, _ = verify(site, "--wait", "0")
        assert code == 1
        found = findings(document)
        assert set(found) == {"processes", "trial delivery"}
        assert [message.split(" for ")[0] for message in found["processes"]] == [
            "No worker process is alive.",
            "No delivery engine is alive: nothing is sent.",
            "Beat has sent nothing",
            "No worker has run a hint",
        ]
        assert found["trial delivery"] == ["No delivery engine was there for the trial delivery."]
        assert all(each["hint"] for step in document["steps"] for each in step["findings"])

        assert_interrupted_run_leaves_no_tenant(site)


def assert_interrupted_run_leaves_no_tenant(site: RunningSite) -> None:
    """An engine seems to be there and never comes for the delivery: so the run is stopped while it waits."""
    site.query(
        "INSERT INTO webhooks_engine (id, host, pid, in_flight, started_at, heartbeat_at)"
        " VALUES (gen_random_uuid(), 'x', 1, 0, now(), now() + interval '1 hour') RETURNING 1"
    )
    command = [sys.executable, "manage.py", "verify_deployment", "--wait", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=site.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    existing = "SELECT slug FROM integrations_tenant WHERE deleted_at IS NULL"
    wait_until(lambda: site.query("SELECT 1 FROM webhooks_due"), "the trial delivery waits", 30)
    assert len(site.query(existing)) == 1
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said.decode().strip()) == (
        130,
        "CommandError: Stopped; the trial delivery's tenant is removed.",
    )
    assert site.query(existing) == []
    assert site.query("SELECT count(*) FROM webhooks_due") == [(0,)]


def look(step: Callable[[Report], None]) -> list[str]:
    report = Report()
    step(report)
    return [finding.message for finding in report.findings]


def test_the_exchange_here_goes_through_although_production_refuses_the_loopback_address(
    transactional_db: None, settings: Settings
) -> None:
    settings.IS_PRODUCTION = settings.OUTBOUND_REQUIRE_HTTPS = True
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    report = Report()
    trial_delivery.look_at_trial_delivery(report)
    assert [finding.message for finding in report.findings] == ["No delivery engine was there for the trial delivery."]
    assert report.facts["exchange_ms"] < 5_000
    assert not Tenant.objects.existing().exists()
    assert not Webhook.objects.exists()


def test_an_engine_that_does_not_come_is_a_finding(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_delivery, "engines_alive", lambda: 1)
    report = Report()
    trial_delivery.look_at_trial_delivery(report, engine_seconds=0.2)
    assert [finding.message for finding in report.findings] == [
        "No running engine recorded the trial delivery within 0 s."
    ]


def test_what_a_killed_run_left_is_removed_and_nothing_else(transactional_db: None, tenant: Tenant) -> None:
    actor = Actor.system("test")
    left = create_tenant(actor=actor, name=NAME, slug=f"{SLUG}0123")
    create_tenant(actor=actor, name=NAME, slug=f"{SLUG}under-way")
    create_tenant(actor=actor, name="A customer", slug=f"{SLUG}customer")
    for slug in (left.slug, f"{SLUG}customer", tenant.slug):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE integrations_tenant SET created_at = now() - interval '11 minutes' WHERE slug = %s", [slug]
            )
    assert remove_abandoned() == 1
    assert set(Tenant.objects.existing().values_list("slug", flat=True)) == {
        tenant.slug, f"{SLUG}under-way", f"{SLUG}customer",
    }  # fmt: skip


def test_missing_migrations_are_named(transactional_db: None) -> None:
    assert look(servers.look_at_migrations) == []
    MigrationRecorder(connection).record_unapplied("config", "0001_initial")
    try:
        assert look(servers.look_at_migrations) == ["Migrations are not applied: config.0001_initial."]
    finally:
        MigrationRecorder(connection).record_applied("config", "0001_initial")


def test_a_wrong_key_is_a_finding_that_does_not_show_it(transactional_db: None, settings: Settings) -> None:
    assert look(servers.look_at_keys) == []
    settings.ENCRYPTION_KEY = wrong = "ab" * 32
    (message,) = look(servers.look_at_keys)
    assert "wrapped by another master key" in message
    assert wrong not in message


def test_a_broker_that_is_away_is_a_finding_without_its_password(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://:pa55word@127.0.0.1:9/0"
    (message,) = look(servers.look_at_broker)
    assert message.startswith("Redis does not answer")
    assert "pa55word" not in message


def test_rows_in_a_default_partition_are_a_finding(transactional_db: None) -> None:
    assert look(servers.look_at_partitions) == []
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhooks_payload (id, tenant_id, body)"
            " VALUES ('00000000-0000-7000-8000-000000000000', gen_random_uuid(), '{}')"
        )
    assert look(servers.look_at_partitions) == [
        "webhooks_payload has 1 row in its default partition: ids of days far away, or of no day."
    ]


def test_a_step_that_breaks_is_a_finding_and_those_that_need_it_are_skipped() -> None:
    def breaks(report: Report) -> None:
        raise OSError("no route to postgresql://signalbox:s3cr3t-word@db.internal/x")

    reached = []
    looked = list(
        take([
            Step("first", breaks),
            Step("second", lambda report: reached.append("second"), needs="first"),
            Step("third", lambda report: reached.append("third"), needs="second"),
            Step("fourth", lambda report: reached.append("fourth")),
        ])
    )  # fmt: skip
    assert [(one.name, one.is_well, one.skipped_for) for one in looked] == [
        ("first", False, None), ("second", False, "first"), ("third", False, "second"), ("fourth", True, None),
    ]  # fmt: skip
    assert reached == ["fourth"]
    assert "s3cr3t-word" not in looked[0].report.findings[0].message
    assert "first could not be looked at: OSError" in looked[0].report.findings[0].message


def test_says_in_sentences_what_is_wrong_and_ends_with_1(transactional_db: None) -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_deployment", "--wait", "0", stdout=out, stderr=out)
    assert ended.value.code == 1
    printed = out.getvalue()
    assert "- No worker process is alive.\n    Start `celery -A config worker`." in printed
    assert "Everything is well." not in printed
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
