"""Secrets, and pieces of them, blotted out of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby

__all__ = ["HIDDEN", "Blotter"]

HIDDEN = "[hidden]"
SHORTEST = 6
"""Shorter texts are no secrets, and blotting them out would only make holes in words."""
PIECE = 9
"""As many characters in a row of a longer secret are blotted out too: whoever quotes a token may have shortened it."""


class Blotter:
    """Hides what is secret at this moment; `secrets` is asked at every text."""

    def __init__(self, secrets: Callable[[], tuple[str, ...]]) -> None:
        self._secrets = secrets
        self._prepared: tuple[tuple[str, ...], Mapping[int, frozenset[str]]] = ((), {})

    def __call__(self, said: str) -> str:
        """Replace every secret, and every piece of one that is longer than 8 characters."""
        secret = bytearray(len(said))
        for size, pieces in self._pieces().items():
            for start in range(len(said) - size + 1):
                if said[start : start + size] in pieces:
                    secret[start : start + size] = b"\1" * size
        if not any(secret):
            return said
        runs = groupby(zip(said, secret, strict=True), key=lambda one: one[1])
        return "".join(HIDDEN if hidden else "".join(one for one, _ in run) for hidden, run in runs)

    def _pieces(self) -> Mapping[int, frozenset[str]]:
        """By their length, all pieces of the secrets; made anew only when the secrets have changed."""
        secrets = self._secrets()
        if secrets != self._prepared[0]:
            self._prepared = secrets, _cut(secrets)
        return self._prepared[1]


def _cut(secrets: tuple[str, ...]) -> Mapping[int, frozenset[str]]:
    pieces: dict[int, set[str]] = {}
    for secret in secrets:
        size = min(len(secret), PIECE)
        if size >= SHORTEST:
            pieces.setdefault(size, set()).update(
                secret[start : start + size] for start in range(len(secret) - size + 1)
            )
    return {size: frozenset(those) for size, those in pieces.items()}
