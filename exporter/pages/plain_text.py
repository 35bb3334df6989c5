"""HTML of messages as text for people.

The result is text, not markup: whoever puts it on a page escapes it. Nothing here has to keep markup out, it only has to
read well and to end soon. That is why the standard library's parser is not used: it takes time that grows with the square
of the length for an unclosed tag, and raises AssertionError on "<![".
"""

from __future__ import annotations

import re
from html import unescape

__all__ = ["plain_text"]

MAX_HTML = 16_384
MAX_TEXT = 8192

_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)(?P<rest>[^<>]*)>|<[!?][^<>]*>", re.DOTALL
)
_HREF = re.compile(r"""\bhref\s*=\s*(?:"(https?://[^"\s]+)"|'(https?://[^'\s]+)')""", re.IGNORECASE)
_MUTE = {"script", "style", "template", "title"}
_BLOCK = {
    *(
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "header",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
    ),
    *("h1", "h2", "h3", "h4", "h5", "h6", "section", "table", "tr", "ul"),
}
_BULLET = {"li": "\u2022 "}
_CELL = {"td", "th"}


def plain_text(html: str) -> str:
    """Give the text of some HTML: blocks on lines of their own, entities decoded, web links behind their words.

    Scripts and styles are left out, links other than http and https lose their address. What is too long is cut.
    """
    html = html[:MAX_HTML]
    if "<" not in html:
        return _tidy(unescape(html))
    pieces, at, address = [], 0, ""
    while markup := _MARKUP.search(html, at):
        pieces.append(unescape(html[at : markup.start()]))
        at = markup.end()
        name = (markup["name"] or "").lower()
        if name in _MUTE and not markup["close"]:
            at = _end_of(name, html, at)
        elif name == "a":
            pieces.append(f" ({address})" if markup["close"] and address else "")
            address = "" if markup["close"] else _address(markup["rest"])
        else:
            pieces.append(_gap(name, closes=bool(markup["close"])))
    pieces.append(unescape(html[at:]))
    return _tidy("".join(pieces))


def _end_of(name: str, html: str, start: int) -> int:
    """Find where the end tag of an element begins whose content is no text; the end of all if there is none."""
    found = html.lower().find(f"</{name}", start)
    return len(html) if found < 0 else found


def _address(attributes: str) -> str:
    found = _HREF.search(attributes)
    return unescape(found[1] or found[2]) if found else ""


def _gap(name: str, *, closes: bool) -> str:
    if name in _BLOCK:
        return "\n" if closes else "\n" + _BULLET.get(name, "")
    return " " if name in _CELL else ""


def _tidy(text: str) -> str:
    """One space between words, no empty lines, and nothing that does not print, such as marks that turn text around."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    tidy = "\n".join(line for line in lines if line not in {"", "\u2022"})
    clean = "".join(one for one in tidy if one.isprintable() or one == "\n")
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "\u2026"
