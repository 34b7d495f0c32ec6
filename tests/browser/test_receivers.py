"""Receivers in the admin, from the form to an event; webhooks exported and imported with a look at what would happen."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.test_admin_story import choose_tenant
from tests.running_site import RunningSite, wait_until

pytestmark = pytest.mark.browser

PASSPHRASE = "correct horse battery staple"


def _make_tenant(site: RunningSite, name: str, slug: str) -> None:
    made = site.session().post(f"{site.url}/api/platform/tenants", json={"name": name, "slug": slug}, timeout=10)
    assert made.status_code == 201


def _push(site: RunningSite, address: str, secret: str, delivery: str) -> int:
    body = json.dumps({"ref": "refs/heads/main", "delivery": delivery}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    path = address[address.index("/api/") :]
    return requests.post(f"{site.url}{path}", body, headers=headers, timeout=10).status_code


def test_receiver_is_added_in_two_steps_receives_and_is_rotated(
    logged_in: Page, site: RunningSite, screenshot: Callable[[str], None]
) -> None:
    page = logged_in
    _make_tenant(site, "Northwind", "northwind")
    page.goto(f"{site.url}/admin/webhooks/receiver/add/")
    choose_tenant(page, "Northwind")
    page.select_option("#id_provider", "github")
    page.click("input[type=submit]")
    page.fill("#id_name", "our_repositories")
    page.fill("#id_event_types", "github.push\ngithub.release.*")
    page.click("input[name=_save]")

    address = page.locator("#receiver-address").inner_text()
    secret = page.locator("#receiver-secret").inner_text()
    expect(page.locator("#content")).to_contain_text("On GitHub open")
    assert len(secret) == 64

    for delivery in ("1", "2", "2", "3"):
        assert _push(site, address, secret, delivery) == 200
    assert _push(site, address, "not the secret", "4") == 401
    site.query(  # as if it had been received from for a month
        "INSERT INTO webhooks_receivercount (tenant_id, receiver_id, hour, outcome, requests)"
        " SELECT tenant_id, id, date_trunc('hour', now()) - d * interval '1 day',"
        " outcome, requests FROM webhooks_receiver, generate_series(1, 29) AS d,"
        " LATERAL (VALUES ('accepted', 20 + mod(d * 37, 60)), ('duplicate', mod(d, 4) * 3), ('ignored', mod(d, 3)),"
        " ('signature', mod(d, 7) * 2)) AS made (outcome, requests) WHERE requests > 0 RETURNING 1"
    )
    page.get_by_role("link", name="To the receiver’s page").click()
    expect(page.locator(".field-requests tbody tr")).to_have_count(4)
    expect(page.locator(".field-requests tbody tr").nth(1)).to_contain_text("duplicate")
    assert secret not in page.content()
    screenshot("admin-receiver")
    page.goto(f"{site.url}/admin/webhooks/receiver/")
    expect(page.locator("#result_list tbody tr")).to_contain_text("active")
    expect(page.locator("#result_list .field-accepted")).to_have_text(r"3")
    page.get_by_role("link", name="our_repositories").click()
    page.locator(".field-requests tbody a").first.click()
    expect(page.locator("#content h1")).to_contain_text("deliver")
    page.go_back()

    page.get_by_role("link", name="Rotate secret").click()
    page.click("input[type=submit][value=Rotate]")
    successor = page.locator("#receiver-secret").inner_text()
    assert successor != secret
    assert _push(site, address, secret, "5") == _push(site, address, successor, "6") == 200
    wait_until(lambda: site.query("SELECT count(*) FROM webhooks_event")[0][0] == 5, "five events are stored")


def test_custom_sender_is_described_by_fields(logged_in: Page, site: RunningSite) -> None:
    page = logged_in
    _make_tenant(site, "Fabrikam", "fabrikam")
    page.goto(f"{site.url}/admin/webhooks/receiver/add/")
    choose_tenant(page, "Fabrikam")
    page.select_option("#id_provider", "custom")
    page.click("input[type=submit]")
    page.fill("#id_name", "billing")
    page.select_option("#id_option_scheme", "hmac")
    page.click("input[name=_save]")
    expect(page.locator(".field-option_header .errorlist")).to_contain_text("Say which header brings it.")
    page.fill("#id_option_header", "X-Signature")
    page.click("input[name=_save]")
    expect(page.locator("#receiver-secret")).to_be_visible()


def test_webhooks_go_from_one_tenant_to_another(
    logged_in: Page, site: RunningSite, screenshot: Callable[[str], None], tmp_path: Path
) -> None:
    page = logged_in
    for name, slug in (("Contoso", "contoso"), ("Adatum", "adatum")):
        _make_tenant(site, name, slug)
    session = site.session()
    for workflow, timeout in (("contact_form", 30000), ("order_paid", 10000), ("stock_low", 30000)):
        body = {
            "workflow_name": workflow,
            "url": f"http://127.0.0.1:9/{workflow}",
            "auth_token": f"token-of-{workflow}",
        }
        made = session.post(
            f"{site.url}/api/platform/tenants/contoso/webhooks", json={**body, "timeout_ms": timeout}, timeout=10
        )
        assert made.status_code == 201, made.text
    body = {"workflow_name": "contact_form", "url": "http://127.0.0.1:9/contact_form", "description": "Old"}
    session.post(f"{site.url}/api/platform/tenants/adatum/webhooks", json=body, timeout=10)

    page.goto(f"{site.url}/admin/webhooks/webhook/")
    page.get_by_role("link", name="Export").click()
    choose_tenant(page, "Contoso")
    page.fill("#id_passphrase", PASSPHRASE)
    page.fill("#id_repeated", PASSPHRASE)
    with page.expect_download() as download:
        page.click("input[type=submit][value=Export]")
    assert download.value.suggested_filename == "webhooks-contoso.json"
    file = tmp_path / "webhooks-contoso.json"
    download.value.save_as(file)
    assert "token-of-" not in file.read_text()

    page.goto(f"{site.url}/admin/webhooks/webhook/")
    page.get_by_role("link", name="Import").click()
    choose_tenant(page, "Adatum")
    page.set_input_files("#id_file", file)
    page.fill("#id_passphrase", PASSPHRASE)
    page.click("input[type=submit]")
    expect(page.locator(".transfer-sums")).to_contain_text("2 created")
    expect(page.locator(".transfer-sums")).to_contain_text("1 changed")
    screenshot("admin-import")
    assert PASSPHRASE not in page.content()
    page.fill("#id_passphrase", PASSPHRASE)
    page.click("input[type=submit][value=Import]")
    expect(page.locator("#content")).to_contain_text("was imported into Adatum")
    page.get_by_role("link", name="To the webhooks").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)

    file.write_text("workflow_name,url\r\nbroken,=1+1\r\n")
    page.goto(f"{site.url}/admin/webhooks/webhook/import/")
    choose_tenant(page, "Adatum")
    page.set_input_files("#id_file", file.rename(tmp_path / "hooks.csv"))
    page.click("input[type=submit]")
    expect(page.locator(".transfer-rows .problem")).to_contain_text("begins like a formula")
