"""The forms of all providers in a real browser, filled in and tested, as `docs/how-to/fill-in-the-forms.md` shows them.

No provider is asked: what a test says comes from its own code and the recorded answers of its connection cases.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from integrations.admin.connection_tests import RESULT_TONES
from integrations.providers.base import Provider
from integrations.providers.custom.examples import EXAMPLES
from integrations.providers.example import Example
from integrations.providers.registry import get_provider
from tests.integrations.providers.connection_cases.case import cases_of, outcome_of
from tests.receiver import Receiver
from tests.running_site import ROOT, RunningSite

pytestmark = pytest.mark.browser
TENANT = {"name": "Northwind", "slug": "northwind"}
WIDTH = 1280
LARGEST = 100 * 1024


@dataclass(frozen=True)
class Picture:
    """One form: which provider's, what is entered, and which recorded answers its test gets."""

    name: str
    provider: str
    fields: tuple[str, ...] = ()
    """Those that are filled in with their examples."""
    case: str = "success"


PICTURES = [
    Picture("whatsapp", "whatsapp", ("phone_number_id", "business_account_id", "access_token")),
    Picture("twilio", "twilio", ("account_sid", "auth_token", "phone_number")),
    Picture("vonage", "vonage", ("api_key", "api_secret", "from")),
    Picture("aws-sns", "aws_sns", ("access_key_id", "secret_access_key", "region", "sender_id")),
    Picture("aws-sns-not-allowed", "aws_sns", ("access_key_id", "secret_access_key", "region"), "missing permission"),
    Picture("n8n", "n8n", ("base_url", "api_key")),
    Picture("slack", "slack", ("bot_token", "default_channel")),
    Picture("chatwoot", "chatwoot", ("base_url", "account_id", "api_access_token")),
    Picture("github", "github", ("token", "repository_owner", "repository")),
    Picture("hubspot", "hubspot", ("access_token", "region", "portal_id")),
    Picture("salesforce", "salesforce", ("my_domain", "client_id", "client_secret")),
    Picture("zoho-crm", "zoho_crm", ("data_centre", "client_id", "client_secret", "refresh_token")),
    Picture("pipedrive", "pipedrive", ("company_domain", "api_token")),
    Picture("zendesk", "zendesk", ("subdomain", "client_id", "client_secret")),
    Picture("jira", "jira", ("site", "email", "api_token")),
    Picture("intercom", "intercom", ("region", "access_token")),
    Picture("zoho-desk", "zoho_desk", ("data_centre", "client_id", "client_secret", "refresh_token", "org_id")),
]


def section(place: int) -> str:
    """Select one of the form's sections: the first is common to all, the second the provider's own."""
    return f"#integration_form fieldset:nth-of-type({place})"


PROVIDERS_FIELDS = section(2)


def shown_test(provider: Provider, name: str) -> dict[str, Any]:
    """Return what the site answers when the provider gives the recorded answers."""
    case = next(case for case in cases_of(provider) if case.name == name)
    outcome = outcome_of(provider, case)
    tone = RESULT_TONES.get(outcome.result, "bad")
    return json.loads(
        json.dumps({**asdict(outcome), "success": outcome.success, "tone": tone, "latency_ms": 148}, default=str)
    )


@pytest.fixture
def tenant(site: RunningSite) -> str:
    platform = f"{site.url}/api/platform/tenants"
    found = site.session().get(f"{platform}/northwind", timeout=10)
    made = found if found.status_code == 200 else site.session().post(platform, json=TENANT, timeout=10)
    tenant_id: str = made.json()["id"]
    return tenant_id


Take = Callable[..., None]


@pytest.fixture
def picture(logged_in: Page, tmp_path: Path) -> Take:
    """Take a picture from one element to another; `make screenshots` puts it into the documentation."""
    logged_in.set_viewport_size({"width": WIDTH, "height": 860})
    logged_in.emulate_media(color_scheme="light")
    keeps = os.environ.get("SIGNALBOX_SCREENSHOTS")
    folder = ROOT / "docs" / "images" / "integrations" if keeps else tmp_path
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str, first: str = "#content", last: str = "#content") -> None:
        logged_in.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        top, bottom = (logged_in.locator(selector).first.bounding_box() for selector in (first, last))
        assert top
        assert bottom
        height = bottom["y"] + bottom["height"] - top["y"]
        clip = {"x": top["x"], "y": top["y"], "width": top["width"], "height": height}
        path = folder / f"{name}.png"
        logged_in.screenshot(path=path, clip=clip, full_page=True, animations="disabled")  # type: ignore[arg-type]
        assert not keeps or path.stat().st_size <= LARGEST, f"{name}: {path.stat().st_size}"

    return take


