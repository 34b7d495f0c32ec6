"""What a platform admin does in a browser: credentials, a webhook, a test, the call."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.receiver import Receiver
from tests.running_site import RunningSite

pytestmark = pytest.mark.browser

ACCESS_TOKEN = "EAATestAccessTokenThatIsLongEnoughToMask123456789"
Shot = Callable[[str], None]


def choose_tenant(page: Page, name: str) -> None:
    """Choose in the admin's autocomplete, as a person does: open, type, click."""
    page.click(".field-tenant .select2-selection, label[for=id_tenant] ~ .select2 .select2-selection")
    page.fill(".select2-search__field", name)
    page.click(f".select2-results__option:has-text('{name}')")


def test_admin_edits_an_integration_and_fires_a_test(
    logged_in: Page, site: RunningSite, receiver: Receiver, screenshot: Shot
) -> None:
    page = logged_in

    # A tenant.
    page.goto(f"{site.url}/admin/integrations/tenant/add/")
    page.fill("#id_name", "Northwind")
    page.fill("#id_slug", "northwind")
    page.click("input[name=_save]")
    expect(page.locator(".messagelist .success")).to_contain_text("Northwind")

    # WhatsApp, in two steps.
    page.goto(f"{site.url}/admin/integrations/integration/add/")
    choose_tenant(page, "Northwind")
    page.select_option("#id_provider", "whatsapp")
    page.click("input[type=submit]")
    page.fill("#id_config_phone_number_id", "109876543210987")
    page.fill("#id_config_business_account_id", "123456789012345")
    page.fill("#id_config_access_token", ACCESS_TOKEN)
    page.click(".field-config_access_token .secret-eye")
    expect(page.locator("#id_config_access_token")).to_have_attribute("type", "text")
    page.click(".field-config_access_token .secret-eye")
    expect(page.locator("#id_config_access_token")).to_have_attribute("type", "password")
    page.click("input[name=_continue]")
    expect(page.locator(".field-config_access_token .secret-current")).to_have_text("Current: EAATestAcc***456789")
    assert ACCESS_TOKEN not in page.content()
    screenshot("admin-integration")

    # An edit that leaves the secret blank keeps it, and says so in the history.
    page.fill("#id_description", "Main number")
    page.click("input[name=_continue]")
    expect(page.locator(".field-config_access_token .secret-current")).to_have_text("Current: EAATestAcc***456789")
    entries = site.query(
        "SELECT verb, changed_fields FROM integrations_activitylog WHERE object_kind = 'integration' ORDER BY id"
    )
    assert [verb for verb, _ in entries] == ["integration.created", "integration.updated"]
    assert entries[1][1] == ["description"]

    # n8n, and a webhook whose address is derived from it.
    page.goto(f"{site.url}/admin/integrations/integration/add/")
    choose_tenant(page, "Northwind")
    page.select_option("#id_provider", "n8n")
    page.click("input[type=submit]")
    page.fill("#id_config_base_url", receiver.url("/webhook"))
    page.click("input[name=_save]")
    page.goto(f"{site.url}/admin/webhooks/webhook/add/")
    choose_tenant(page, "Northwind")
    page.fill("#id_workflow_name", "contact_form")
    page.locator("#id_workflow_name").blur()
    derived = receiver.url("/webhook/northwind/contact-form")
    expect(page.locator(".field-url [role=status]")).to_have_text(f"Will be sent to {derived}")
    page.click("input[name=_save]")
    page.click("text=contact_form")

    # Fire it: the result stands on the page, the call in the list.
    receiver.answer("/webhook/northwind/contact-form", status=200, body=b'{"message": "Workflow was started"}')
    page.click(".object-tools >> text=Playground")
    page.fill("#id_payload", '{"lead": "Ada"}')
    page.click("input[type=submit]")
    expect(page.locator(".result .badge")).to_have_text("succeeded")
    expect(page.locator(".result")).to_contain_text("Workflow was started")
    screenshot("admin-test-result")
    page.click(".breadcrumbs >> text=contact_form")
    page.click(".object-tools >> text=Calls")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.click("#result_list tbody a")
    expect(page.locator("#content")).to_contain_text('"lead": "Ada"')
    screenshot("admin-call")
    page.goto(f"{site.url}/admin/webhooks/webhook/")
    expect(page.locator("#result_list tbody tr").first).to_contain_text("100.0 %")
    screenshot("admin-webhooks")


def test_every_admin_page_opens_without_a_console_error(logged_in: Page, site: RunningSite) -> None:
    page = logged_in
    page.goto(f"{site.url}/admin/")
    links = page.eval_on_selector_all("#content-main a, .app-list a", "links => links.map(link => link.href)")
    assert len(links) >= 8
    for link in dict.fromkeys(links):
        response = page.goto(link)
        assert response is not None
        assert response.status == 200, link


def test_api_page_opens_without_a_console_error(page: Page, site: RunningSite) -> None:
    page.goto(f"{site.url}/api/docs")
    expect(page.locator(".swagger-ui .info .title")).to_contain_text("Signalbox")


def test_wrong_password_is_refused(page: Page, site: RunningSite) -> None:
    page.context.clear_cookies()
    page.goto(f"{site.url}/admin/")
    page.fill("#id_username", "operator")
    page.fill("#id_password", "wrong")
    page.click("input[type=submit]")
    expect(page.locator(".errornote")).to_be_visible()
