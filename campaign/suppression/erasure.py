"""People who want to be forgotten: their address goes, a keyed digest of it stays.

In: a key of an address.  Out: `hmac:VERSION:DIGEST`.  Touches: the key file, mode 0600.

A plain hash of an address is found by hashing all addresses one can think of; an HMAC-SHA256 is
not, without its key.  The version is the beginning of the key's own hash, so a digest says which
key it needs.  The file has one key a line, in hex: the first is used for new digests, all are
looked for.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from campaign.errors import SuppressionError

PREFIX = "hmac:"
_KEY_BYTES = 32
_VERSION = 8  # hex digits


class ErasureKeys:
    """The keys of one store.  Raises SuppressionError for a file that cannot be read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys: list[tuple[str, bytes]] = []

    def newest_form(self, key: str) -> str:
        """What is kept of an address that is erased now; the key file is made at the first."""
        self._read()
        if not self._keys:
            self._make()
        return _form(key, *self._keys[0])

    def forms(self, key: str) -> list[str]:
        """All that may have been kept of an address."""
        if not self._keys:
            self._read()
        return [_form(key, version, secret) for version, secret in self._keys]

    def refuse_unknown(self, versions: Iterable[str]) -> None:
        """Raise SuppressionError where people were erased with a key that is not here.

        To go on would be to write to them.
        """
        wanted = set(versions)
        if not wanted <= self._versions():
            self._read()
        if missing := wanted - self._versions():
            raise SuppressionError(
                f"people were erased with the key {min(missing)}, which is not in {self._file}",
                remedy="copy the key file from where they were erased, or from a backup",
            )

    def _versions(self) -> set[str]:
        return {version for version, _ in self._keys}

    def _read(self) -> None:
        try:
            text = self._file.read_text(encoding="ascii")
        except FileNotFoundError:
            self._keys = []
            return
        except (OSError, UnicodeDecodeError) as error:
            raise SuppressionError(
                f"the key of erased people cannot be read from {self._file}: {error}",
                remedy="restore the file from a backup",
            ) from None
        try:
            found = [bytes.fromhex(line) for line in text.split()]
        except ValueError:
            found = [b""]
        if not found or any(len(key) < _KEY_BYTES for key in found):
            raise SuppressionError(
                f"{self._file} does not hold keys of erased people",
                remedy="restore the file from a backup",
            )
        self._keys = [(hashlib.sha256(key).hexdigest()[:_VERSION], key) for key in found]

    def _make(self) -> None:
        """Written aside and linked into place: of two processes one wins, and both read it."""
        aside = self._file.with_name(f"{self._file.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(f"{secrets.token_hex(_KEY_BYTES)}\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(aside, self._file)
            except FileExistsError:
                pass
            finally:
                aside.unlink()
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise SuppressionError(
                f"the key of erased people cannot be written to {self._file}: {error.strerror}",
                remedy="let this user write the file and its folder",
            ) from None
        self._read()


def version_of(form: str) -> str:
    """Of the key that an erased person's digest needs."""
    return form.split(":")[1]


def _form(key: str, version: str, secret: bytes) -> str:
    return f"{PREFIX}{version}:{hmac.digest(secret, key.encode(), 'sha256').hex()}"
