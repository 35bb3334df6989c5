"""Bearer tokens for the upstream APIs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from exporter.errors import ConfigError, CredentialError
from exporter.settings import AuthSettings

__all__ = ["FileToken", "StaticToken", "TokenSource", "token_source"]


class TokenSource(Protocol):
    """One credential, shared by all requests that use it."""

    def token(self) -> str:
        """Get a token that is valid now.

        Raises:
            CredentialError: there is none.
        """
        ...


class StaticToken:
    """A token that was given in the settings."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def token(self) -> str:
        """Get the token."""
        return self._token.get_secret_value()


class FileToken:
    """A token in a file that somebody else keeps fresh; read again whenever the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], str] | None = None

    def token(self) -> str:
        """Get the token; raises CredentialError if the file is missing, unreadable, empty or no token."""
        try:
            status = self._path.stat()
            # The inode, because mounted secrets are replaced as a whole and may keep time and size.
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._seen is None or self._seen[0] != stamp:
                self._seen = stamp, self._path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CredentialError(f"cannot read {self._path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise CredentialError(f"{self._path} holds no token: it is not text") from None
        token = self._seen[1]
        if not token:
            raise CredentialError(f"{self._path} is empty")
        if not token.isascii() or any(one.isspace() or not one.isprintable() for one in token):
            raise CredentialError(f"{self._path} holds no token: there is a blank or a strange character inside")
        return token


def token_source(auth: AuthSettings) -> TokenSource:
    """Make the token source that the settings ask for.

    Raises:
        ConfigError: what the method needs is missing or cannot be read.
    """
    if auth.token is not None:
        return StaticToken(auth.token)
    if auth.token_file is not None:
        source = FileToken(auth.token_file)
        try:
            source.token()
        except CredentialError as error:
            raise ConfigError([("auth.token_file", str(error))]) from error
        return source
    raise ConfigError([("auth", "no credential; set auth.token_file, or auth.token in the environment or file")])
