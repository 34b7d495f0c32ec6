"""“Connect” in a real browser, with a real OAuth server: forms may not leave the site, and the page leads there all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer
from tests.running_site import RunningSite

pytestmark = pytest.mark.browser


def test_connect_leads_to_the_provider_and_back(
    logged_in: Page, site: RunningSite, screenshot: Callable[[str], None]
) -> None:
    page, platform = logged_in, f"{site.url}/api/platform/tenants"
    assert site.session().post(platform, json={"name": "Hooli", "slug": "hooli"}, timeout=10).status_code == 201
    with OAuthServer() as server:
        # An Enterprise Server of GitHub's is wherever one says that it is.
        made = site.session().post(
            f"{platform}/hooli/integrations/items",
            json={
                "provider": "github",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "base_url": f"{server.url}/api/v3",
            },
            timeout=10,
        )
        assert made.status_code == 201, made.text
        change = f"{site.url}/admin/integrations/integration/{made.json()['id']}/change/"
        page.goto(change)
        page.get_by_role("link", name="Connect", exact=True).click()
        expect(page.locator("#content-main")).to_contain_text(f"{site.url}/oauth/github/callback")
        expect(page.locator("#content-main")).to_contain_text("repo, admin:repo_hook")
        screenshot("admin-connect")

        page.get_by_role("button", name="Go to GitHub").click()

        page.wait_for_url(change)
        expect(page.locator(".messagelist")).to_contain_text("GitHub is connected.")
        expect(page.get_by_role("link", name="Reconnect", exact=True)).to_be_visible()
        # This server grants less than GitHub would.
        expect(page.locator("#content-main")).to_contain_text("these scopes were not granted: repo, admin:repo_hook.")
        screenshot("admin-connected")
        assert [form["grant_type"] for form in server.token_requests] == ["authorization_code"]
        log = site.log_path.read_text(encoding="utf-8", errors="replace")
        for secret in (CLIENT_SECRET, server.token_requests[0]["code"], *server.state.access_tokens):
            assert secret not in log + page.content()
