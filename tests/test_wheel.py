"""The library is usable on its own: built, installed and previewed by a program outside the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes
from cnai import CertManager, CertManagerArgs, ClusterTraits

cluster = kubernetes.Provider("mine", context="cnai-{env}")
traits = ClusterTraits(kubernetes_version="1.36", storage_class="standard", load_balancer="cloud")
CertManager("certs", CertManagerArgs(traits=traits), pulumi.ResourceOptions(provider=cluster))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_the_wheel_carries_its_types_and_every_data_file_of_the_package(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", "components/cnai"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = {line.removeprefix("components/") for line in listed.stdout.splitlines() if (ROOT / line).is_file()}
    assert "cnai/py.typed" in expected
    assert expected - packed == set()


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel and what its own metadata asks for, at the locked versions."""
    home = tmp_path_factory.mktemp("fresh")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home / "venv"], check=True)
    python = home / "venv" / "bin" / "python"
    constraint = home / "constraint.txt"
    lines = (ROOT / "requirements" / "base.lock").read_text().splitlines()
    constraint.write_text("\n".join(line.rstrip(" \\") for line in lines if line[:1].isalnum()))
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "-c", constraint, wheel], check=True)
    return python


def test_the_installed_library_is_the_wheels_own(installed, tmp_path):
    asked = [installed, "-c", "import cnai; print(cnai.__file__); import cnai.platform, cnai.environment"]
    where = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert where.startswith(str(installed.parent.parent))


@pytest.mark.sandbox
def test_a_program_outside_the_repository_previews_components_of_the_installed_library(installed, tmp_path):
    env = "wheel"
    (tmp_path / "Pulumi.yaml").write_text("name: mine\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / f"Pulumi.{env}.yaml").write_text("config:\n  cnai:cloud: {local: {}}\n")
    (tmp_path / "stacks" / "__main__.py").write_text(PROGRAM.format(env=env))
    command = [installed, "-m", "cnai.cli", "pulumi", "preview", "-s", env, "--non-interactive"]
    environment = os.environ | {"CNAI_PROJECT": str(tmp_path)}
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "kubernetes:helm.sh/v3:Release" in done.stdout
        assert "cnai:network:CertManager" in done.stdout
    finally:
        delete = [installed, "-m", "cnai.cli", "sandbox", "delete", env]
        subprocess.run(delete, cwd=tmp_path, env=environment, check=True, capture_output=True)
