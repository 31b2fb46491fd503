"""The page's script in a real browser: Chromium without a screen."""

import csv
import json
import shutil
import threading
import time
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn_runs import THREE, write_pair
from gymnasium.spaces import Discrete

from teacherstudent.comparing.compare import PAGE, compare
from teacherstudent.comparing.page.serving import Watched, make_server

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, of the extra dev")

PROGRAMS = [shutil.which(name) for name in ("chromium", "chromedriver")]
pytestmark = [
    pytest.mark.skipif(
        None in PROGRAMS, reason="needs chromium and chromedriver (Debian: chromium, chromium-driver)"
    ),
    # A browser takes long to begin on a machine with much to do.
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("browser"),
]

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage"
)

PAIR = {}
"""The page of two teachers, which is drawn once for all tests."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS[0]
    for flag in FLAGS.split():
        options.add_argument(flag)
    folder = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(PROGRAMS[1]))
    found.downloads = folder
    yield found
    found.quit()


@pytest.fixture
def opened(browser, write_run, tmp_path):
    """Return a function that compares runs of a space and opens their page."""

    def open_(write=None):
        page = tmp_path / "out" / PAGE
        if write is not None:
            write()
            compare([tmp_path / "r"], page.parent)
        elif PAIR:
            page.parent.mkdir()
            page.write_text(PAIR["text"])
        else:
            write_pair(write_run, walls=[[0.0, 0.0, 1.0, 1.0]])
            compare([tmp_path / "r"], page.parent)
            PAIR["text"] = page.read_text()
        browser.set_window_size(1200, 900)
        browser.get_log("browser")
        browser.get(page.as_uri())
        return browser

    yield open_
    logged = [line for line in browser.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]
    # It is these tests that read what is drawn, not the page.
    errors = [line for line in logged if "getImageData" not in line["message"]]
    assert errors == []


def one(browser, query):
    return browser.find_element("css selector", query)


def scroll_to(browser, query):
    part = one(browser, query)
    browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", part)
    return part


def wait_for(browser, script, seconds=30):
    """Wait until a script returns something true, and return that; a page that comes anew runs none."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.ui import WebDriverWait

    waiting = WebDriverWait(browser, seconds, ignored_exceptions=[WebDriverException])
    return waiting.until(lambda b: b.execute_script(script))


def downloaded(browser, name):
    """Return what is in a file that is being saved, and remove it."""
    path = browser.downloads / name
    for _ in range(600):
        if path.exists() and path.stat().st_size:
            break
        time.sleep(0.1)
    content = path.read_bytes()
    path.unlink()
    return content


def inked(browser):
    """Return how many points of each map are drawn, when the player has been made."""
    scroll_to(browser, ".play")
    wait_for(browser, "return document.querySelectorAll('.map canvas').length")
    return browser.execute_script(
        "return [...document.querySelectorAll('.map canvas')].map((canvas) => {"
        " const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        " let n = 0; for (let i = 3; i < data.length; i += 4) n += data[i] > 0; return n; })"
    )


def test_every_panel_is_drawn(opened):
    browser = opened()
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('.panel')].map((p) => [p.id, p.offsetWidth, p.offsetHeight])"
    )
    assert len(sizes) >= 9
    assert all(width > 600 and height > 60 for _, width, height in sizes), sizes
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('.view:not([hidden]) .drawing > *')].map((d) => d.offsetHeight"
        " || d.getBoundingClientRect().height)"
    )
    assert min(drawn) > 50


