"""Encrypts a sandbox stack's secrets with the project's random passphrase, `.cnai/passphrase`.

The engine's own passphrase provider would write its salt into `stacks/Pulumi.<env>.yaml`, a committed file, and derive
its key anew (a quarter of a second) in every run. Our state service is asked to encrypt instead, as the Pulumi Cloud
would be: `pulumi config set --secret` then writes only the ciphertext, and values set on one machine are known by
their prefix.
"""

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cnai.errors import UserError
from cnai.files import create_once

# Six bytes, so that the base64 text of every ciphertext starts with the same eight letters.
_PREFIX = b"cnai1:"
_NONCE_BYTES = 12
_SHORTEST = 16
"""Characters: ours has 43."""


def passphrase(path: Path) -> str:
    """The passphrase in `path`, made at random on first use; nobody but the user can read the file.

    Raises `UserError` where the file is damaged: an empty one would encrypt under a key that everybody knows.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        create_once(path, secrets.token_urlsafe(32) + "\n", mode=0o600)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    text = path.read_text("utf-8", errors="replace").strip()
    if len(text) < _SHORTEST or not text.isascii():
        raise UserError(
            f"{path} is damaged: restore it from a copy, or remove it and `cnai sandbox delete` each environment here"
        )
    return text


def is_ours(ciphertext: str) -> bool:
    """Whether a `secure:` value was encrypted by a sandbox, rather than for a real environment."""
    return ciphertext.startswith(base64.b64encode(_PREFIX).decode())


class Vault:
    """AES-256-GCM under a key derived from the passphrase; the passphrase is random, so one pass of HKDF is enough."""

    def __init__(self, passphrase: str) -> None:
        key = HKDF(SHA256(), length=32, salt=None, info=b"cnai sandbox stack secrets").derive(passphrase.encode())
        self._cipher = AESGCM(key)

    def encrypt(self, plaintext: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _PREFIX + nonce + self._cipher.encrypt(nonce, plaintext, _PREFIX)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Raises `UserError` where another passphrase was used."""
        nonce = ciphertext[len(_PREFIX) : len(_PREFIX) + _NONCE_BYTES]
        try:
            if not ciphertext.startswith(_PREFIX):
                raise InvalidTag
            return self._cipher.decrypt(nonce, ciphertext[len(_PREFIX) + _NONCE_BYTES :], _PREFIX)
        except (InvalidTag, ValueError) as error:
            raise UserError(
                "a secret was encrypted with another passphrase than this project's .cnai/passphrase: "
                "set it again with `./cnai pulumi config set --secret KEY`"
            ) from error
