"""The dashboards in a browser: figures, filters in the address, refreshing in place, the keyboard, both themes, no scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from tests.browser.test_three_in_the_morning import PATH, order, states
from tests.receiver import Receiver
from tests.running_site import RunningSite, wait_until

pytestmark = pytest.mark.browser

Shot = Callable[[str], None]
Made = dict[str, dict[str, Any]]
SEED = "import json; from tests.browser.dashboard_scene import seed; print(json.dumps(seed()))"
CONTRAST = """(element) => {
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b]
        .map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    let behind = element;
    while (parse(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const [one, other] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
        .map((color) => luminance(parse(color)))
        .sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
}"""
CONTRASTS = f"(elements) => elements.map((element) => [element.innerText, ({CONTRAST})(element)])"
TEXTS = ".card dt, .card-value, .card-note, .badge, .ranges a, .quiet, .panel td:not([class^=heat]), .panel th, .panel a, .link-button, summary"


@pytest.fixture(scope="module")
def made(site: RunningSite) -> Made:
    found: Made = site.python(SEED)
    return found


@pytest.fixture
def dashboard(logged_in: Page, site: RunningSite, made: Made) -> Iterator[Page]:
    """Northwind's dashboard over a month, with a clock that the test moves."""
    logged_in.clock.install()
    logged_in.goto(address(site, made, "range=30d"))
    expect(logged_in.locator(".is-live")).to_have_count(1)
    yield logged_in
    logged_in.emulate_media(color_scheme="light")
    logged_in.set_viewport_size({"width": 1440, "height": 860})


def address(site: RunningSite, made: Made, query: str, tenant: str = "northwind") -> str:
    return f"{site.url}/admin/integrations/tenant/{made['tenants'][tenant]}/dashboard/?{query}"


def card(page: Page, name: str) -> Locator:
    return page.locator(f"[data-card={name}] .card-value > span").first


def row_of(page: Page, webhook: str) -> Locator:
    return page.locator(".panel tr", has=page.get_by_role("link", name=webhook, exact=True))


def mark(page: Page) -> None:
    """Leave a mark that loading the page again would wipe out."""
    page.evaluate("window.isTheSamePage = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.isTheSamePage === true"))


def series(page: Page, chart: str) -> dict[str, list[int]]:
    read = "(name) => SignalboxCharts.get(name).data.datasets.map(({ label, data }) => [label, data])"
    return dict(page.evaluate(read, chart))


def northwinds(made: Made) -> dict[str, tuple[int, int]]:
    names = [name for name in made["calls"] if name != "ticket_closed"]
    return {name: (made["calls"][name], made["failed"].get(name, 0)) for name in names}


def test_figures_are_those_of_the_calls(dashboard: Page, made: Made) -> None:
    page, expected = dashboard, northwinds(made)
    total, failed = (sum(each[at] for each in expected.values()) for at in (0, 1))
    expect(card(page, "total")).to_have_text(f"{total:,}")
    expect(card(page, "successful")).to_have_text(f"{total - failed:,}")
    expect(card(page, "failed")).to_have_text(f"{failed:,}")
    for name, (calls, failures) in expected.items():
        cells = row_of(page, name).locator("td.number")
        expect(cells.nth(0)).to_have_text(f"{calls:,}")
        expect(cells.nth(1)).to_have_text(f"{failures:,}")
    drawn = series(page, "traffic")
    assert (sum(drawn["Calls"]), sum(drawn["Failed"])) == (total, failed)
    page.get_by_text("As a table").first.click()
    cells = page.locator("[data-part=traffic_table] td:nth-child(2)").all_inner_texts()
    assert sum(int(cell.replace(",", "")) for cell in cells) == total


