"""“Actions” in a real browser, at a real little Chatwoot: provisioned and removed again without loading the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.chatwoot_server import ChatwootServer
from tests.running_site import RunningSite

pytestmark = pytest.mark.browser


def test_actions_are_run_beside_the_form(
    logged_in: Page, site: RunningSite, screenshot: Callable[[str], None], in_both_themes: Callable[[str], None]
) -> None:
    page = logged_in
    tenants = f"{site.url}/api/platform/tenants"
    assert site.session().post(tenants, json={"name": "Fabrikam", "slug": "fabrikam"}, timeout=10).status_code == 201
    with ChatwootServer() as chatwoot:
        added = site.session().post(
            f"{tenants}/fabrikam/integrations/items", json={"provider": "chatwoot", **chatwoot.values}, timeout=10
        )
        assert added.status_code == 201
        page.goto(f"{site.url}/admin/integrations/integration/{added.json()['id']}/change/")
        loaded = page.evaluate("performance.timeOrigin")
        section = page.locator("details", has=page.locator("#id_provision_name"))
        section.locator("summary").click()
        result, run = section.locator("[role=status]"), section.get_by_role("button")

        section.locator("#id_provision_name").fill("Support")
        section.locator("#id_provision_outgoing_url").fill("http://169.254.169.254/")
        run.click()
        expect(result).to_contain_text("The form has wrong fields.")
        expect(result).to_contain_text("Bot's address")
        assert chatwoot.requests == []

        section.locator("#id_provision_outgoing_url").fill("https://hooks.example.com/bot")
        run.click()
        expect(result).to_contain_text("Provision: done.")
        expect(result).to_contain_text("inbox, agent_bot, assignment")
        expect(run).to_be_enabled()
        assert chatwoot.whole() == (["Support"], ["Support"], [("Support", "Support")])
        section.scroll_into_view_if_needed()
        in_both_themes("admin-provider-actions")

        chatwoot.tokens.clear()
        run.click()
        expect(result.locator(".badge")).to_have_text("bad_credentials")
        assert page.evaluate("performance.timeOrigin") == loaded
