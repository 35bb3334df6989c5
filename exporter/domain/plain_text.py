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
    r"""<!--.*?(?:-->|\Z)
      | <(?P<mute>script|style|template|title)\b[^<>]*>.*?(?=</(?P=mute)|\Z)
      | <(?P<close>/?)(?P<name>[a-z][a-z0-9:-]*)(?P<rest>[^<>]*)>
      | <[!?][^<>]*>""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_HREF = re.compile(r"""\bhref\s*=\s*(?:"(https?://[^"\s]+)"|'(https?://[^'\s]+)')""", re.IGNORECASE)
_BLOCK = re.compile("address|article|blockquote|br|d[dlt]|div|footer|h[1-6]|header|hr|li|ol|p|pre|section|table|tr|ul")


def plain_text(html: str) -> str:
    """The text of some HTML: blocks on lines of their own, entities decoded, web links behind their words.

    Scripts and styles are left out, links other than http and https lose their address. What is too long is cut.
    """
    html = html[:MAX_HTML]
    address = ""

    def words(markup: re.Match[str]) -> str:
        """What stands in the text in place of markup."""
        nonlocal address
        name, closes = (markup["name"] or "").lower(), bool(markup["close"])
        if name != "a":
            return _gap(name, closes=closes)
        before, address = address, "" if closes else _address(markup["rest"])
        return f" ({before})" if closes and before else ""

    return _tidy(unescape(_MARKUP.sub(words, html) if "<" in html else html))


def _address(attributes: str) -> str:
    found = _HREF.search(attributes)
    return (found[1] or found[2]) if found else ""


def _gap(name: str, *, closes: bool) -> str:
    if _BLOCK.fullmatch(name):
        return "\n\u2022 " if name == "li" and not closes else "\n"
    return " " if name in {"td", "th"} else ""


def _tidy(text: str) -> str:
    """One space between words, no empty lines, and nothing that does not print, such as marks that turn text around."""
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    shown = [line if line.isprintable() else "".join(filter(str.isprintable, line)) for line in lines]
    tidy = "\n".join([line for line in shown if line not in {"", "\u2022"}])
    return tidy if len(tidy) <= MAX_TEXT else tidy[: MAX_TEXT - 1] + "\u2026"
