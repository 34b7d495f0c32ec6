"""A person sets up two-step log-in in a browser, logs in with a code, and looks at the activity log as an auditor."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integrations.authentication.log_in_steps import app_shows
from tests.running_site import PASSWORD, USERNAME, RunningSite

pytestmark = pytest.mark.browser

Shot = Callable[[str], None]


def log_in(page: Page, site: RunningSite, username: str = USERNAME) -> None:
    page.goto(f"{site.url}/admin/login/")
    page.fill("#id_username", username)
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")


def log_out(page: Page) -> None:
    page.click("#logout-form button")
    page.wait_for_selector("text=Log in again")


def test_sets_up_two_step_log_in_and_logs_in_with_it(page: Page, site: RunningSite, in_both_themes: Shot) -> None:
    log_in(page, site)
    page.click("text=Two-step log-in")
    page.fill("#id_password", PASSWORD)
    page.click("input[value='Set up']")
    expect(page.locator("svg.qr-code")).to_be_visible()
    box = page.locator("svg.qr-code").bounding_box()
    assert box is not None
    assert box["width"] == box["height"] >= 150
    in_both_themes("admin-two-step-set-up")
    key = base64.b32decode(page.inner_text("#two-step-key").replace(" ", ""))

    page.fill("#id_code", app_shows(key, time.time()))
    page.click("input[value='Turn on']")
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    codes = page.locator(".recovery-codes li").all_inner_texts()

    page.click("text=go on")
    log_out(page)
    log_in(page, site)
    expect(page.locator("#id_code")).to_be_focused()
    in_both_themes("admin-log-in-code")
    page.fill("#id_code", "000000")
    page.click("input[type=submit]")
    expect(page.locator(".errornote")).to_have_text(re.compile("The code is wrong"))

    expect_log_in_with(page, codes[0])
    page.goto(f"{site.url}/admin/two-step/")
    expect(page.locator("#content-main")).to_contain_text("9 recovery codes left")


def expect_log_in_with(page: Page, code: str) -> None:
    """Give a code until it is taken: after a wrong one the site waits a second or two."""
    deadline = time.monotonic() + 15
    while page.locator("#id_code").count():
        assert time.monotonic() < deadline
        page.fill("#id_code", code)
        page.click("input[type=submit]")
        page.wait_for_load_state()
    page.wait_for_selector("#user-tools")


def test_auditor_sees_a_control_room_without_buttons(page: Page, site: RunningSite, in_both_themes: Shot) -> None:
    site.manage("seed_demo", "--force")
    site.python(
        "import json; from integrations.models import User;"
        f"User.objects.create_user('audrey', 'audrey@example.com', '{PASSWORD}', platform_role='auditor');"
        "print(json.dumps(1))"
    )
    page.context.clear_cookies()
    log_in(page, site, "audrey")
    page.wait_for_selector("#user-tools")
    page.goto(f"{site.url}/admin/webhooks/webhook/")
    page.click("text=order_created")
    expect(page.locator("input[name=_save]")).to_have_count(0)
    page.goto(f"{site.url}/admin/integrations/integration/")
    page.click("text=WhatsApp")
    page.goto(f"{site.url}/admin/integrations/activitylog/?tenant=demo")
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    in_both_themes("admin-activity")
    page.fill("input[name=from]", "2020-01-01")
    page.locator("input[name=from] ~ button").click()
    expect(page).to_have_url(re.compile(r"tenant=demo.*from=2020-01-01"))
