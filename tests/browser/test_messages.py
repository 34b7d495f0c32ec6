"""A test message is sent from the page of an integration, and one of which nobody knows is settled, in a real browser.

No worker runs: what providers answer is written as the engine would record it, and no request leaves this machine.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.integrations.messaging.stored_messages import NUMBER, TWILIO
from tests.running_site import RunningSite

pytestmark = pytest.mark.browser
TEXT = "Hello from Signalbox"


def record(site: RunningSite, changes: str) -> None:
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(f"UPDATE messaging_message SET {changes}")


def test_sends_a_test_message_and_settles_it(
    logged_in: Page, site: RunningSite, in_both_themes: Callable[[str], None]
) -> None:
    page, api = logged_in, site.session()
    site.stop("worker")
    platform = f"{site.url}/api/platform/tenants"
    assert api.post(platform, json={"name": "Northwind", "slug": "northwind"}, timeout=10).status_code == 201
    made = api.post(f"{platform}/northwind/integrations/items", json={"provider": "twilio", **TWILIO}, timeout=10)
    assert made.status_code == 201, made.text

    # A test message, with a mistake first.
    page.goto(f"{site.url}/admin/integrations/integration/{made.json()['id']}/change/")
    page.click(".object-tools >> text=Send a test message")
    page.fill("#id_to", "0151 12345678")
    page.fill("#id_text", TEXT)
    page.click("input[type=submit]")
    expect(page.locator(".errorlist")).to_have_count(1)
    in_both_themes("admin-message-test")
    page.fill("#id_to", "+49 151 12345678")
    page.click("input[type=submit]")
    expect(page.locator(".result dd").first).to_have_text(NUMBER)
    expect(page.locator(".timeline > li").last).to_contain_text("Waiting to be sent")

    # No clear answer came. The page finds out by itself.
    record(
        site, "state = 'unknown', unknown_at = now(), attempts = 1, error_message = 'No complete answer within 30 s.'"
    )
    expect(page.locator(".result .badge")).to_have_text("unknown", timeout=10_000)
    page.click(".object-tools >> text=Settle")
    page.check("text=It was sent and arrived")
    page.fill("#id_note", "In Twilio's message log.")
    in_both_themes("admin-message-settle")
    page.check("text=I looked it up at Twilio")
    page.click("input[type=submit]")
    expect(page.locator(".result .badge")).to_have_text("delivered")
    expect(page.locator(".timeline > li h2").last).to_contain_text("Delivered")
    expect(page.locator(".timeline")).to_contain_text("Settled by operator: In Twilio's message log.")

    # It costs what Twilio says, and the text is shown to who asks for it.
    record(site, "provider_message_id = 'SM0123456789abcdef0123456789abcdef', cost = 0.075, currency = 'USD'")
    page.goto(page.url)
    expect(page.locator("pre.body")).to_be_hidden()
    page.click("summary")
    expect(page.locator("pre.body")).to_have_text(TEXT)
    in_both_themes("admin-message")
    page.goto(f"{site.url}/admin/messaging/message/?q=0049-151-12345678")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    in_both_themes("admin-messages")
