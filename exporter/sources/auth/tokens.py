"""Bearer tokens that somebody else obtains: given in the settings, or in a file that is kept fresh."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from exporter.domain.errors import CredentialError
from exporter.sources.deadline import Deadline

__all__ = ["FileToken", "StaticToken", "TokenSource", "WatchedFile"]


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


class StaticToken:
    """A token that was given in the settings; CredentialError if it is none."""

    def __init__(self, token: SecretStr) -> None:
        self._token = SecretStr(_checked(token.get_secret_value().strip(), "the token"))

    def token(self, deadline: Deadline) -> str:
        """It is at hand."""
        del deadline
        return self._token.get_secret_value()

    def drop(self, token: str) -> bool:
        """There is no other one."""
        del token
        return False

    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self._token.get_secret_value(),)


class FileToken:
    """A token in a file that somebody else keeps fresh; CredentialError if the file holds none."""

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile(path)
        self._read()

    def token(self, deadline: Deadline) -> str:
        """Read the file if it has changed; CredentialError if it holds no token any more."""
        del deadline
        return self._read()

    def drop(self, token: str) -> bool:
        """There is a better one only if the file has changed."""
        return self._read() != token

    def secrets(self) -> tuple[str, ...]:
        """The token that was read last."""
        return (self._file.seen,)

    def _read(self) -> str:
        return _checked(self._file.read(), str(self._file.path))


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
