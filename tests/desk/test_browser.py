"""A real browser: cases worked by keyboard alone, nothing from elsewhere, no barriers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from pipeline.decided import Verdict, VerdictGiven
from pipeline.decisions import journal

playwright = pytest.importorskip("playwright.sync_api")
SIZES = [(1280, 800), (1920, 1080)]


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium; skips, saying so, where there is none."""
    import shutil  # noqa: PLC0415

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip(
            "no Chromium here (apt-get install chromium): the desk is not seen in a browser"
        )
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def sit_down(chromium, desk_at):
    """A page of somebody logged in; what it asked for and what went wrong is kept."""
    contexts = []

    def seated(name="bob", size=(1280, 800), start="/"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page = context.new_page()
        page.asked, page.wrong = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else 0)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.goto(desk_at[0] + start)
        page.fill("[name=name]", name)
        page.fill("[name=password]", "correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_selector("#log-out")
        page.wait_for_load_state("load")  # the page's script listens from here on
        return page

    yield seated
    for context in contexts:
        context.close()


def shown(page, case_id=None):
    """Wait until a case is on the screen; returns which."""
    selector = "body[data-shown]" if case_id is None else f'body[data-shown="{case_id}"]'
    page.wait_for_selector(selector, timeout=20_000)
    return page.evaluate("document.body.dataset.shown")


def until_told(page, words):
    """Wait until the page says so in its status line."""
    playwright.expect(page.locator("#told")).to_contain_text(words, timeout=20_000)


def until_gone(page, case_id):
    """Wait until another case is on the screen; returns which."""
    page.wait_for_selector(f'body[data-shown]:not([data-shown="{case_id}"])', timeout=20_000)
    return shown(page)


def open_first(page):
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    return shown(page)


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def verdicts(desk):
    return [e for e in journal.entries(desk.store) if isinstance(e.body, VerdictGiven)]


def test_a_reviewer_works_the_queue_by_keyboard_alone(sit_down, desk_at):
    page, desk = sit_down(), desk_at[1]
    worked = []
    case = open_first(page)
    for number in range(12):
        worked.append(case)
        press(page, [str(number % 5 + 1), "q"])
        if number == 3:
            press(page, "n")
            page.keyboard.type("two hulls, rafted")
            press(page, ["Escape"])
        press(page, ["Enter"])
        if number < 11:
            case = until_gone(page, case)
    page.wait_for_url(re.compile(r"/$"))
    said = verdicts(desk)
    assert [e.case_id for e in said] == worked
    assert len(set(worked)) == 12
    assert [e.body.verdict for e in said] == [list(Verdict)[n % 5] for n in range(12)]
    assert all(len(e.body.reasons) == 1 for e in said)
    assert said[3].body.note == "two hulls, rafted"
    assert said[0].body.mmsi == 273_000_001  # a confirmation names the likeliest ship
    assert said[1].body.mmsi is None
    assert journal.verify(desk.store).n_entries == 12
    assert page.wrong == []


def test_undo_brings_the_case_back_and_the_journal_keeps_both(sit_down, desk_at):
    page, desk = sit_down(), desk_at[1]
    first = open_first(page)
    press(page, ["2", "2"])
    until_gone(page, first)
    press(page, "z")
    shown(page, first)
    until_told(page, "Taken back")
    assert [e.body.kind for e in journal.entries(desk.store)] == ["verdict", "withdrawn"]
    desk.docket.refresh()
    assert desk.docket.standing(first).status == "open"


def test_a_map_that_gives_way_to_the_next_before_it_was_drawn_is_no_error(sit_down):
    page = sit_down()
    open_first(page)
    page.evaluate("drawMap(); drawMap(); drawMap()")
    page.wait_for_timeout(300)
    assert page.wrong == []


def test_nothing_is_asked_of_another_machine(sit_down, desk_at):
    page = sit_down()
    open_first(page)
    press(page, ["b", "b", "]", "[", "o", "x", "j", "k"])
    page.wait_for_timeout(500)
    page.goto(desk_at[0] + "/season")
    hosts = {urlsplit(url).netloc for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(desk_at[0]).netloc}
    assert page.wrong == []


def test_two_clicks_measure_a_hull_and_the_length_is_kept(sit_down, desk_at):
    page, desk = sit_down(), desk_at[1]
    case = open_first(page)
    box = page.locator("#map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    press(page, "m")
    page.mouse.click(middle[0] - 60, middle[1] + 90)
    page.mouse.click(middle[0] + 40, middle[1] + 90)
    until_told(page, "kept")
    entry = journal.entries(desk.store)[0]
    assert (entry.case_id, entry.body.kind) == (case, "length")
    # 100 px at zoom 15: 4.777 m a pixel at the equator, times cos 42.74 degrees
    assert entry.body.length_m == pytest.approx(100 * 4.777 * 0.7344, rel=0.01)


def test_a_detection_is_rejected_and_another_added_by_hand(sit_down, desk_at):
    page, desk = sit_down(), desk_at[1]
    open_first(page)
    box = page.locator("#map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    press(page, "d")
    page.mouse.click(middle[0] + 9, middle[1])
    until_told(page, "rejected")
    press(page, "a")
    page.mouse.click(middle[0] - 90, middle[1] + 60)
    page.mouse.click(middle[0] - 60, middle[1] + 60)
    until_told(page, "added")
    kinds = [entry.body.kind for entry in journal.entries(desk.store)]
    assert kinds == ["hull rejected", "hull added"]


def test_a_finer_image_is_attached(sit_down, desk_at, tmp_path):
    page, desk = sit_down(), desk_at[1]
    case = open_first(page)
    image = tmp_path / "planet.png"
    image.write_bytes(b"finer pixels")
    press(page, "f")
    page.set_input_files("[name=file]", str(image))
    page.fill("#attach-form [name=source]", "Planet, 3 m, 7 May 2024")
    page.check("[name=shows_ship]")
    page.click("#attach-form button:not([type=button])")
    until_told(page, "attached")
    entry = journal.entries(desk.store)[0]
    assert (entry.case_id, entry.body.name, entry.body.shows_ship) == (case, "planet.png", True)
    assert "planet.png" in page.locator(".journal").inner_text()


def test_bands_passes_and_outlines_change_by_key(sit_down):
    page = sit_down()
    open_first(page)
    middle = page.locator('.chip[data-rendition="vv"][data-column="at"] img')
    before = middle.get_attribute("src")
    press(page, ["]", "]"])
    page.wait_for_timeout(200)
    assert middle.get_attribute("src") != before
    press(page, "b")
    assert page.locator('.band[data-band="vv"]').is_hidden()
    assert page.locator('.band[data-band="colour"]').is_visible()
    press(page, "o")
    assert page.locator(".outlines").first.is_hidden()


@pytest.mark.parametrize("size", SIZES)
def test_everything_that_decides_is_on_the_screen(sit_down, size):
    page = sit_down(size=size)
    open_first(page)
    for selector in ("#send", ".verdicts", "#map", ".passes", ".facts", ".suspects"):
        box = page.locator(selector).first.bounding_box()
        assert box is not None, selector
        assert box["x"] >= 0, selector
        assert box["x"] + box["width"] <= size[0] + 1, selector
        assert box["y"] + min(box["height"], 20) <= size[1], selector
    columns = page.locator(".band").first.locator(".frame")
    assert columns.count() == 3
    assert all(columns.nth(k).bounding_box()["width"] >= 110 for k in range(3))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_no_barrier_of_level_a_or_aa(sit_down, desk_at, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = sit_down("ann", size)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    options = {"runOnly": {"type": "tag", "values": tags}}

    def check(where):
        found = axe.Axe().run(page, options=options).response["violations"]
        told = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]
        assert told == [], where

    check("queue")
    open_first(page)
    check("case")
    press(page, ["1", "f", "x"])
    check("case, forms open")
    press(page, ["Escape"])
    page.goto(desk_at[0] + "/season")
    check("season")
    page.click("#log-out")
    page.wait_for_selector("[name=password]")
    check("login")


def test_the_report_opens_from_the_season_page(sit_down, desk_at):
    page = sit_down(start="/season")
    page.click("a[href='/report/report.html']")
    assert page.locator("h1").inner_text() == "report"
