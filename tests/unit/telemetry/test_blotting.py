from __future__ import annotations

import pytest

from exporter.telemetry.blotting import Blotter

TOKEN = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRw.c2lnbmF0dXJl"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQE\n-----END KEY-----"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("nothing at all", "nothing at all"),
        ("", ""),
        (TOKEN, "[hidden]"),
        (f"the token {TOKEN} is refused, {TOKEN}!", "the token [hidden] is refused, [hidden]!"),
        (f"begins {TOKEN[:12]}… and ends …{TOKEN[-9:]}", "begins [hidden]… and ends …[hidden]"),
        (f"too short: {TOKEN[:8]}", f"too short: {TOKEN[:8]}"),
        (f"a{KEY}b", "a[hidden]b"),
        (KEY.replace("\n", "\\n"), "[hidden]\\n[hidden]\\n[hidden]\\n[hidden]"),
        ("sesame is short, and sesam is none", "[hidden] is short, and sesam is none"),
        ("a word in a word", "a word in a word"),
    ],
)
def test_secrets_and_their_pieces(said: str, shown: str) -> None:
    blot = Blotter(lambda: (TOKEN, KEY, "sesame", "word", ""))
    assert blot(said) == shown


def test_the_secrets_of_the_moment() -> None:
    known = ["the-first-one"]
    blot = Blotter(lambda: tuple(known))
    assert blot("the-first-one, another-one") == "[hidden], another-one"
    known[:] = ["another-one"]
    assert blot("the-first-one, another-one") == "the-first-one, [hidden]"
