"""The data that belongs to a tool and lies in its module's sources: CRDs, webhook configurations, runtimes."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cnai.errors import FailedError
from cnai.toolchain.sources import Share, Source
from cnai.toolchain.wheel import kubectl


def put(source: Source, folder: Path, staged: Path) -> None:
    """Copies or renders what `share` names from the module's `folder` into `staged/share`."""
    for share in source.share:
        target = staged / "share" / share.into
        target.mkdir(parents=True)
        if not _copied(share, folder, target):
            raise FailedError(f"{source.module} {source.version} has no {share.files or share.kustomize}")


def _copied(share: Share, folder: Path, target: Path) -> bool:
    """Whether there was anything."""
    if share.files:
        files = sorted(folder.glob(share.files))
        for file in files:
            shutil.copyfile(file, target / file.name)
        return bool(files)
    objects = [one for one in _rendered(folder / str(share.kustomize)) if one["kind"] in share.kinds]
    text = yaml.safe_dump_all(objects, sort_keys=False)
    (target / f"{share.into}.yaml").write_text(text, encoding="utf-8")
    return bool(objects)


def _rendered(kustomization: Path) -> Iterator[dict[str, Any]]:
    answer = subprocess.run([str(kubectl()), "kustomize", str(kustomization)], capture_output=True, text=True)
    if answer.returncode:
        raise FailedError(f"kubectl kustomize {kustomization} fails: {answer.stderr.strip()}")
    return (one for one in yaml.safe_load_all(answer.stdout) if one)