def test_filters_stand_in_the_address(dashboard: Page, site: RunningSite, made: Made) -> None:
    page, month = dashboard, f"{sum(calls for calls, _ in northwinds(made).values()):,}"
    invoices, failures = northwinds(made)["invoice_paid"]
    mark(page)
    page.select_option("#filter-by", label="invoice_paid")
    expect(card(page, "total")).to_have_text(f"{invoices:,}")
    expect(card(page, "failed")).to_have_text(f"{failures:,}")
    narrowed = address(site, made, f"range=30d&webhook={made['webhooks']['invoice_paid']}")
    assert page.url == narrowed
    assert series(page, "traffic")["Calls"] != []

    page.click("#range-1h")
    expect(page.locator("#range-1h")).to_have_attribute("aria-current", "true")
    assert page.url == narrowed.replace("30d", "1h")
    expect(page.locator("#filter-by option:checked")).to_have_text("invoice_paid")

    page.go_back()
    expect(card(page, "total")).to_have_text(f"{invoices:,}")
    page.go_back()
    expect(card(page, "total")).to_have_text(month)
    expect(page.locator("#filter-by option:checked")).to_have_text("All webhooks")
    page.go_forward()
    expect(card(page, "total")).to_have_text(f"{invoices:,}")
    assert is_marked(page)
    page.reload()
    expect(card(page, "total")).to_have_text(f"{invoices:,}")
    assert page.url == narrowed


def test_refreshes_itself_in_place(dashboard: Page, site: RunningSite, made: Made) -> None:
    page, api = dashboard, site.session()
    total = sum(calls for calls, _ in northwinds(made).values())
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/data/" in request.url else None)
    mark(page)
    untouched = page.locator("[data-part=integrations], [data-part=filters] select").first.element_handle()
    page.locator("#range-30d").focus()
    page.mouse.wheel(0, 600)
    wait_until(lambda: page.evaluate("scrollY") > 0, "the page has scrolled")
    scrolled = page.evaluate("scrollY")

    # Nobody listens at its address.
    order(api, f"{site.url}/api/platform/tenants/northwind/webhooks/contact_form", 1)
    wait_until(lambda: states(site).get("failed"), "the call has failed")
    expect(card(page, "total")).to_have_text(f"{total:,}")
    page.clock.fast_forward(30_000)
    expect(card(page, "total")).to_have_text(f"{total + 1:,}")
    newest = page.locator(".calls tbody tr").first
    expect(newest).to_contain_text("contact_form")
    expect(newest.get_by_role("button")).to_have_text("Send again")
    assert is_marked(page)
    assert untouched.evaluate("element => element.isConnected")
    expect(page.locator("#range-30d")).to_be_focused()
    assert page.evaluate("scrollY") == scrolled
    expect(page.locator("[data-announcer]")).to_contain_text(f"{total + 1:,} calls")
    assert [request.headers.get("signalbox-automatic") for request in asked] == ["1"]

    # Nobody who cannot see it costs the site anything, and whoever does not want it stops it.
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.fast_forward(300_000)
    assert len(asked) == 1
    page.evaluate("delete document.hidden")
    with page.expect_response("**/data/**"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("[aria-busy=false]")).to_have_count(1)  # what came is shown, and will say no more
    page.get_by_role("button", name="Pause refreshing").click()
    expect(page.locator("[data-announcer]")).to_have_text("Refreshing is paused.")
    page.clock.fast_forward(300_000)
    assert len(asked) == 2
    with page.expect_response("**/data/**"):
        page.get_by_role("button", name="Resume refreshing").click()
    assert len(asked) == 3


