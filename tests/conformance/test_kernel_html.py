"""The lab's page: escaped, self-contained, and at work in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ninep.conformance.kernel import html
from ninep.conformance.kernel.model import Report, Result
from tests import browser as chromium

from .test_kernel_report import HOSTILE, sample

needs_browser = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())
SCRIPTS = "[...document.querySelectorAll('#scripts details')]"
ROWS = "[...document.querySelectorAll('.matrix tbody tr')]"
SEEN = ".filter(e => e.checkVisibility())"
RED = "01_s@uml:6.1.176@ninep@tcp,cache=none"


def reports(text: str = "expected 1, got 2") -> list[Report]:
    """Return two servers on one kernel, which differ."""
    ours, other = sample(text), sample(text)
    ours.server, other.server = "ninep", "other"
    other.cells[0].scripts[0].checks[1].mount = Result("pass")
    other.trouble = text
    return [ours, other]


def test_nothing_is_loaded() -> None:
    """The page names no address that a browser would fetch, and forbids all others."""
    page = html.render(reports())
    assert re.findall(r"\b(?:src|href|action|data)=[\"'](?!#)|url\(|@import", page) == []
    assert "default-src 'none'" in page


def test_hostile_text_is_escaped() -> None:
    """Nothing of what a server or a kernel says is markup."""
    hostile = reports(f"{HOSTILE}</script><script>")
    hostile[0].cells[0].scripts[0].kernel_said = [HOSTILE]
    hostile[0].server = hostile[1].kernel = HOSTILE
    page = html.render(hostile)
    assert page.count("</script>") == 1
    assert "<&>" not in page
    page.encode()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """Open a page in a browser."""
    path = tmp_path_factory.mktemp("page") / "lab.html"
    path.write_text(html.render(reports(HOSTILE)), encoding="utf-8")
    with chromium.browser(tmp_path_factory.mktemp("chromium")) as running:
        running.open(path)
        yield running


@needs_browser
def test_matrix(page: chromium.Browser) -> None:
    """A row for each script, a column for each server; what did not run says so."""
    rows = page.evaluate(f"{ROWS}.map(r => r.innerText.split(/\\s*\\t\\s*/))")
    assert rows[0] == ["01_s", "fail 1 of 4", "error 1 of 4"]
    assert rows[1] == ["02_t", "NOT RUN", "NOT RUN"]


@needs_browser
def test_a_red_cell_leads_to_what_happened(page: chromium.Browser) -> None:
    """A click unfolds messages, clause, kernel's log, trace and the command to do it again."""
    page.evaluate(f"document.querySelector('.matrix a[href=\"#{RED}\"]').click()")
    found = f"document.getElementById({RED!r})"
    waited = page.call(
        "Runtime.evaluate",
        expression=f"new Promise(r => setTimeout(() => r({found}.open)))",
        awaitPromise=True,
    )
    assert waited["result"]["value"]
    page.evaluate(f"{found}.style.contentVisibility = 'visible'")
    text = page.evaluate(f"{found}.innerText")
    for words in (
        "Rlerror tag=1 ecode=9 (EBADF)",
        "walk.first-name",
        "9p: said by the kernel",
        "ninep lab --kernel uml:6.1.176 --transport tcp --cache none --script 01_s",
        "127.0.0.1 /mnt 9p",
    ):
        assert words in text


@needs_browser
def test_filter(page: chromium.Browser) -> None:
    """A button leaves the scripts of one verdict, words those that have them."""
    verdicts = f"{SCRIPTS}{SEEN}.map(e => e.dataset.verdict)"
    assert page.evaluate(verdicts) == ["fail", "error", "not-run", "not-run"]
    page.evaluate("document.querySelector('#scripts button[data-verdict=not-run]').click()")
    assert page.evaluate(verdicts) == ["not-run", "not-run"]
    page.evaluate("document.querySelector('#scripts button[data-verdict=\"\"]').click()")
    field = "const i = document.querySelector('#scripts input')"
    entered = "i.dispatchEvent(new Event('input'))"
    page.evaluate(f"{{ {field}; i.value = '02_t other'; {entered}; }}")
    assert page.evaluate(verdicts) == ["not-run"]
    page.evaluate(f"{{ {field}; i.value = ''; {entered}; }}")


@needs_browser
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_only_the_matrix_scrolls_sideways(page: chromium.Browser, width: int) -> None:
    """On a phone as on a desk everything else fits, also when it is unfolded."""
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
              mobile=width < 768)  # fmt: skip
    laid_out = "e.style.contentVisibility = 'visible'"
    page.evaluate(f"{SCRIPTS}.forEach(e => {{ e.open = true; {laid_out}; }})")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    parts = "pre, li, p, dd, summary, .breach, #differences + table td"
    cut = f"[...document.querySelectorAll('{parts}')]"
    assert page.evaluate(f"{cut}.filter(e => e.scrollWidth > e.clientWidth).length") == 0
    assert page.evaluate(f"{ROWS}.every(r => getComputedStyle(r).display === 'table-row')")
