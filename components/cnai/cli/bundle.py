"""`cnai support-bundle`: versions, logs and states of a sandbox in one redacted archive."""

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
from cnai.cli.target import EnvOption, read_stack_config
from cnai.sandbox.paths import SandboxDir, cache_dir, project_dir

LOG_BYTES = 1_000_000
"""The end of each log; the beginning of a long one is left out."""
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
    """Gather versions, logs and states, with secrets replaced, to attach to a bug report."""
    project = project_dir()
    path = output or project / ".cnai" / f"support-{env}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents(project, env):
            add(archive, f"cnai-support/{name}", content)
    out.print(f"wrote {path}: read it before you send it", highlight=False, soft_wrap=True)


def contents(project: Path, env: str) -> Iterator[tuple[str, str]]:
    """Every file of the bundle, redacted."""
    yield "versions.json", json.dumps(versions(), indent=2, default=str)
    yield f"Pulumi.{env}.yaml", yaml.safe_dump(redacted(dict(read_stack_config(project, env))), sort_keys=False)
    directory = SandboxDir.of(project, env)
    for path in sorted([*directory.report.glob("*.json"), *directory.controllers.glob("*.json")]):
        yield f"{path.parent.name}/{path.name}", json.dumps(redacted(json.loads(path.read_text())), indent=2)
    for path in sorted([*directory.root.rglob("*.log"), *(cache_dir() / "logs").glob("*.log")]):
        yield f"logs/{path.name}", redacted_text(tail(path))
    if directory.kubeconfig.is_file():
        yield from cluster_state(directory)


def versions() -> dict[str, Any]:
    from cnai.sandbox.toolchain import survey

    return {
        "cnai": __version__,
        "tools": [{"name": t.name, "wanted": t.wanted, "found": t.version, "origin": t.origin} for t in survey()],
    }


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
    except ApiError as error:
        yield "cluster/unreachable.txt", error.message
        return
    yield "cluster/events.json", redacted_text(json.dumps(events, indent=2))
    yield "cluster/waiting.txt", "\n".join(waiting)


def redacted(value: Any, key: str = "") -> Any:
    """The same structure with what a secret's name or a `secure:` marks replaced."""
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
