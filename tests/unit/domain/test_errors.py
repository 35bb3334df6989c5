import re
from pathlib import Path

from exporter.domain.errors import FAILURES, REASONS, SourceError

DOCS = Path(__file__).parents[3] / "docs"


def test_each_reason_has_sentences_of_its_own() -> None:
    for texts in ([one.__doc__ for one in FAILURES], [one.remedy for one in FAILURES]):
        assert all(re.fullmatch(r"[A-Z].*\.", str(text)) for text in texts)
        assert len(set(texts)) == len(REASONS)


def test_every_failure_is_among_them_and_a_bug_comes_last() -> None:
    assert set(FAILURES) == set(SourceError.__subclasses__())
    assert (*sorted({*REASONS} - {"internal"}), "internal") == REASONS


def test_the_settings_that_are_named_exist() -> None:
    configuration = (DOCS / "configuration.md").read_text(encoding="utf-8")
    named = {name for one in FAILURES for name in re.findall(r"[a-z]+\.[a-z_]+[a-z]", one.remedy)}
    assert named
    assert all(f"## `{name}`" in configuration for name in named)