def test_works_with_the_keyboard(dashboard: Page, made: Made) -> None:
    page = dashboard
    page.locator("#range-1h").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#range-24h")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#range-24h")).to_have_attribute("aria-current", "true")
    expect(page.locator("#range-24h")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator("#filter-by")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("tr.is-chosen")).to_contain_text("contact_form")
    expect(page.locator("#filter-by")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause refreshing")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_can_be_read(dashboard: Page, theme: str) -> None:
    page = dashboard
    drawn = "SignalboxCharts.get('traffic').getDatasetMeta(0).dataset.options.borderColor"
    wanted = "getComputedStyle(document.documentElement).getPropertyValue('--series-calls').trim()"
    before = page.evaluate(drawn)
    page.emulate_media(color_scheme=theme)
    after = wait_until(lambda: page.evaluate(f"{drawn} === {wanted} && {drawn}"), "the charts have the theme's colours")
    assert (after == before) is (theme == "light")
    texts = page.locator(TEXTS).filter(visible=True).evaluate_all(CONTRASTS)
    assert len(texts) > 100
    assert {text: ratio for text, ratio in texts if ratio < 4.5} == {}


def test_fits_a_telephone(dashboard: Page, site: RunningSite) -> None:
    page = dashboard
    page.set_viewport_size({"width": 390, "height": 844})
    for where in (page.url, f"{site.url}/admin/"):
        page.goto(where)
        expect(page.locator(".is-live")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator(".all-pages")).to_be_visible()


def test_works_without_scripts(dashboard: Page, browser_context: BrowserContext, made: Made) -> None:
    browser = browser_context.browser
    assert isinstance(browser, Browser)
    plain = browser.new_context(java_script_enabled=False, storage_state=browser_context.storage_state())
    page = plain.new_page()
    page.goto(dashboard.url)
    expect(page.locator("canvas:visible")).to_have_count(0)
    expect(page.locator("[data-part=traffic_table] tbody tr").first).to_be_visible()
    expect(page.locator(".heat-map")).to_be_visible()
    page.select_option("#filter-by", label="invoice_paid")
    page.get_by_role("button", name="Show").click()
    expect(card(page, "total")).to_have_text(f"{northwinds(made)['invoice_paid'][0]:,}")
    plain.close()


def test_from_a_failed_call_to_its_story_and_sent_again(
    logged_in: Page, site: RunningSite, receiver: Receiver, made: Made
) -> None:
    page, api = logged_in, site.session()
    receiver.answer(PATH, status=500, body={"error": "database is down"})
    tenant = f"{site.url}/api/platform/tenants/quiet"
    webhook = {"workflow_name": "stock", "url": receiver.url(PATH), "retry_schedule": "quick", "max_retries": 0}
    assert api.post(f"{tenant}/webhooks", json=webhook, timeout=10).status_code == 201
    order(api, f"{tenant}/webhooks/stock", 1)
    wait_until(
        lambda: ("failed", 500) in site.query("SELECT state, last_status_code FROM webhooks_delivery"), "it failed"
    )

    page.goto(address(site, made, "range=1h", tenant="quiet"))
    failed = page.locator(".calls tbody tr").first
    expect(failed.locator(".badge-bad")).to_have_text("500")
    failed.get_by_role("link", name="Timeline").click()
    expect(page.locator(".timeline > li")).to_contain_text("database is down")
    page.go_back()
    receiver.answer(PATH, status=200, body={"ok": True})
    failed.get_by_role("button", name="again").click()
    expect(page.locator(".messagelist")).to_contain_text("It is on its way.")
    wait_until(
        lambda: ("succeeded", 200) in site.query("SELECT state, last_status_code FROM webhooks_delivery"), "it went"
    )
    page.goto(address(site, made, "range=1h", tenant="quiet"))
    expect(card(page, "total")).to_have_text("2")
    expect(page.locator(".calls .badge-good")).to_have_text("200")


def test_pictures(logged_in: Page, site: RunningSite, made: Made, screenshot: Shot) -> None:
    page = logged_in
    for name, where in (("admin-index", f"{site.url}/admin/"), ("admin-dashboard", address(site, made, "range=7d"))):
        page.set_viewport_size({"width": 1440, "height": 1180})
        for theme, suffix in (("light", ""), ("dark", "-dark")):
            page.emulate_media(color_scheme=theme)
            page.goto(where)
            expect(page.locator(".is-live")).to_have_count(1)
            screenshot(f"{name}{suffix}")
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    screenshot("admin-dashboard-narrow")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 860})
