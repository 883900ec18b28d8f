"""What the real `kustomize` makes of a package: upstream's trees with our kustomization on top."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.catalog import ManifestsSource, Package, Tree
from cnai.charts.errors import ChartError
from cnai.charts.kustomize.matching import check_matches
from cnai.charts.kustomize.remotes import FIELDS, made_local
from cnai.charts.kustomize.trees import obtained
from cnai.charts.manifests import Object, parsed
from cnai.toolchain import ensure

RENDER_S = 300
NOWHERE = "http://127.0.0.1:9"
"""A proxy that answers nothing: all that is built on was fetched before."""
UPSTREAM = "upstream"
HEAD = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
Kustomization = Mapping[str, Any]
Report = Callable[[str], None]


def rendered(package: Package, kustomization: Kustomization, report: Report = lambda _: None) -> list[Object]:
    """Every object, CRDs too. Raises `ChartError` where a source cannot be had or kustomize refuses.

    `kustomization` has the fields of a `kustomization.yaml`; its `resources` and `components` are paths in the
    package's repository, on top of those that are installed anyway. A patch may be data as well as text.
    """
    source, trees = manifests_of(package), trees_of(package)
    tree, roots = trees[0], {each: obtained(each) for each in trees}
    if gone := [
        path for path in _on_top(source.paths, kustomization)["resources"] if not (roots[tree] / path).exists()
    ]:
        raise ChartError(
            f"package {package.name}: {tree.project} at {tree.ref} has no {', '.join(gone)} in {tree.folder}"
        )
    kustomize = ensure(["kustomize"], report)["kustomize"].path
    with tempfile.TemporaryDirectory(prefix="cnai-kustomize-") as stage:
        # Resolved, since kustomize says whole paths without links, and errors are to say none of ours.
        build = Build(package.name, Path(stage).resolve(), kustomize)
        build.copy(tree, roots)
        built = build.run({"resources": list(source.paths)})
        if not kustomization:
            return built
        check_matches(package.name, kustomization, built)
        return build.run(_on_top(source.paths, kustomization))


def manifests_of(package: Package) -> ManifestsSource:
    if not isinstance(package.source, ManifestsSource):
        raise TypeError(f"{package.name} is a chart: Helm renders it")
    return package.source


def trees_of(package: Package) -> tuple[Tree, ...]:
    """What has to be in the cache to render it: its own first, then what that builds on."""
    source = manifests_of(package)
    return source.tree(package.version), *source.bases


def _on_top(paths: Sequence[str], kustomization: Kustomization) -> dict[str, Any]:
    more = cast("Sequence[str]", kustomization.get("resources") or ())
    given = cast("Sequence[Mapping[str, Any]]", kustomization.get("patches") or ())
    patches = [{**patch, "patch": _text(patch["patch"])} if "patch" in patch else patch for patch in given]
    return {**kustomization, "resources": [*paths, *more], **({"patches": patches} if patches else {})}


def _text(patch: Any) -> str:
    """JSON is YAML."""
    return patch if isinstance(patch, str) else json.dumps(patch)


class Build:
    """In a folder of its own, where upstream's trees are copies that may be rewritten."""

    def __init__(self, package: str, stage: Path, kustomize: Path) -> None:
        self._package, self._stage, self._kustomize = package, stage, kustomize

    def copy(self, tree: Tree, roots: Mapping[Tree, Path]) -> None:
        """Several folders of one repository at one ref lie together, as there."""
        shutil.copytree(roots[tree], self._stage / UPSTREAM)
        self._bases: dict[tuple[str, str], Path] = {}
        for each, root in roots.items():
            if each != tree:
                name = re.sub(r"[^\w.-]", "-", f"{each.project}-{each.ref}")
                self._bases[each.project, each.ref] = self._stage / name
                shutil.copytree(root, self._stage / name, dirs_exist_ok=True)

    def run(self, kustomization: Mapping[str, Any]) -> list[Object]:
        below = {
            field: [f"{UPSTREAM}/{path}" for path in kustomization[field]] for field in FIELDS if field in kustomization
        }
        (self._stage / "kustomization.yaml").write_text(yaml.safe_dump({**HEAD, **kustomization, **below}))
        made_local(self._stage, self._bases)
        return parsed(self._output(), f"package {self._package}")

    def _output(self) -> str:
        environment = {"PATH": "", "HOME": str(self._stage), "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE}
        command = [str(self._kustomize), "build", str(self._stage)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=RENDER_S, check=False, env=environment
            )
        except subprocess.TimeoutExpired as error:
            raise ChartError(f"package {self._package}: kustomize took longer than {RENDER_S} s") from error
        if done.returncode:
            raise ChartError(f"package {self._package}: kustomize refuses its kustomization: {self._said(done.stderr)}")
        return done.stdout

    def _said(self, stderr: str) -> str:
        """Without its prefix, the warnings before it, and our folder's name."""
        words = " ".join(line for line in stderr.splitlines() if not line.startswith("#"))
        words = re.sub(r"^\s*error: ", "", words, flags=re.IGNORECASE)
        return re.sub(
            r"\s+", " ", words.replace(f"{self._stage}/", "").replace(str(self._stage), "the package")
        ).strip()
