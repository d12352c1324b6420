"""index.html in a real Chromium: looked at, filtered, walked by keyboard, printed; silent, and sending nothing."""

import base64
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from test_page import knocked
from test_page_of_a_migration import comparison, cutover, equivalence
from verdicts import examined, made

from crosstalk.model.live_figures import Limit, LiveFigures, Percentiles
from crosstalk.model.waits import HeatMap
from crosstalk.reporting.migration import Beside
from crosstalk.reporting.page import page

selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
Select = pytest.importorskip("selenium.webdriver.support.ui").Select
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1250,1000 --disable-dev-shm-usage"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    def opened(verdict, *others) -> Path:
        path = tmp_path / "index.html"
        path.write_text(page(verdict, *others), "utf-8")
        browser.get_log("browser"), browser.get_log("performance")
        browser.get(path.as_uri())
        return path

    yield opened
    assert browser.get_log("browser") == []  # neither errors nor a refused request of the page's own policy
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent" and not _of_the_browser(message):
            assert message["params"]["request"]["url"].startswith(("file://", "data:")), message


def _of_the_browser(message):
    return message["params"].get("documentURL", "").startswith("chrome://")


def script(browser, text):
    return browser.execute_script(f"return {text}")


def cards(browser):
    return script(
        browser, "[...document.querySelectorAll('.card')].filter(c => c.offsetParent).map(c => c.dataset.check)"
    )


def choose(browser, field, value):
    Select(browser.find_element("id", field)).select_by_value(value)


def test_who_received_whose_event_is_seen_without_scrolling_far(browser, opened):
    verdict = examined("everybody_when_absent")
    opened(verdict)
    owner, receiver = verdict.checks[0].violations[0].users
    heading = browser.find_element("css selector", ".card h3")
    assert f"isolation: '{receiver}' was sent an event that belongs to '{owner}'" in heading.text
    assert heading.rect["y"] < 1_000
    svg = browser.find_element("css selector", ".card svg")
    assert svg.rect["width"] > 300 and svg.rect["height"] > 100
    # nothing hangs out of the page, and no text of the picture out of the picture
    assert script(browser, "document.documentElement.scrollWidth <= innerWidth")
    inside = """(() => { const box = document.querySelector('.card svg').getBoundingClientRect();
        return [...document.querySelectorAll('.card svg text')].filter(t => t.closest('svg') ===
        document.querySelector('.card svg')).every(t => { const b = t.getBoundingClientRect();
        return b.left >= box.left - 1 && b.right <= box.right + 1 && b.bottom <= box.bottom + 1 }) })()"""
    assert script(browser, inside)


def test_filters_by_check_user_and_words(browser, opened):
    verdict = examined("held_current_user")
    opened(verdict)
    every = [c.name for c in verdict.checks for _ in c.violations]
    assert cards(browser) == every and len(set(every)) > 1
    choose(browser, "check", "isolation")
    assert cards(browser) == ["isolation"]
    assert browser.find_element("id", "shown").text == f"1 of {len(every)} shown"
    browser.find_element("id", "all").click()
    assert cards(browser) == every
    choose(browser, "user", "bob")
    assert cards(browser) == [c.name for c in verdict.checks for v in c.violations if "bob" in v.users] != every
    browser.find_element("id", "all").click()
    browser.find_element("id", "words").send_keys("no such words anywhere")
    assert cards(browser) == []


def test_it_is_walked_by_keyboard(browser, opened):
    opened(made(3))
    keys = selenium.Keys
    body = browser.find_element("tag name", "body")
    where = "document.activeElement.querySelector('h3')?.textContent"
    body.send_keys("j")
    first = script(browser, where)
    browser.switch_to.active_element.send_keys("j")
    assert script(browser, where) != first
    browser.switch_to.active_element.send_keys("k")
    assert script(browser, where) == first
    browser.switch_to.active_element.send_keys("/")
    assert script(browser, "document.activeElement.id") == "words"
    browser.switch_to.active_element.send_keys("jkj")  # typed, not obeyed
    assert script(browser, "document.getElementById('words').value") == "jkj"
    browser.switch_to.active_element.send_keys(keys.ESCAPE)
    seen = set()
    browser.find_element("id", "all").click()
    for _ in range(14):
        browser.switch_to.active_element.send_keys(keys.TAB)
        seen.add(script(browser, "document.activeElement.tagName"))
    assert {"SUMMARY", "DIV"} <= seen  # what opens, and what scrolls, is reached


def test_the_replay_command_is_copied(browser, opened):
    opened(made(1))
    browser.find_element("css selector", "button[data-copy]").click()
    wait = WebDriverWait(browser, 5)
    wait.until(lambda _: browser.find_element("css selector", "button[data-copy]").text == "copied")


