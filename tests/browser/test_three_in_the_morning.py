"""Three in the morning: an endpoint is down. Whoever is on call sees why, and when it is mended, sends all of it again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.receiver import Receiver
from tests.running_site import RunningSite, wait_until

pytestmark = pytest.mark.browser

PATH = "/erp/orders"
TOKEN = "token-of-the-order-system-0123456789"
Shot = Callable[[str], None]


def make_orders(api: requests.Session, site: RunningSite, url: str) -> str:
    """Make a tenant with a webhook that sends one at a time and does not retry; return the webhook's address."""
    tenant = f"{site.url}/api/platform/tenants/northwind"
    made = api.post(f"{site.url}/api/platform/tenants", json={"name": "Northwind", "slug": "northwind"}, timeout=10)
    assert made.status_code == 201, made.text
    webhook = {
        "workflow_name": "orders",
        "url": url,
        "auth_token": TOKEN,
        "headers": {"X-Shop-Key": "key-of-the-shop-0123456789"},
        "retry_schedule": "quick",
        "max_retries": 0,
        "max_concurrency": 1,
        "rate_limit_per_minute": 600,
    }
    made = api.post(f"{tenant}/webhooks", json=webhook, timeout=10)
    assert made.status_code == 201, made.text
    return f"{tenant}/webhooks/orders"


def order(api: requests.Session, webhook: str, number: int, **more: Any) -> None:
    body = {"payload": {"order": 1000 + number, "total": "249.90", "currency": "EUR"}, **more}
    answer = api.post(f"{webhook}/call", json=body, timeout=30)
    assert answer.status_code in {200, 202}, answer.text


def states(site: RunningSite) -> dict[str, int]:
    return dict(site.query("SELECT state, count(*)::int FROM webhooks_delivery GROUP BY state"))


def test_failed_deliveries_are_understood_and_recovered(
    logged_in: Page, site: RunningSite, receiver: Receiver, in_both_themes: Shot
) -> None:
    page, api = logged_in, site.session()
    webhook = make_orders(api, site, receiver.url(PATH))

    # The order system breaks down. Ten attempts fail, which opens the breaker; what comes then waits.
    down = {"error": "database connection pool exhausted", "retry": "later"}
    receiver.answer(PATH, status=500, body=down, delay=0.05)
    order(api, webhook, 0, max_retries=2)
    wait_until(lambda: states(site) == {"failed": 1}, "its retries are over")
    for number in range(1, 8):
        order(api, webhook, number)
    wait_until(lambda: states(site) == {"failed": 8}, "the breaker opens")
    for number in range(8, 10):
        order(api, webhook, number)

    # On call: what is the matter with this webhook?
    page.goto(f"{site.url}/admin/webhooks/webhook/")
    page.click("#result_list >> text=orders")
    glance = page.locator(".glance")
    expect(glance.locator(".badge-bad").first).to_have_text("open")
    expect(glance).to_contain_text("10 failures in a row")
    expect(glance.locator("dt:has-text('Waiting, due') + dd")).to_have_text("2")
    expect(glance).to_contain_text("0.0 % succeeded")
    in_both_themes("admin-webhook-glance")

    # Why did the first one fail?
    glance.locator("a:has-text('failed')").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(8)
    page.locator("#result_list tbody tr").last.locator("th a").click()
    expect(page.locator(".timeline > li")).to_have_count(3)
    expect(page.locator(".timeline > li").last).to_contain_text("The endpoint answered 500 Internal Server Error.")
    expect(page.locator(".timeline > li").last).to_contain_text("database connection pool exhausted")
    in_both_themes("admin-delivery")
    first = page.url

    # It is mended: a request by hand shows that. What curl sends is what Signalbox would send.
    receiver.answer(PATH, status=200, body={"accepted": True}, delay=0.02)
    page.goto(f"{site.url}/admin/webhooks/webhook/")
    page.click("#result_list >> text=orders")
    page.click(".object-tools >> text=Playground")
    page.fill("#id_event_type", "order.created")
    page.fill("#id_payload", '{"order": 1, "note": "It\'s a test of $HOME"}')
    page.click("button[name=preview]")
    expect(page.locator("#request-body")).to_have_text('{"order":1,"note":"It\'s a test of $HOME"}')
    page.set_viewport_size({"width": 1440, "height": 1460})  # all of the request on one picture
    in_both_themes("admin-playground")
    page.set_viewport_size({"width": 1440, "height": 860})
    before = len(receiver.requests)
    curl(page.locator("#curl").inner_text())
    (by_hand,) = receiver.requests[before:]
    assert by_hand.json() == {"order": 1, "note": "It's a test of $HOME"}
    assert by_hand.headers["Authorization"] == f"Bearer {TOKEN}"
    assert by_hand.headers["X-Shop-Key"] == "key-by-hand"
    assert by_hand.headers["X-Signalbox-Event-Type"] == "order.created"
    assert by_hand.headers["webhook-signature"].startswith("v1,")

    # What waited goes on when the breaker is closed, what failed when it is recovered.
    page.click(".breadcrumbs >> text=orders")
    page.click("text=Reset circuit breaker")
    expect(page.locator(".glance")).to_contain_text("closed")
    wait_until(lambda: states(site) == {"failed": 8, "succeeded": 2}, "what waited is sent")
    page.click(".object-tools >> text=Recover")
    page.click("text=Recover the last hour")
    expect(page.locator(".recovery .badge")).to_have_text("done", timeout=30_000)  # the page looks by itself
    expect(page.locator("[data-shows=retried]")).to_have_text("8")
    wait_until(lambda: states(site) == {"succeeded": 10}, "everything has arrived")

    # All green.
    page.reload()
    in_both_themes("admin-recovery")
    page.goto(first)
    expect(page.locator(".timeline > li")).to_have_count(4)
    expect(page.locator(".result .badge").first).to_have_text("succeeded")
    in_both_themes("admin-delivery-recovered")
    page.click(".result >> text=orders")
    expect(page.locator(".glance")).to_contain_text("100.0 % succeeded")
    assert len({request.headers["webhook-id"] for request in receiver.to(PATH)}) == 11  # ten, and the one by hand


def curl(line: str) -> None:
    """Run a curl line as a person would who pasted it into a shell, with the credentials in variables."""
    subprocess.run(
        ["sh", "-c", line],
        env={"PATH": "/usr/bin:/bin", "TOKEN": TOKEN, "X_SHOP_KEY": "key-by-hand", "HOME": "/nowhere"},
        check=True,
        capture_output=True,
        timeout=30,
    )