def test_the_slider_shows_another_stretch_and_the_button_plays(opened):
    browser = opened()
    at_the_end = inked(browser)
    # Tasks come back at four costs only: the last of 32 stretches has some, the first has none.
    assert min(at_the_end) > 0
    text = "return document.querySelector('.play output').textContent"
    assert browser.execute_script(text).endswith("1,000 environment steps")
    browser.execute_script(
        "const s = document.querySelector('.play input'); s.value = 0; s.dispatchEvent(new Event('input'))"
    )
    assert browser.execute_script(text).startswith("0 to")
    # Walls are drawn in every stretch, tasks are not.
    assert 0 < max(inked(browser)) < max(at_the_end)
    one(browser, ".play .go").click()
    wait_for(browser, "return +document.querySelector('.play input').value > 2")
    one(browser, ".play .go").click()
    held = browser.execute_script("return document.querySelector('.play input').value")
    assert one(browser, ".play .go").get_attribute("aria-label") == "play"
    assert 2 < int(held) < 31


def test_colours_of_the_player_can_be_chosen(opened):
    browser = opened()
    inked(browser)
    choices = browser.execute_script(
        "return [...document.querySelector('.play .colour').options].map((o) => o.value)"
    )
    assert choices == ["score", "solved", "progress"]
    seen = set()
    for choice in choices:
        browser.execute_script(
            "const s = document.querySelector('.play .colour'); s.value = arguments[0];"
            " s.dispatchEvent(new Event('change'))",
            choice,
        )
        seen.add(browser.execute_script("return document.querySelector('.map canvas').toDataURL()"))
    assert len(seen) == 3


def test_a_teacher_can_be_hidden_everywhere(opened):
    browser = opened()
    count = (
        "return [...document.querySelectorAll('.series')]"
        ".filter((s) => getComputedStyle(s).display !== 'none').length"
    )
    before = browser.execute_script(count)
    one(browser, '.chip[data-teacher="riac"]').click()
    # The player comes into sight only now.
    inked(browser)
    maps = "return [...document.querySelectorAll('.map')].map((m) => m.offsetHeight > 0)"
    assert browser.execute_script(maps) == [True, False]
    assert 0 < browser.execute_script(count) < before
    rows = browser.execute_script(
        "return [...document.querySelectorAll('tr[data-teacher=\"riac\"]')].every((r) => !r.offsetHeight)"
    )
    assert rows
    one(browser, '.chip[data-teacher="riac"]').click()
    assert browser.execute_script(count) == before


def test_values_are_shown_where_the_pointer_is(opened):
    browser = opened()
    svg = scroll_to(browser, ".view:not([hidden]) svg")
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", svg)
    browser.execute_script(
        "arguments[0].dispatchEvent(new PointerEvent('pointermove',"
        " {clientX: arguments[1], clientY: arguments[2], bubbles: true}))",
        svg,
        box["x"] + 0.3 * box["width"],
        box["y"] + 0.5 * box["height"],
    )
    lines = one(browser, "#tip").text.split("\n")
    assert lines[0].startswith("cost (")
    assert sorted(line.split(":")[0] for line in lines[1:]) == ["alp-gmm", "riac"]
    # Results of both rise from 0 to 50 %: at this share of the cost.
    share = float(lines[0].split(": ")[1]) / 1000.0
    assert float(lines[1].split(": ")[1].split(" ")[0]) == pytest.approx(50.0 * share, abs=1.0)


def test_what_curves_are_drawn_against_is_switched(opened):
    browser = opened()
    buttons = browser.find_elements("css selector", ".tabs button")
    buttons[1].click()
    shown = browser.execute_script(
        "return [...document.querySelector('.tabs').parentNode.querySelectorAll('.view')]"
        ".map((v) => !v.hidden)"
    )
    assert shown == [False, True, *[False] * (len(buttons) - 2)]


def test_files_can_be_saved(opened):
    browser = opened()
    for kind in ("pdf", "svg", "csv"):
        button = scroll_to(browser, f'[data-file="s0-curves-0"][data-kind="{kind}"]')
        button.click()
    found = {}
    for kind in ("pdf", "svg", "csv"):
        found[kind] = downloaded(browser, f"curves.{kind}")
    assert found["pdf"].startswith(b"%PDF-")
    assert b"var(" not in found["svg"]
    assert b"<svg" in found["svg"][:400]
    rows = list(csv.DictReader(found["csv"].decode().splitlines()))
    assert max(float(row["y"]) for row in rows if row["panel"].startswith("test tasks")) == 50.0


