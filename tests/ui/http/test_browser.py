"""From an empty store to a looked-through library, in a real browser."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.ui.http.conftest import make_photos
from tests.ui.http.services import start

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no browser here; install the package chromium"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(the address of a service with an empty store, a folder of photos)."""
    folder = tmp_path_factory.mktemp("browser")
    make_photos(folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))  # its own trash
        service, client = start(folder / "store", folder)
    yield str(client.base_url).rstrip("/"), folder / "photos"
    client.close()
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=60)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test where a script or the policy complains."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert complaints == []


def test_a_folder_is_added_indexed_and_looked_through(page: Page, address: tuple[str, Path]) -> None:
    """Prevents: a page that works for programs only, or only with a mouse."""
    base, photos = address
    page.goto(base)
    expect(page.get_by_text("Add a folder of pictures to begin.")).to_be_visible()
    page.get_by_label("A folder of this machine").fill(str(photos))
    page.keyboard.press("Enter")
    expect(page.locator("[data-state]")).to_have_text("done", timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("redundant", timeout=20_000)

    page.get_by_role("link", name="Redundant").click()
    page.wait_for_load_state("networkidle")
    groups = page.locator("[data-row]").count()
    assert groups >= 2
    assert all(page.eval_on_selector_all(".frame img", "all => all.map((one) => one.naturalWidth > 0)"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("[data-row]").nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("[data-row]").nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/groups/*")
    seen = {page.url}
    for _ in range(10):
        if not page.locator("[data-after]").count():
            break
        before = page.url
        page.keyboard.press("]")
        page.wait_for_url(lambda url, before=before: url != before)
        page.wait_for_load_state("networkidle")
        seen.add(page.url)
    assert len(seen) >= groups
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "/groups/" not in url)


def test_two_pictures_move_as_one(page: Page, address: tuple[str, Path]) -> None:
    """Prevents: a comparison of two places that are not the same."""
    base, _ = address
    page.goto(f"{base}/edited")
    page.locator("[data-open]").first.click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".stage").count() == 2
    place = "all => all.map((one) => one.style.transform)"
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.locator(".stage").first.focus()
    page.keyboard.press("ArrowRight")
    moved = page.eval_on_selector_all(".moved", place)
    assert moved[0] == moved[1]
    assert "scale(2.25)" in moved[0]
    page.keyboard.press("0")
    assert "scale(1)" in page.eval_on_selector_all(".moved", place)[0]
    page.keyboard.press("f")
    over = page.locator(".moved").first.locator("img").nth(1)
    expect(over).to_be_visible()
    assert over.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 100
    page.keyboard.press("f")
    expect(over).to_be_hidden()
    page.keyboard.press("s")
    expect(page.get_by_label("Where the second picture begins")).to_be_visible()
    page.keyboard.press("d")
    assert "difference" in (over.get_attribute("src") or "")


def test_a_dropped_picture_is_searched(page: Page, address: tuple[str, Path]) -> None:
    base, photos = address
    page.goto(f"{base}/search")
    page.get_by_label("Drop a picture here").set_input_files(photos / "copies" / "0-small.jpg")
    expect(page.get_by_text("A copy of what is here")).to_be_visible(timeout=20_000)
    assert page.locator(".found li").count() > 1


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_screen(browser: Browser, address: tuple[str, Path], width: int, scheme: str) -> None:
    """Prevents: a phone that scrolls sideways, and text that is as dark as its ground."""
    base, _ = address
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for path in ("/", "/redundant", "/edited", "/both", "/similar", "/search", "/news", "/skipped", "/jobs"):
        page.goto(base + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) == (scheme == "dark")
    context.close()


def test_a_plan_is_reviewed_carried_out_and_undone(page: Page, address: tuple[str, Path]) -> None:
    """Prevents: files that go without a look, or without a way back."""
    base, photos = address
    names = {path.name for path in photos.rglob("*")}
    page.goto(f"{base}/redundant")
    page.get_by_role("link", name="Plan what may go").click()
    page.get_by_role("button", name="Make a plan").click()
    page.wait_for_url("**/plans/*")
    ticks = page.get_by_role("checkbox")
    goes = ticks.count()
    assert goes >= 2
    ticks.first.uncheck()
    page.get_by_role("button", name="Move what is ticked to the trash").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible(timeout=60_000)
    expect(page.locator("[data-state]").first).to_have_text("done")
    assert len({path.name for path in photos.rglob("*")}) == len(names) - (goes - 1)
    undo.click()
    expect(page.get_by_text("undone")).to_be_visible(timeout=60_000)
    assert {path.name for path in photos.rglob("*")} == names


def test_a_key_decides_and_a_key_takes_it_back(page: Page, address: tuple[str, Path]) -> None:
    """Prevents: ten clicks for each of a thousand groups."""
    base, _ = address
    page.goto(f"{base}/edited")
    page.locator("[data-open]").first.click()
    page.wait_for_load_state("networkidle")
    before = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda url: "decided=not-duplicate" in url)
    expect(page.get_by_text("Not a duplicate.")).to_be_visible()
    page.keyboard.press("u")
    page.wait_for_url(lambda url: "decided" not in url)
    page.goto(before)
    expect(page.locator("[data-viewer]")).to_be_visible()
