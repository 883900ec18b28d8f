"""How the engine writes a secret in its state, and reading one back."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from cnai.engine.vault import Vault
from cnai.errors import UserError

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


def is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and cast("Mapping[str, Any]", value).get(_SIGNATURE) == _SECRET


def revealed(value: Any, vault: Vault | None) -> Any:
    """The value itself where it is no secret; None for a secret that this vault has not encrypted."""
    if not is_secret(value):
        return value
    with suppress(UserError, ValueError):
        return json.loads(vault.decrypt(base64.b64decode(value["ciphertext"]))) if vault else None
    return None
