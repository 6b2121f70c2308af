"""The HTML report: escaped, self-contained, and at work in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep.conformance.check import html
from tests import browser as chromium

from .judged import HOSTILE, data

needs_browser = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())
RESULTS = "[...document.querySelectorAll('#results details')]"
ROWS = "[...document.querySelectorAll('#clauses tbody tr')]"
SEEN = ".filter(e => e.checkVisibility())"
FAILURE = 'document.getElementById("walk/partial[2]@9P2000.L")'


def test_nothing_is_loaded() -> None:
    """The page names no address that a browser would fetch, and forbids all others."""
    page = html.render(data())
    assert re.findall(r"\b(?:src|href|action|data)=[\"'](?!#)|url\(|@import", page) == []
    assert "default-src 'none'" in page


def test_every_result_and_every_clause_is_there() -> None:
    """What a script will sort is in the page without one."""
    page = html.render(data())
    assert page.count("<details") == len(data()["results"])
    assert page.count("<tr data-verdict") == len(data()["clauses"])
    assert "0b000000 78 0100 07000000" in page


def test_hostile_text_is_escaped() -> None:
    """Nothing of what a server says is markup."""
    page = html.render(data(HOSTILE))
    assert page.count("</script>") == 1
    assert "<&>" not in page
    page.encode()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """Start one browser for all tests."""
    with chromium.browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def page(browser: chromium.Browser, tmp_path: Path) -> chromium.Browser:
    """Open a report whose server was hostile."""
    path = tmp_path / "report.html"
    path.write_text(html.render(data(HOSTILE)), encoding="utf-8")
    browser.call("Emulation.setEmulatedMedia", features=[])
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.open(path)
    return browser


def verdicts(page: chromium.Browser, rows: str) -> list[str]:
    """Return the verdicts of what is seen, in order."""
    found: list[str] = page.evaluate(f"{rows}{SEEN}.map(e => e.dataset.verdict)")
    return found


def click(page: chromium.Browser, selector: str) -> None:
    """Click an element."""
    page.evaluate(f"document.querySelector({selector!r}).click()")


@needs_browser
def test_the_gravest_comes_first(page: chromium.Browser) -> None:
    """Results and clauses begin with what failed."""
    assert verdicts(page, RESULTS) == ["fail", "error", "warn", "pass", "n-a"]
    assert verdicts(page, ROWS)[:2] == ["fail", "warn"]


@needs_browser
def test_sort(page: chromium.Browser) -> None:
    """A click on a heading sorts by it, a second one the other way round."""
    for key in ("id", "page", "level"):
        keys = f"{ROWS}.map(e => e.dataset.{key})"
        click(page, f"#clauses th[data-key={key}] button")
        up = page.evaluate(keys)
        click(page, f"#clauses th[data-key={key}] button")
        order = ["MUST", "SHOULD", "MAY"].index if key == "level" else str
        assert up == sorted(up, key=order)
        assert page.evaluate(keys) == sorted(up, key=order, reverse=True)
        head = f"document.querySelector('#clauses th[data-key={key}]')"
        assert page.evaluate(f"{head}.getAttribute('aria-sort')") == "descending"


@needs_browser
def test_sort_by_verdict(page: chromium.Browser) -> None:
    """Verdicts sort by gravity."""
    click(page, "#clauses th[data-key=id] button")
    assert verdicts(page, ROWS)[:2] != ["fail", "warn"]
    click(page, "#clauses th[data-key=verdict] button")
    assert verdicts(page, ROWS)[:2] == ["fail", "warn"]


@needs_browser
def test_filter_by_verdict(page: chromium.Browser) -> None:
    """A button leaves one verdict; another brings all back."""
    click(page, "#results button[data-verdict=fail]")
    assert verdicts(page, RESULTS) == ["fail"]
    click(page, "#results button[data-verdict='']")
    assert len(verdicts(page, RESULTS)) == 5
    click(page, "#clauses button[data-verdict=warn]")
    assert verdicts(page, ROWS) == ["warn"]


@needs_browser
def test_filter_by_text(page: chromium.Browser) -> None:
    """Words narrow the list; when nothing is left, that is said."""
    field = "const i = document.querySelector('#results input')"
    entered = "i.dispatchEvent(new Event('input'))"
    page.evaluate(f"{{ {field}; i.value = 'WALK partial'; {entered}; }}")
    assert verdicts(page, RESULTS) == ["fail"]
    page.evaluate(f"{{ {field}; i.value = 'no such thing'; {entered}; }}")
    assert verdicts(page, RESULTS) == []
    assert page.evaluate("document.querySelector('#results .empty').checkVisibility()")


@needs_browser
def test_expand(page: chromium.Browser) -> None:
    """A result unfolds to its clause and its trace."""
    trace = f"{FAILURE}.querySelector('.trace')"
    assert not page.evaluate(f"{trace}.checkVisibility({{contentVisibilityAuto: true}})")
    page.evaluate(f"{FAILURE}.querySelector('summary').click()")
    page.evaluate(f"{FAILURE}.style.contentVisibility = 'visible'")
    assert page.evaluate(f"{trace}.checkVisibility()")
    assert "Rlerror tag=1 ecode=9 (EBADF)" in page.evaluate(f"{trace}.innerText")
    assert "walk.partial-result" in page.evaluate(f"{FAILURE}.querySelector('.breach').innerText")


@needs_browser
def test_a_clause_leads_to_its_result(page: chromium.Browser) -> None:
    """The link from a clause opens the gravest result that judges it."""
    row = "document.querySelector('#clauses tr[data-id=\"walk.partial-result\"]')"
    page.evaluate(f"{row}.querySelector('a').click()")
    waited = page.call(
        "Runtime.evaluate",
        expression=f"new Promise(r => setTimeout(() => r({FAILURE}.open)))",
        awaitPromise=True,
    )
    assert waited["result"]["value"]


@needs_browser
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_scrolls_sideways(page: chromium.Browser, width: int) -> None:
    """On a phone as on a desk everything fits, also when it is unfolded."""
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
              mobile=width < 768)  # fmt: skip
    laid_out = "e.style.contentVisibility = 'visible'"
    page.evaluate(f"{RESULTS}.forEach(e => {{ e.open = true; {laid_out}; }})")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = "[...document.querySelectorAll('pre, li, p, dd, td, summary, .breach')]"
    assert page.evaluate(f"{cut}.filter(e => e.scrollWidth > e.clientWidth).length") == 0


@needs_browser
@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_dark_mode(page: chromium.Browser, scheme: str, is_dark: bool) -> None:
    """The page follows the reader's preference, and can be read in both."""
    page.call("Emulation.setEmulatedMedia",
              features=[{"name": "prefers-color-scheme", "value": scheme}])  # fmt: skip
    style = "getComputedStyle(document.body)"
    paper = page.evaluate(f"{style}.backgroundColor")
    ink = page.evaluate(f"{style}.color")
    assert (brightness(paper) < 64) is is_dark
    assert (brightness(ink) > 192) is is_dark


def brightness(colour: str) -> float:
    """Return the mean of the channels of rgb(…)."""
    channels = [int(number) for number in re.findall(r"\d+", colour)[:3]]
    return sum(channels) / 3


@needs_browser
def test_without_script(browser: chromium.Browser, tmp_path: Path) -> None:
    """Without JavaScript there is a list that unfolds, and no control that does nothing."""
    path = tmp_path / "report.html"
    path.write_text(html.render(data()), encoding="utf-8")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(path)
        assert not browser.evaluate("document.documentElement.classList.contains('js')")
        assert len(verdicts(browser, RESULTS)) == 5
        assert not browser.evaluate("document.querySelector('.tools').checkVisibility()")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
