"""An invitation from the admin's button to the new member, in real browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.running_site import RunningSite

pytestmark = pytest.mark.browser

PASSWORD = "a long enough passphrase"
Shot = Callable[[str], None]


def invite(page: Page, site: RunningSite, tenant: str, email: str) -> str:
    """Invite somebody on the tenant's page and return the link, which is shown as the site sends no mail."""
    page.goto(f"{site.url}/admin/integrations/tenant/{tenant}/change/")
    page.click("text=Invite somebody")
    page.fill("#id_email", email)
    page.select_option("#id_role", "admin")
    page.click("input[type=submit][value=Invite]")
    return str(page.locator("#invitation-link").text_content())


def test_invited_person_becomes_a_member(logged_in: Page, site: RunningSite, screenshot: Shot) -> None:
    page = logged_in
    made = site.session().post(f"{site.url}/api/platform/tenants", json={"name": "Northwind", "slug": "nw"}, timeout=10)
    tenant = made.json()["id"]
    link = invite(page, site, tenant, "Grace@example.com")
    screenshot("admin-invitation-link")
    page.goto(f"{site.url}/admin/integrations/tenant/{tenant}/change/")
    expect(page.locator(".people")).to_contain_text("grace@example.com")
    screenshot("admin-tenant-people")

    # In the browser of the person who was invited: no session, and a console free of refusals.
    context = page.context.browser.new_context(viewport={"width": 1000, "height": 700})
    theirs = context.new_page()
    errors: list[str] = []
    theirs.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    answer = theirs.goto(link)
    assert answer is not None
    assert answer.status == 200
    expect(theirs.locator("#content")).to_contain_text("operator invites grace@example.com to Northwind, as admin.")
    theirs.screenshot(path=site.log_path.parent / "invitation.png")
    theirs.fill("#id_password", PASSWORD)
    theirs.fill("#id_again", "another")
    theirs.click("input[type=submit]")
    expect(theirs.locator(".errorlist")).to_have_text("The two passwords are not the same.")
    theirs.screenshot(path=site.log_path.parent / "invitation-error.png")
    theirs.fill("#id_password", PASSWORD)
    theirs.fill("#id_again", PASSWORD)
    theirs.click("input[type=submit]")
    expect(theirs.locator("#content")).to_contain_text("You are an admin of Northwind.")
    theirs.screenshot(path=site.log_path.parent / "invitation-accepted.png")
    used = theirs.goto(link)
    assert used is not None
    assert used.status == 410
    expect(theirs.locator("#content")).to_contain_text("This invitation was accepted already: log in.")
    assert [error for error in errors if "410" not in error] == []

    # They log in, and invite nobody's account away: the second tenant asks for the password they have.
    log_in = requests.post(
        f"{site.url}/api/auth/token", json={"username": "grace@example.com", "password": PASSWORD}, timeout=10
    )
    assert log_in.status_code == 200
    other = site.session().post(f"{site.url}/api/platform/tenants", json={"name": "Contoso", "slug": "co"}, timeout=10)
    theirs.goto(invite(page, site, other.json()["id"], "grace@example.com"))
    expect(theirs.locator("#content")).to_contain_text("You have an account already")
    theirs.screenshot(path=site.log_path.parent / "invitation-known.png")
    theirs.fill("#id_password", PASSWORD)
    theirs.click("input[type=submit]")
    expect(theirs.locator("#content")).to_contain_text("You are an admin of Contoso.")
    context.close()
    assert site.query("SELECT count(*) FROM integrations_membership") == [(2,)]
    assert "sb_invite_***" in site.log_path.read_text()
    assert link.rsplit("/", 1)[1] not in site.log_path.read_text()
