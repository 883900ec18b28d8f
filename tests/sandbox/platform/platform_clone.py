"""A copy of this project whose `local` environment a test may bring up, change and break."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = os.environ.get("CNAI_REFERENCE") or str(ROOT.parent / "shared" / "reference")


PASSING = ("events", "leases", "componentstatuses")


@dataclass
class Clone:
    """A project folder and the CLI on it, run as a user runs it: as a process of its own."""

    root: Path
    env: str = "local"
    extra: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> tuple[list[str], Mapping[str, str]]:
        variables = os.environ | {"CNAI_PROJECT": str(self.root), "CNAI_REFERENCE": REFERENCE} | self.extra
        return [sys.executable, "-m", "cnai.cli", *arguments], variables

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command, variables = self.command(*arguments)
        done = subprocess.run(command, env=variables, cwd=self.root, capture_output=True, text=True, check=False)
        if check:
            assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        command, variables = self.command(*arguments)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=variables, cwd=self.root, stdout=pipe, stderr=pipe, text=True)

    @property
    def stack_file(self) -> Path:
        return self.root / "stacks" / f"Pulumi.{self.env}.yaml"

    def edit(self, change: Any) -> None:
        """Lets `change` work on the stack file's config."""
        document = yaml.safe_load(self.stack_file.read_text())
        change(document["config"])
        self.stack_file.write_text(yaml.safe_dump(document, sort_keys=False))

    def everything(self) -> set[str]:
        """`kind/namespace/name` of every object that the API server has, but what it makes by itself all the time."""
        kubectl = ("kubectl", "--env", self.env)
        listed = self.run(*kubectl, "api-resources", "--verbs=list", "-o", "name").stdout.split()
        kinds = ",".join(kind for kind in listed if kind.split(".")[0] not in PASSING)
        names = self.run(*kubectl, "get", kinds, "-A", "-o", "json", "--ignore-not-found").stdout
        items = json.loads(names)["items"] if names.strip() else []
        return {f"{item['kind']}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}" for item in items}

    def in_the_cloud(self) -> list[str]:
        """Names of the files that the simulated cloud keeps, one for each resource that exists there."""
        return sorted(path.name for path in (self.root / ".cnai" / self.env / "cloud" / "records").glob("*.json"))


def clone(folder: Path, env: str = "local") -> Clone:
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    return Clone(folder, env)
