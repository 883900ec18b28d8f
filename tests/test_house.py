"""The project keeps its own rules: style, types, locks, documentation, what may be committed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
REGISTRIES = re.compile(
    r"(pypi|pythonhosted|crates|npmjs)[.](org|io)|(proxy|sum)[.]golang|repo1?[.]maven|(deb|security)[.]debian"
)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


@pytest.mark.parametrize("command", [("ruff", "check"), ("ruff", "format", "--check"), ("basedpyright",)], ids=" ".join)
def test_style_and_types_are_clean(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_documentation_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [BIN / "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "cnai.environment" in (tmp_path / "api" / "index.html").read_text()


def test_no_committed_file_names_a_package_registry():
    texts = {path: path.read_text(errors="ignore") for path in tracked() if path != Path(__file__)}
    offenders = [str(path.relative_to(ROOT)) for path, text in texts.items() if REGISTRIES.search(text)]
    assert offenders == []


PARTS = ["aws", "azure", "base", "dev", "gcp", "installer", "sandbox"]


def pins(part: str) -> list[str]:
    return [pin for pin in re.split(r"\n(?=\S)", (ROOT / "requirements" / f"{part}.lock").read_text()) if pin.strip()]


def versions(part: str) -> set[str]:
    return {pin.split(" \\")[0].split(";")[0].strip() for pin in pins(part)}


def test_every_part_has_its_lock():
    assert sorted(path.name for path in (ROOT / "requirements").iterdir()) == [f"{part}.lock" for part in PARTS]


@pytest.mark.parametrize("part", PARTS)
def test_every_locked_dependency_is_pinned_with_hashes(part):
    assert pins(part) != []
    assert [pin.split()[0] for pin in pins(part) if "==" not in pin or "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("part", PARTS)
def test_parts_fit_together_because_one_lock_holds_all_their_versions(part):
    assert versions(part) - versions("dev") == set()


@pytest.mark.parametrize("part", ["aws", "azure", "gcp", "sandbox"])
def test_a_cloud_s_part_has_only_what_the_base_lacks(part):
    assert versions(part) & versions("base") == set()


def test_local_installs_no_cloud_s_sdk():
    packages = {pin.split("==")[0] for pin in versions("base")}
    assert {"pulumi", "pulumi-kubernetes"} <= packages
    assert packages & {"pulumi-aws", "pulumi-gcp", "pulumi-azure-native", "boto3", "moto", "cfn-lint", "uv"} == set()


def functions(path: Path):
    nodes = ast.walk(ast.parse(path.read_text()))
    return (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_functions_stay_short_enough_to_read():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in tracked("components/*.py", "stacks/*.py", "policies/*.py", "benchmarks/*.py")
        for node in functions(path)
        if node.end_lineno - node.lineno >= 40
    ]
    assert long == []


def test_custom_resources_are_declared_in_the_one_way_that_has_them_waited_for():
    """One that is made by hand counts as done once it exists."""
    makers = [path for path in tracked("components/*.py") if re.search(r"\bCustomResource\(", path.read_text())]
    assert [path.relative_to(ROOT).as_posix() for path in makers] == ["components/cnai/catalog/children.py"]