def test_what_is_played_can_be_saved(opened):
    browser = opened()
    inked(browser)
    found = {}
    for kind in ("svg", "csv"):
        scroll_to(browser, f'.play .save[data-kind="{kind}"]').click()
        found[kind] = downloaded(browser, f"sampling.{kind}").decode()
    root = ElementTree.fromstring(found["svg"])
    names = [part.text for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert names == ["alp-gmm", "riac"]
    kinds = Counter(part.tag.rpartition("}")[2] for part in root.iter())
    assert kinds["ellipse"] == 2, "the mixture"
    assert kinds["circle"] > 100
    rows = list(csv.DictReader(found["csv"].splitlines()))
    assert {row["teacher"] for row in rows} == {"alp-gmm", "riac"}
    assert all(0 <= float(row["height"]) <= 3 and 0 <= float(row["spacing"]) <= 6 for row in rows)
    assert {float(row["to"]) for row in rows} == {250.0, 500.0, 750.0, 1000.0}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read_light_and_dark(opened, theme):
    browser = opened()
    browser.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
    ink, paper = browser.execute_script(
        "const t = document.querySelector('.drawing svg text'), p = document.querySelector('.panel');"
        " return [getComputedStyle(t).fill, getComputedStyle(p).backgroundColor]"
    )

    def light(colour):
        return np.mean([int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(",")])

    assert abs(light(ink) - light(paper)) > 120


def test_the_button_changes_the_theme(opened):
    browser = opened()
    before = browser.execute_script("return document.documentElement.dataset.theme")
    one(browser, "#theme").click()
    assert browser.execute_script("return document.documentElement.dataset.theme") != before
    one(browser, "#theme").click()


def test_a_phone_need_not_scroll_sideways(opened):
    browser = opened()
    browser.set_window_size(500, 800)
    widths = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


def test_dimensions_of_larger_spaces_can_be_chosen(opened, write_run):
    browser = opened(lambda: write_run("r/0", space=THREE))
    assert inked(browser)[0] > 0
    names = browser.execute_script(
        "return [...document.querySelector('.play .x').options].map((o) => o.text)"
    )
    assert names == ["a", "b", "c"]
    before = browser.execute_script("return document.querySelector('.map canvas').toDataURL()")
    browser.execute_script(
        "const s = document.querySelector('.play .y'); s.value = 2; s.dispatchEvent(new Event('change'))"
    )
    assert browser.execute_script("return document.querySelector('.map canvas').toDataURL()") != before


def test_listed_tasks_are_counted(opened, write_run):
    browser = opened(lambda: write_run("r/0", space=Discrete(4)))
    assert inked(browser)[0] > 0
    assert "how often" in one(browser, ".play .scale").text


def test_a_served_page_comes_again_when_its_runs_go_on(browser, write_run, tmp_path):
    write_run("r/0", status="interrupted", until=0.5)
    # The page is drawn anew only some seconds after it was drawn: until then the old one comes again.
    server = make_server(Watched([tmp_path / "r"], rest=10.0), port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.get_log("browser")
        browser.get(f"http://127.0.0.1:{server.server_address[1]}/")
        browser.execute_script("window.before = true")
        # It has asked once before anything changes.
        wait_for(
            browser, "return performance.getEntriesByType('resource').some((r) => r.name.endsWith('version'))"
        )
        write_run("r/1", seed=1)
        wait_for(
            browser,
            "return window.before === undefined && document.querySelectorAll('.run').length === 2",
            60,
        )
        assert json.dumps(browser.get_log("browser")) == "[]"
    finally:
        browser.get("about:blank")
        server.shutdown()
        server.server_close()
