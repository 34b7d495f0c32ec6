"""API keys in the admin: made and shown once, used, rotated, revoked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.running_site import RunningSite

pytestmark = [pytest.mark.browser]


def _status(site: RunningSite, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(f"{site.url}/api/v1/webhooks", headers=headers, timeout=10).status_code


def test_key_is_shown_once_works_at_once_is_rotated_and_revoked(
    logged_in: Page, site: RunningSite, screenshot: Callable[[str], None]
) -> None:
    page = logged_in
    created = site.session().post(f"{site.url}/api/platform/tenants", json={"name": "Acme", "slug": "acme"})
    tenant_id = created.json()["id"]
    page.goto(f"{site.url}/admin/integrations/tenant/{tenant_id}/change/")
    page.get_by_role("link", name="add one").click()
    page.fill("#id_name", "Shop backend")
    page.check("input[value='webhooks:read']")
    page.check("input[value='events:write']")
    page.fill("#id_allowed_networks", "127.0.0.0/8\n10.1.0.0/16")
    screenshot("admin-api-key-add")
    page.click("input[name=_save]")

    key = page.locator("#api-key").inner_text()
    screenshot("admin-api-key-secret")
    assert _status(site, key) == 200
    site.query(  # as if it had been used
        "INSERT INTO integrations_apikeyusage SELECT tenant_id, id, date_trunc('hour', now()) - h * interval '1 hour',"
        " mod(h * 37, 90), mod(h, 5) * 2 FROM integrations_apikey, generate_series(0, 40) AS h RETURNING 1"
    )
    page.goto(f"{site.url}/admin/integrations/apikey/")
    screenshot("admin-api-keys")
    page.get_by_role("link", name="Shop backend").first.click()
    screenshot("admin-api-key")
    expect(page.locator(".field-state")).to_contain_text("live")
    assert key not in page.content()

    page.get_by_role("link", name="Rotate").click()
    screenshot("admin-api-key-rotate")
    page.click("input[type=submit][value=Rotate]")
    successor = page.locator("#api-key").inner_text()
    assert _status(site, successor) == _status(site, key) == 200

    page.get_by_role("link", name="Back to the key’s page").click()
    page.get_by_role("link", name="Revoke").click()
    screenshot("admin-api-key-revoke")
    page.click("input[type=submit][value=Revoke]")
    expect(page.locator(".field-state")).to_contain_text("revoked")
    screenshot("admin-api-key-revoked")
    assert (_status(site, successor), _status(site, key)) == (401, 200)
