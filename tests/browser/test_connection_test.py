"""“Test connection” in a real browser: on the add form and beside a saved integration, without loading the page again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_admin_story import choose_tenant
from tests.receiver import Receiver
from tests.running_site import RunningSite

pytestmark = pytest.mark.browser
ANSWER = {"data": [{"id": "1", "name": "Orders"}], "nextCursor": None}


def test_connection_is_tested_before_and_after_saving(
    logged_in: Page, site: RunningSite, receiver: Receiver, screenshot: Callable[[str], None]
) -> None:
    page = logged_in
    made = site.session().post(
        f"{site.url}/api/platform/tenants", json={"name": "Northwind", "slug": "northwind"}, timeout=10
    )
    assert made.status_code == 201
    page.goto(f"{site.url}/admin/integrations/integration/add/")
    choose_tenant(page, "Northwind")
    page.select_option("#id_provider", "n8n")
    page.click("input[type=submit]")
    loaded = page.evaluate("performance.timeOrigin")
    test, result = page.get_by_role("button", name="Test connection"), page.locator("#connection-test-result")
    expect(result).to_be_hidden()

    test.click()
    expect(result).to_contain_text("The form has wrong fields.")
    expect(result).to_contain_text("Webhook base address")

    page.fill("#id_config_base_url", receiver.url("/webhook"))
    page.fill("#id_config_api_key", "n8n_api_wrong")
    receiver.answer("/api/v1/workflows", status=401, body={"message": "unauthorized"})
    test.click()
    expect(result).to_contain_text("n8n does not accept the API key")
    expect(result.locator(".badge")).to_have_text("bad_credentials")

    page.fill("#id_config_api_key", "n8n_api_right")
    receiver.answer("/api/v1/workflows", body=ANSWER)
    test.click()
    expect(result).to_contain_text("Connected to the API at 127.0.0.1")
    expect(test).to_be_enabled()
    assert page.evaluate("performance.timeOrigin") == loaded
    assert page.input_value("#id_config_api_key") == "n8n_api_right"
    screenshot("admin-connection-test")

    page.click("input[name=_continue]")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#connection-test-result")).to_contain_text("Connected to the API")
    assert receiver.requests[-1].headers["x-n8n-api-key"] == "n8n_api_right"
    page.reload()
    expect(page.locator(".field-last_test")).to_contain_text("Connected to the API")
