import re
from pathlib import Path

from exporter.domain.errors import REASONS, SourceError
from exporter.pages.reasons import REMEDIES, reasons

DOCS = Path(__file__).parents[3] / "docs"


def test_each_reason_has_sentences_of_its_own() -> None:
    shown = reasons()
    for texts in ([one.meaning for one in shown], [one.remedy for one in shown]):
        assert all(re.fullmatch(r"[A-Z].*\.", text) for text in texts)
        assert len(set(texts)) == len(REASONS)


def test_a_meaning_is_that_of_the_exception() -> None:
    meanings = {one.name: one.meaning for one in reasons()}
    assert all(meanings[kind.reason] == kind.__doc__ for kind in SourceError.__subclasses__())


def test_the_settings_that_are_named_exist() -> None:
    configuration = (DOCS / "configuration.md").read_text(encoding="utf-8")
    named = {name for text in REMEDIES.values() for name in re.findall(r"[a-z]+\.[a-z_]+[a-z]", text)}
    assert named
    assert all(f"## `{name}`" in configuration for name in named)
