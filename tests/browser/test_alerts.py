"""Alerts in the admin, on a real site: a channel is added and tested, trouble opens an alert, and it is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from standardwebhooks import Webhook as Verifier

from tests.receiver import Receiver
from tests.running_site import RunningSite, wait_until

pytestmark = pytest.mark.browser


def _evaluate(site: RunningSite) -> None:
    """Evaluate now instead of within half a minute; beat does it, too."""
    site.manage(
        "shell",
        "--no-imports",
        "-c",
        "from analytics.alerts.services.evaluating import evaluate_alerts; evaluate_alerts()",
    )


def test_trouble_is_shown_and_told(
    logged_in: Page,
    site: RunningSite,
    receiver: Receiver,
    in_both_themes: Callable[[str], None],
) -> None:
    page = logged_in

    # A channel, in two steps; its secret is shown once, and a test gets through.
    page.goto(f"{site.url}/admin/")
    page.click("text=add a channel")
    page.click("text=Add alert channel")
    page.select_option("#id_kind", "webhook")
    page.click("input[type=submit]")
    page.fill("#id_name", "Pager")
    page.fill("#id_url", receiver.url("/pager"))
    page.click("input[name=_save]")
    verifier = Verifier(page.locator("#channel-secret").inner_text())
    page.click("text=To the channel’s page")
    receiver.answer("/pager", status=500, times=1)
    page.click("text=Send a test")
    expect(page.locator(".messagelist .error")).to_contain_text("The endpoint answered 500.")
    page.click("text=Send a test")
    expect(page.locator(".messagelist .success")).to_contain_text("The test got through.")
    in_both_themes("admin-alert-channel")

    # Trouble: the endpoint says that it is gone, so the webhook is disabled.
    session = site.session()
    tenants = f"{site.url}/api/platform/tenants"
    assert session.post(tenants, json={"name": "Northwind", "slug": "northwind"}, timeout=10).status_code == 201
    receiver.answer("/orders", status=410)
    hook = {"workflow_name": "orders", "url": receiver.url("/orders")}
    assert session.post(f"{tenants}/northwind/webhooks", json=hook, timeout=10).status_code == 201
    called = session.post(f"{tenants}/northwind/webhooks/orders/call", json={"payload": {}}, timeout=10)
    assert called.status_code == 202, called.content
    shown = f"{tenants}/northwind/webhooks/orders"
    wait_until(lambda: not session.get(shown, timeout=10).json()["is_active"], "the webhook is disabled", 20)
    _evaluate(site)

    told = receiver.wait_for(3, path="/pager", timeout=30)[-1]
    body = verifier.verify(told.body, dict(told.headers.items()))
    assert (body["type"], body["data"]["alerts"][0]["tenant"]["slug"]) == ("alert.opened", "northwind")

    page.goto(f"{site.url}/admin/")
    expect(page.locator(".open-alerts")).to_contain_text("the endpoint answered 410 Gone")
    in_both_themes("admin-open-alerts")
    page.click(".open-alerts td a")
    expect(page.locator(".field-notices")).to_contain_text("Pager")
    in_both_themes("admin-alert")

    # A rule with other bounds.
    page.goto(f"{site.url}/admin/alerts/alertrule/")
    in_both_themes("admin-alert-rules")
    page.click("text=Failure rate of a webhook")
    page.fill("#id_parameter_percent", "100")
    page.evaluate("document.querySelector('#id_parameter_percent').removeAttribute('max')")
    page.click("input[name=_save]")
    expect(page.locator(".errorlist")).to_contain_text("99")
    page.fill("#id_parameter_percent", "10")
    page.click("input[name=_save]")
    expect(page.locator("#result_list")).to_contain_text("above 10 %")

    # The webhook is enabled again: the alert recovers, and that is told, too.
    assert session.patch(shown, json={"is_active": True}, timeout=10).status_code == 200
    _evaluate(site)
    recovered = receiver.wait_for(4, path="/pager", timeout=30)[-1]
    assert verifier.verify(recovered.body, dict(recovered.headers.items()))["type"] == "alert.recovered"
    page.goto(f"{site.url}/admin/")
    expect(page.locator(".open-alerts")).to_contain_text("Nothing is wrong")
