"""Which config file the engine reads for a sandbox stack: the committed one, or a copy that it can decrypt.

`stacks/Pulumi.<env>.yaml` is used as it is, and the engine writes nothing into it: our state service encrypts, so
there is no salt to keep. `./cnai pulumi config set --secret KEY` puts `secure:` values into it that this project's
passphrase opens.

An environment that is real elsewhere has secrets that only its own passphrase or key service opens. Run in a
sandbox, it gets a copy of the file in `.cnai/<env>/`, rewritten each time, with placeholders for those and without the
settings of its secrets provider.
"""

import base64
from pathlib import Path
from typing import Any

import yaml

from cnai.engine.vault import Vault, is_ours
from cnai.errors import UserError
from cnai.files import write_atomically
from cnai.paths import SandboxDir

Json = dict[str, Any]
_PROVIDER_KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt")
MADE_UP = "sandbox-placeholder"
"""What a secret of a real environment is in its sandbox."""


def readable_config(committed: Path, sandbox: SandboxDir, vault: Vault) -> Path | None:
    """The copy to give the engine as `--config-file`, or None where the committed file will do."""
    document = _document(committed)
    if not any(key in document for key in _PROVIDER_KEYS) and not _foreign(document.get("config")):
        return None
    mine = {key: value for key, value in document.items() if key not in _PROVIDER_KEYS}
    mine["config"] = _made_up(document.get("config") or {}, vault)
    copy = sandbox.root / committed.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(copy, yaml.safe_dump(mine, sort_keys=False))
    return copy


def _document(path: Path) -> Json:
    try:
        found: Any = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        raise UserError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from error
    return found if isinstance(found, dict) else {}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _foreign(value: Any) -> bool:
    if _is_secret(value):
        return not is_ours(value["secure"])
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_foreign(child) for child in children)


def _made_up(value: Any, vault: Vault) -> Any:
    if _is_secret(value):
        if is_ours(value["secure"]):
            return value
        return {"secure": base64.b64encode(vault.encrypt(MADE_UP.encode())).decode()}
    if isinstance(value, dict):
        return {key: _made_up(child, vault) for key, child in value.items()}
    return [_made_up(child, vault) for child in value] if isinstance(value, list) else value
