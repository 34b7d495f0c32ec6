"""Real Chromium on a real site. A console error or a page error fails the test that saw it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.running_site import PASSWORD, ROOT, USERNAME, RunningSite

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # CI runs as root, where Chromium's sandbox refuses to start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason="No Chromium on this machine: install Debian's package chromium to run these.")
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(skip)


@pytest.fixture(scope="package")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with RunningSite(tmp_path_factory.mktemp("site")) as running:
        running.remember_the_start()
        yield running


@pytest.fixture(scope="module")
def site(running_site: RunningSite) -> RunningSite:
    """A site on which nobody but its operator has ever been."""
    running_site.begin_anew()
    return running_site


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1440, "height": 860}, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def page(browser_context: BrowserContext) -> Iterator[Page]:
    """A page whose console must stay free of errors, refusals of the Content-Security-Policy among them."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url')})")

    page = browser_context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def logged_in(page: Page, site: RunningSite) -> Page:
    page.goto(f"{site.url}/admin/")
    if page.locator("#id_username").count():
        page.fill("#id_username", USERNAME)
        page.fill("#id_password", PASSWORD)
        page.click("input[type=submit]")
    page.wait_for_selector("#user-tools")
    return page


@pytest.fixture
def screenshot(page: Page, tmp_path: Path) -> Callable[[str], None]:
    """Take a picture; `make screenshots` sets the variable by which they go into the documentation."""
    folder = ROOT / "docs" / "images" if os.environ.get("SIGNALBOX_SCREENSHOTS") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=False)

    return take


@pytest.fixture
def in_both_themes(page: Page, screenshot: Callable[[str], None], tmp_path: Path) -> Callable[[str], None]:
    """Take a picture in light, for the documentation too, and in dark, for whoever looks at a failed run."""

    def take(name: str) -> None:
        screenshot(name)
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=tmp_path / f"{name}-dark.png", animations="disabled", full_page=True)
        page.emulate_media(color_scheme="light")

    return take