def test_it_prints_with_everything_open(browser, opened, tmp_path):
    opened(examined("impatient_sender"))
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert pdf.startswith(b"%PDF")
    if shutil.which("pdftotext"):
        import subprocess

        text = subprocess.run(["pdftotext", "-", "-"], input=pdf, stdout=subprocess.PIPE, check=True).stdout.decode()
        text = " ".join(text.split())  # wherever lines are broken
        for words in ("was sent one event 2 times", "crosstalk replay", "ct1", "The program", "Controls", "plain"):
            assert words in text, words
        assert "alice/0 connects" in text  # inside what was folded
        assert "Show all" not in text
        assert "connect socket 0" not in text  # the timeline as text, beside a picture of the same


def test_on_a_telephone_the_picture_keeps_its_size_and_the_page_does_not_hang_out(browser, opened):
    try:
        metrics = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        opened(made(3), Beside((comparison(), equivalence(), cutover())))
        assert script(browser, "document.documentElement.scrollWidth <= innerWidth")
        shown = "[...document.querySelectorAll('svg.ctp')].filter(svg => svg.getBoundingClientRect().width > 0)"
        assert script(browser, f"{shown}.length") > 3
        assert script(browser, f"{shown}.every(svg => svg.getBoundingClientRect().width == svg.getAttribute('width'))")
        links = script(browser, "[...document.querySelectorAll('.list a')].map(link => link.hash)")
        assert links == ["#f1", "#f2", "#f3"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_have_contrast(browser, opened, scheme):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    opened(made(1))
    contrast = """((pairs) => {
        const channel = (v) => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
        const luminance = ([selector, property]) => {
            const colour = getComputedStyle(document.querySelector(selector))[property];
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(channel);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        return pairs.map((pair) => pair.map(luminance)).map(([a, b]) =>
            (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
        })([[['body', 'color'], ['body', 'backgroundColor']], [['.soft', 'color'], ['body', 'backgroundColor']],
            [['.fail', 'color'], ['body', 'backgroundColor']], [['.ctp .redtext', 'fill'], ['.ctp .lane', 'fill']],
            [['.ctp .soft', 'fill'], ['.ctp .lane', 'fill']], [['.ctp text', 'fill'], ['.ctp .paper', 'fill']]])"""
    found = script(browser, contrast)
    assert min(found) >= 4.5, found
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_hostile_verdict_does_nothing(browser, opened):
    hostile = "<img src=http://127.0.0.1:9/x onerror=window.hit=1></script><script>window.hit=1</script>"
    opened(made(2, (hostile, "bob"), target=hostile, message=hostile, sample=hostile, notes=(hostile,)))
    assert script(browser, "window.hit === undefined")
    assert hostile in browser.find_element("tag name", "h1").text


def test_a_live_run_and_a_migration_fit_the_page(browser, opened):
    live = LiveFigures(
        2, 9, 4, 200, 3_000, latency=Percentiles(200, 0.01, 0.02, 0.3, 0.3, ((0.01, 150), (0.02, 49), (0.32, 1))),
        heat=HeatMap(2, ("alice", "b" * 60), ((0.3, None, *(0.1,) * 38), (0.01, 0.02, *(None,) * 38))),
        limits={"latency": Limit(0.015, 50)}, failed=(("alice", 0.0), ("b" * 60, 3.9)),
    )  # fmt: skip
    asked = knocked("a token of another audience " * 9, 40)
    checks = [
        asked.checks[0],
        *(msgspec.structs.replace(asked.checks[0], name=name) for name in ("latency", "success")),
    ]
    opened(
        msgspec.structs.replace(made(0), live=live, checks=tuple(checks)),
        Beside((comparison(), equivalence(), cutover())),
    )
    assert script(browser, "document.documentElement.scrollWidth <= innerWidth")
    outside = """[...document.querySelectorAll('svg.plot text, .card svg.ctp text')]
        .filter(t => { const b = t.getBoundingClientRect(),
        box = t.closest('svg').getBoundingClientRect(); return b.left < box.left - 1 || b.right > box.right + 1 ||
        b.bottom > box.bottom + 1 || b.top < box.top - 1 }).map(t => t.textContent)"""
    assert script(browser, outside) == []
    assert len(browser.find_elements("css selector", "svg.plot")) == 5  # limit, failures; times, waits, ratios
    assert len(browser.find_elements("css selector", ".card svg.ctp")) == 3


def test_a_phone_shows_it_too(browser, opened):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    opened(made(2))
    assert script(browser, "document.documentElement.scrollWidth") <= 391
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
