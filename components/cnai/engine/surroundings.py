"""The environment variables that the engine, its plugins and the program run with."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cnai.engine.plugins import MODULES, write_shims
from cnai.files import write_atomically
from cnai.paths import SandboxDir

_LANGUAGE = "pulumi-language-python"
_QUIET = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_SUPPRESS_NEO_LINK": "true",
}
_OFFLINE = {
    **_QUIET,
    "PULUMI_NEO": "false",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
    "PULUMI_CREDENTIAL_STORE": "plaintext",
    "PULUMI_DEFAULT_ORGANIZATION": "sandbox",
}
_TUNED = {
    # The engine waits this many milliseconds for a batch of journal entries to fill; our answer costs less.
    "PULUMI_JOURNALING_BATCH_PERIOD": "5",
    # Most operations wait for something to become ready: let many wait at once.
    "PULUMI_PARALLEL": "32",
}
"""What the user's own environment may set differently."""
_NOT_INHERITED = ("PULUMI_API", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CREDENTIALS_PATH", "PULUMI_STACK", "PULUMI_DEV")


def sandbox_variables(
    env: str, sandbox: SandboxDir, tools: Mapping[str, Path], url: str, token: str, passphrase: Path
) -> dict[str, str]:
    """Ours underneath: state, plugins, cluster and a Pulumi home that neither sees nor changes the user's own."""
    inherited = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    return (
        _TUNED
        | inherited
        | _OFFLINE
        | {
            "PULUMI_HOME": str(sandbox.root / "pulumi"),
            "PULUMI_STACK": env,
            "PULUMI_BACKEND_URL": url,
            "PULUMI_ACCESS_TOKEN": token,
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PATH": _path([sandbox.plugins, sandbox.commands, *sorted({tool.parent for tool in tools.values()})]),
            "KUBECONFIG": str(sandbox.kubeconfig),
            "CNAI_SANDBOX_DIR": str(sandbox.root),
        }
    )


def prepare(sandbox: SandboxDir) -> None:
    """Makes the folders that these variables name ready; for whoever holds the environment's lock."""
    write_shims(sandbox.plugins)
    home = sandbox.root / "pulumi"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Each session has its own address and token: those of past sessions would only pile up.
    (home / "credentials.json").unlink(missing_ok=True)
    # The engine would write a debug log of every run below `logs/`. A file in its place turns that off: what is not
    # written cannot leak a secret.
    if not (home / "logs").exists():
        write_atomically(home / "logs", "")


def real_variables(project: Path, pulumi: Path) -> dict[str, str]:
    """The user's own, whole. A pulumi that we built lacks its Python host: then ours stands in, behind all on PATH."""
    inherited = dict(os.environ)
    if shutil.which(_LANGUAGE) or (pulumi.resolve().parent / _LANGUAGE).exists():
        return inherited | _QUIET
    folder = project / ".cnai" / "language"
    write_shims(folder, {_LANGUAGE: MODULES[_LANGUAGE]})
    return inherited | _QUIET | {"PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), str(folder)])}


def _path(first: list[Path]) -> str:
    return os.pathsep.join([*map(str, first), os.environ.get("PATH", os.defpath)])