def enter(page: Page, provider: Provider, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        declared = next(field for field in provider.fields if field.name == name)
        control = page.locator(f"#id_config_{name}")
        if not control.is_visible():
            page.locator("details", has=control).locator("summary").first.click()
        if declared.choices:
            control.select_option(value)
        else:
            control.fill(value)


def open_form(page: Page, site: RunningSite, tenant: str, provider: str) -> None:
    page.goto(f"{site.url}/admin/integrations/integration/add/?tenant={tenant}&provider={provider}")


@pytest.mark.parametrize("wanted", PICTURES, ids=lambda wanted: wanted.name)
def test_form_is_filled_in_and_tested(
    logged_in: Page, site: RunningSite, tenant: str, picture: Take, wanted: Picture
) -> None:
    page, provider = logged_in, get_provider(wanted.provider)
    answer = shown_test(provider, wanted.case)
    sent: list[str] = []

    def answered(route: Route) -> None:
        sent.append(route.request.post_data or "")
        route.fulfill(json=answer)

    page.route("**/test-connection/", answered)
    open_form(page, site, tenant, provider.key)
    examples = {field.name: field.example for field in provider.fields}
    entered = {name: examples[name] for name in wanted.fields}
    assert provider.problems(entered) == {}
    enter(page, provider, entered)

    page.get_by_role("button", name="Test connection").click()

    result = page.locator("#connection-test-result")
    expect(result).to_contain_text(answer["message"])
    expect(result.locator(".badge")).to_have_text(answer["result"])
    assert all(value in sent[0] for value in entered.values())
    picture(wanted.name, PROVIDERS_FIELDS, ".connection-test")


def test_choosing_comes_first(logged_in: Page, site: RunningSite, picture: Take) -> None:
    logged_in.goto(f"{site.url}/admin/integrations/integration/add/")
    picture("choose", "#content", ".submit-row")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.values["auth_type"] + example.title[-8:])
def test_custom_shows_the_fields_of_the_chosen_authentication(
    logged_in: Page, site: RunningSite, tenant: str, picture: Take, example: Example
) -> None:
    page, custom = logged_in, get_provider("custom")
    open_form(page, site, tenant, "custom")
    page.locator(".examples summary").click()
    page.locator("h3", has_text=example.title).get_by_role("link", name="Fill in").click()
    public = {field.name for field in custom.public_fields}
    for name, value in example.values.items():
        expected = value if name in public else ""
        assert page.locator(f"#id_config_{name}").input_value() == expected
    enter(page, custom, {name: value for name, value in example.values.items() if name not in public})
    shown = {
        field.name
        for field in custom.fields
        if field.matters_when and page.locator(f"#id_config_{field.name}").is_visible()
    }
    assert shown == {
        f.name for f in custom.fields if f.matters_when and example.values["auth_type"] in f.matters_when[1]
    }
    if "graphql_query" in example.values:
        picture("custom-graphql", section(3), section(4))
    elif "credentials" in example.values:
        picture("custom-named", section(3), section(3))
    else:
        picture(f"custom-{example.values['auth_type']}", PROVIDERS_FIELDS, ".field-config_test_expect")


def test_examples_are_beside_the_form(logged_in: Page, site: RunningSite, tenant: str, picture: Take) -> None:
    open_form(logged_in, site, tenant, "custom")
    logged_in.locator(".examples summary").click()
    expect(logged_in.locator(".examples h3")).to_have_count(len(EXAMPLES))
    picture("custom-examples", PROVIDERS_FIELDS, ".examples dl:nth-of-type(2)")


