"""Dashboards in a browser: what Grafana has drawn, in the document and on its canvases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .webdriver import Page

# The blocks of a timeline, and the names beside them, are painted: what is painted is noted down.
_NOTE_WHAT_IS_PAINTED = """
window.painted = [];
const paint = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  window.painted.push(text);
  return paint.call(this, text, ...rest);
};
"""
_PANELS = "[data-viz-panel-key]"
_IS_DRAWN = f"""
return document.querySelectorAll('{_PANELS}').length > 3
  && document.querySelectorAll('[aria-label="Panel loading bar"]').length === 0
  && !document.querySelector('[data-testid="Spinner"]');
"""
_CONTROLS = '[data-testid="data-testid dashboard controls"]'
_CUT = f"""
const inside = [...document.querySelectorAll('{_PANELS} *, {_CONTROLS} *')];
const cut = inside.filter((one) => {{
  const box = one.getBoundingClientRect();
  const isText = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return isText && box.width > 1 && box.top < window.innerHeight && one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflow !== 'visible';
}});
return cut.map((one) => one.textContent);
"""
_BEHIND_THE_EDGE = """
return [...document.querySelectorAll('[role="grid"]')]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.closest('[data-viz-panel-key]').textContent.slice(0, 60));
"""
_LINKS = f"""
return [...document.querySelectorAll('{_PANELS} a[href]')].map((one) => one.href);
"""
_COMPLAINTS = """
return [...document.querySelectorAll('[data-testid*="Panel status error"], [data-testid*="Alert error"], [role="alert"]')]
  .map((one) => one.getAttribute('aria-label') || one.textContent);
"""
_ROWS = """
return [...document.querySelectorAll('[role="grid"]')][0].querySelectorAll('[role="row"]:not(:first-child)').length
  && [...[...document.querySelectorAll('[role="grid"]')][0].querySelectorAll('[role="row"]')].slice(1)
    .filter((one) => one.getBoundingClientRect().bottom <= window.innerHeight).length;
"""
_HEIGHT = """
const boxes = [...document.querySelectorAll('*')].filter((one) =>
  one.scrollHeight > one.clientHeight + 50 && ['auto', 'scroll', 'overlay'].includes(getComputedStyle(one).overflowY));
return Math.max(document.documentElement.scrollHeight, ...boxes.map((one) => one.scrollHeight));
"""


@dataclass(frozen=True)
class Drawn:
    """A dashboard that stands in the browser."""

    page: Page

    @property
    def text(self) -> str:
        """All words: those of the panels, and those painted."""
        text: str = self.page.script(
            f"return [...document.querySelectorAll('{_PANELS}')].map((one) => one.innerText).join('\\n')"
            " + '\\n' + window.painted.join('\\n')"
        )
        return text

    def _list(self, script: str) -> list[str]:
        found: list[str] = self.page.script(script)
        return found

    @property
    def cut(self) -> list[str]:
        """Texts in the first screen that do not fit in their place."""
        return self._list(_CUT)

    @property
    def behind_the_edge(self) -> list[str]:
        """Tables with columns that have to be scrolled to."""
        return self._list(_BEHIND_THE_EDGE)

    @property
    def links(self) -> set[str]:
        """Where the panels lead."""
        return set(self._list(_LINKS))

    @property
    def complaints(self) -> list[str]:
        """What Grafana says went wrong."""
        return self._list(_COMPLAINTS)

    @property
    def controls_height(self) -> float:
        """Height of the row of variables, links and times."""
        return float(self.page.script(f"return document.querySelector('{_CONTROLS}').getBoundingClientRect().height"))

    @property
    def rows_in_first_screen(self) -> int:
        """Rows of the first table that are seen without scrolling."""
        return int(self.page.script(_ROWS))


def watch(page: Page) -> None:
    """Note down from now on what is painted."""
    page.devtools("Page.addScriptToEvaluateOnNewDocument", source=_NOTE_WHAT_IS_PAINTED)


def draw(page: Page, url: str, width: int, *, height: int = 800, theme: str = "dark") -> Drawn:
    """Open a dashboard and wait until all of its panels stand."""
    page.resize(width, height)
    page.go(f"{url}{'&' if '?' in url else '?'}theme={theme}")
    page.wait(_IS_DRAWN, "the panels")
    page.wait("return performance.now() > 3000", "the last words")
    page.wait(_IS_DRAWN, "the panels")
    return Drawn(page)


def all_of_it(drawn: Drawn, width: int) -> Drawn:
    """Make the window as high as the dashboard, so that the panels below are drawn too."""
    drawn.page.resize(width, min(int(drawn.page.script(_HEIGHT)) + 60, 4000))
    drawn.page.script("window.resized = performance.now()")
    drawn.page.wait("return performance.now() > window.resized + 2000", "the rest")
    drawn.page.wait(_IS_DRAWN, "the rest of the panels")
    return drawn


def keep(drawn: Drawn, path: Path | None) -> None:
    """Take a picture, if there is a place for it."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.page.picture(path)
