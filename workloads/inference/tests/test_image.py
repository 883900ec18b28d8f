"""The image's files, as far as they can be tried without a container engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(path):
    return dict(PIN.findall(path.read_text()))


def test_the_image_is_linted():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed")
    assert subprocess.run([hadolint, HERE / "Dockerfile"], capture_output=True, text=True).stdout == ""


def test_the_image_installs_a_subset_of_what_is_tested():
    image, tested = pins(HERE / "requirements.lock"), pins(HERE.parent / "requirements.lock")
    assert image
    assert {name: version for name, version in image.items() if tested.get(name) != version} == {}
    assert "pytest" not in image
    assert "://" not in (HERE / "requirements.lock").read_text()


def test_the_last_stage_is_not_root_and_starts_the_installed_command():
    build, _, last = (HERE / "Dockerfile").read_text().rpartition("\nFROM ")
    assert re.findall(r"--mount=type=cache,target=(\S+)", build) == ["/uv-cache"] * 2
    assert "UV_CACHE_DIR=/uv-cache" in build
    assert re.search(r"^USER 65532:65532$", last, re.MULTILINE)
    assert 'ENTRYPOINT ["cnai-serve"]' in last
    assert 'cnai-serve = "cnai_inference.cli:main"' in (HERE / "pyproject.toml").read_text()
    command = [
        sys.executable,
        "-c",
        "import sys; from cnai_inference.cli import main; sys.exit(main(['serve', '--help']))",
    ]
    shown = subprocess.run(command, env={"PYTHONPATH": str(HERE / "src")}, capture_output=True, text=True, check=True)
    assert "--max-model-len" in shown.stdout
