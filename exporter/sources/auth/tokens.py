"""Bearer tokens that somebody else obtains: given in the settings, or in a file that is kept fresh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from exporter.domain.errors import CredentialError
from exporter.sources.deadline import Deadline

__all__ = ["GivenToken", "TokenSource", "WatchedFile"]


class TokenSource(Protocol):
    """One credential for one scope, shared by all requests and asked before each of them."""

    def token(self, deadline: Deadline) -> str:
        """Get a token that is valid now, waiting no longer than until `deadline`.

        Raises:
            CredentialError: there is none.
        """
        ...

    def drop(self, token: str) -> bool:
        """Take note that the API refused this token; True if asking again may give a better one."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any text: the tokens, and what they are obtained with."""
        ...


class GivenToken:
    """A token that somebody else obtains and keeps fresh; `read` gives the newest one, `where` says where it stands.

    Raises:
        CredentialError: there is none.
    """

    def __init__(self, read: Callable[[], str], where: str) -> None:
        self._read = read
        self._where = where
        self._seen = _checked(read(), where)

    def token(self, deadline: Deadline) -> str:
        """It is at hand; CredentialError if a file holds none any more."""
        del deadline
        self._seen = self._read()
        return _checked(self._seen, self._where)

    def drop(self, token: str) -> bool:
        """There is a better one only if it has changed."""
        return self._read() != token

    def secrets(self) -> tuple[str, ...]:
        """The token that was read last."""
        return (self._seen,)


def _checked(token: str, where: str) -> str:
    """Refuse what cannot stand in a header, because the complaint of the HTTP library would quote it."""
    if not token:
        raise CredentialError(f"{where} is empty")
    if not token.isascii() or any(one.isspace() or not one.isprintable() for one in token):
        raise CredentialError(f"{where} holds no token: there is a blank or a strange character inside")
    return token


class WatchedFile:
    """The text of a small file, read again whenever the file changes; `seen` is what it was last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = ""
        self._state: object = None

    def state(self) -> object:
        """Something that changes when the file does; None while there is no file."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        # With the inode, because mounted secrets are replaced as a whole and may keep time and size.
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self) -> str:
        """The text without white space around it; CredentialError if it cannot be read, is empty or no text."""
        state = self.state()
        if state is None or state != self._state:
            self.seen, self._state = self._load(), state
        if not self.seen:
            raise CredentialError(f"{self.path} is empty")
        return self.seen

    def _load(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CredentialError(f"cannot read {self.path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise CredentialError(f"{self.path} holds no secret: it is not text") from None
