"""The images' files, as far as they can be tried without a container engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


def test_the_images_are_linted() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed")
    assert subprocess.run([hadolint, HERE / "Dockerfile"], capture_output=True, text=True, check=False).stdout == ""


def test_the_image_installs_a_subset_of_what_is_tested() -> None:
    image, tested = pins(HERE / "requirements.lock"), pins(HERE.parent / "requirements.lock")
    assert "torch" in image
    assert {name: version for name, version in image.items() if tested.get(name) != version} == {}
    assert "pytest" not in image
    assert "://" not in (HERE / "requirements.lock").read_text()


def test_both_images_run_without_root_and_build_nothing_into_its_home() -> None:
    text = (HERE / "Dockerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    named = [stage for stage in stages if re.search(r" AS (runtime|compile)$", stage, re.MULTILINE)]
    ends = [re.findall(r"^USER (\S+)$", stage, re.MULTILINE)[-1:] for stage in named]
    assert ends == [["65532:65532"]] * 2
    assert text.endswith("\nFROM runtime\n")
    assert re.findall(r"--mount=type=cache,target=(\S+)", text) == ["/uv-cache"] * 2
    assert "UV_CACHE_DIR=/uv-cache" in text