def test_field_with_a_mistake_is_shown_whatever_is_chosen(logged_in: Page, site: RunningSite, tenant: str) -> None:
    page = logged_in
    open_form(page, site, tenant, "custom")
    page.select_option("#id_config_auth_type", "header")
    page.fill("#id_config_base_url", "https://api.example.com")
    page.fill("#id_config_api_key", "key")
    page.fill("#id_config_key_name", "not a name")
    page.select_option("#id_config_auth_type", "none")
    expect(page.locator("#id_config_key_name")).to_be_hidden()
    page.click("input[name=_continue]")
    expect(page.locator("#id_config_key_name")).to_be_visible()
    expect(page.locator(".field-config_key_name .errorlist")).to_contain_text("A name such as X-API-Key")


@pytest.fixture
def stored(site: RunningSite, tenant: str) -> Iterator[str]:
    """Return the change page of a HubSpot integration with an app of its own, which had other credentials before."""
    hubspot = get_provider("hubspot")
    values = {field.name: field.example for field in hubspot.fields}
    items = f"{site.url}/api/platform/tenants/northwind/integrations/items"
    session = site.session()
    body = {
        "provider": "hubspot",
        "name": "HubSpot",
        **values,
        "access_token": "pat-eu1-an-older-token-for-documentation",
    }
    made = session.post(items, json=body, timeout=10)
    assert made.status_code == 201, made.text
    one = f"{items}/{made.json()['id']}"
    changed = session.patch(one, json={"access_token": values["access_token"]}, timeout=10)
    assert changed.status_code == 200, changed.text
    yield f"{site.url}/admin/integrations/integration/{made.json()['id']}"
    assert session.delete(one, timeout=10).status_code == 204


def test_pages_beside_a_stored_integration(logged_in: Page, stored: str, picture: Take) -> None:
    page = logged_in
    page.goto(f"{stored}/change/")
    picture("stored", "#content", section(2))
    page.get_by_role("link", name="Connect", exact=True).click()
    expect(page.locator("#content-main")).to_contain_text("/oauth/hubspot/callback")
    picture("connect", "#content", ".submit-row")
    page.goto(f"{stored}/rotate/")
    picture("replace-credentials", "#content", ".submit-row")
    page.goto(f"{stored}/credentials/")
    expect(page.locator("#content tbody tr")).to_have_count(1)
    picture("earlier-credentials", "#content", "#content-main")


def test_integration_is_added_and_tested_without_javascript(
    browser_context: BrowserContext, logged_in: Page, site: RunningSite, tenant: str, receiver: Receiver
) -> None:
    browser = browser_context.browser
    assert browser
    receiver.answer("/api/v1/workflows", status=401, body={"message": "unauthorized"})
    with browser.new_context(java_script_enabled=False) as context:
        context.add_cookies(browser_context.cookies())  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{site.url}/admin/integrations/integration/add/")
        page.fill("#id_slug", "northwind")
        page.select_option("#id_provider", "n8n")
        page.click("input[type=submit]")
        page.fill("#id_config_base_url", receiver.url("/webhook"))
        page.fill("#id_config_api_key", "n8n_api_wrong")
        assert page.locator(".secret-eye:visible, [data-test-url]:visible").count() == 0

        page.get_by_role("button", name="Test connection").click()

        expect(page.locator("#content-main")).to_contain_text("n8n does not accept the API key")
        expect(page.locator(".badge")).to_have_text("bad_credentials")
        page.go_back()
        assert page.input_value("#id_config_base_url") == receiver.url("/webhook")
        page.click("input[name=_continue]")
        expect(page.locator(".messagelist")).to_contain_text("n8n")
        page.click(".deletelink")
        page.click("#content input[type=submit]")
    assert site.query("SELECT 1 FROM integrations_integration WHERE provider = 'n8n'") == []


def test_every_field_of_every_auth_type_is_there_without_javascript(
    browser_context: BrowserContext, logged_in: Page, site: RunningSite, tenant: str
) -> None:
    browser = browser_context.browser
    assert browser
    with browser.new_context(java_script_enabled=False) as context:
        context.add_cookies(browser_context.cookies())  # type: ignore[arg-type]
        page = context.new_page()
        open_form(page, site, tenant, "custom")
        for folded in page.locator("fieldset details:not(.examples) > summary").all():
            folded.click()
        for declared in get_provider("custom").fields:
            expect(page.locator(f"#id_config_{declared.name}")).to_be_visible()
