"""`cnai support-bundle`: a sandbox's versions, logs and state in one redacted archive."""

import io
import json
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from cnai._version import __version__
from cnai.cli.console import out
from cnai.cli.target import EnvOption
from cnai.errors import UserError
from cnai.paths import SandboxDir, cache_dir, project_dir
from cnai.stackfiles import read_stack_config, stack_file

LOG_BYTES = 1_000_000
"""The end of each log; long ones are truncated at the start."""
STATE_KEYS = ("urn", "id", "type", "custom", "delete", "external", "protect", "initErrors", "created", "modified")
SECRET_KEY = re.compile(
    r"pass(word|phrase)?|secret|token|credential|private|client-key|certificate-data|encryption", re.IGNORECASE
)
SECRET_VALUE = re.compile(
    r"(?P<key>(pass(word|phrase)?|secret|token|api[-_]?key|authorization)[\"']?\s*[:=]\s*[\"']?)(?P<value>[^\s\"',}]+)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"
    r"|(?P<url>://[^/\s:@]+:)[^/\s@]+@",
    re.IGNORECASE | re.DOTALL,
)


def register(app: typer.Typer) -> None:
    app.command(name="support-bundle")(support_bundle)


def support_bundle(
    env: EnvOption = "local",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The archive to write.")] = None,
) -> None:
    """Collect versions, logs and state, with secrets redacted, to attach to a bug report."""
    project = project_dir()
    path = output or project / ".cnai" / f"support-{env}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents(project, env):
            add(archive, f"cnai-support/{name}", content)
    out.print(f"wrote {path}: review it before you send it", highlight=False, soft_wrap=True)


def contents(project: Path, env: str) -> Iterator[tuple[str, str]]:
    """Every file of the bundle, redacted."""
    yield "versions.json", json.dumps(versions(), indent=2, default=str)
    yield f"Pulumi.{env}.yaml", stack_config(project, env)
    directory = SandboxDir.of(project, env)
    for path in sorted([*directory.report.glob("*.json"), *directory.controllers.glob("*.json")]):
        yield f"{path.parent.name}/{path.name}", redacted_json(path.read_text(errors="replace"))
    for path in sorted([*directory.root.rglob("*.log"), *(cache_dir() / "logs").glob("*.log")]):
        yield f"logs/{path.name}", redacted_text(tail(path))
    yield from engine_state(project, env)
    if directory.kubeconfig.is_file():
        yield from cluster_state(directory)


def stack_config(project: Path, env: str) -> str:
    """The stack file's state, or what is wrong with it; an unknown environment is rejected."""
    try:
        return yaml.safe_dump(redacted(dict(read_stack_config(project, env))), sort_keys=False)
    except UserError as error:
        if not stack_file(project, env).is_file():
            raise
        return f"# {error}\n"


def versions() -> dict[str, Any]:
    from cnai.toolchain import survey

    return {
        "cnai": __version__,
        "tools": [{"name": t.name, "wanted": t.wanted, "found": t.version, "origin": t.origin} for t in survey()],
    }


def engine_state(project: Path, env: str) -> Iterator[tuple[str, str]]:
    """What the engine records about each resource, except its properties: those are the user's, and may be secret."""
    from cnai.engine.session import state_root

    for path in sorted(state_root(project).glob(f"*/*/{env}/checkpoint.json")):
        try:
            deployment = json.loads(path.read_text(errors="replace"))["deployment"]
            held = [{key: each[key] for key in STATE_KEYS if key in each} for each in deployment.get("resources") or ()]
            pending = [each["type"] for each in deployment.get("pending_operations") or ()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield "state/unreadable.txt", f"{path.name}: {error!r}"
            continue
        for each in held:
            if "initErrors" in each:
                each["initErrors"] = [redacted_text(str(words)) for words in each["initErrors"]]
        yield "state/resources.json", json.dumps({"resources": held, "pending": pending}, indent=2)


def cluster_state(directory: SandboxDir) -> Iterator[tuple[str, str]]:
    from cnai.cli.overview import is_waiting, why_waiting
    from cnai.kube import ApiError, Kube

    try:
        kube = Kube.from_kubeconfig(directory.kubeconfig)
        events = [
            {key: event.get(key) for key in ("type", "reason", "message", "involvedObject")}
            for event in kube.list("v1", "Event")
        ]
        waiting = [why_waiting(pod) for pod in kube.list("v1", "Pod") if is_waiting(pod)]
    except (ApiError, UserError) as error:
        yield "cluster/unreachable.txt", str(error)
        return
    yield "cluster/events.json", redacted_text(json.dumps(events, indent=2))
    yield "cluster/waiting.txt", "\n".join(waiting)


def redacted_json(text: str) -> str:
    """A JSON document redacted by key; a damaged one as text."""
    try:
        return json.dumps(redacted(json.loads(text)), indent=2)
    except ValueError:
        return redacted_text(text)


def redacted(value: Any, key: str = "") -> Any:
    """The same structure with every value that a secret-like key or `secure:` marks replaced."""
    if isinstance(value, dict):
        return {name: redacted(each, str(name)) for name, each in value.items()}
    if isinstance(value, list):
        return [redacted(each, key) for each in value]
    if SECRET_KEY.search(key) or key == "secure":
        return "[redacted]"
    return redacted_text(value) if isinstance(value, str) else value


def redacted_text(text: str) -> str:
    return SECRET_VALUE.sub(
        lambda match: f"{match['key'] or match['url'] or ''}[redacted]{'@' if match['url'] else ''}", text
    )


def tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read().decode(errors="replace")


def add(archive: tarfile.TarFile, name: str, content: str) -> None:
    data = content.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(data))
