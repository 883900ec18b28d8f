"""The images' files, as far as they can be tried without a container engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
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


def plain(value: Any) -> Any:
    """What the parser gives, without the quotes that it leaves around strings."""
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value.strip('"') if isinstance(value, str) else value


@pytest.fixture(scope="module")
def bake() -> dict[str, dict[str, Any]]:
    """`docker-bake.hcl`: each kind of block by name."""
    with (HERE.parent / "docker-bake.hcl").open(encoding="utf-8") as file:
        parsed = plain(hcl2.load(file))
    return {
        kind: {name: body for block in parsed[kind] for name, body in block.items()}
        for kind in ("variable", "group", "target")
    }


def test_every_image_is_built_on_the_base_and_uv_that_the_bake_file_pins(bake: dict[str, dict[str, Any]]) -> None:
    pinned = {name: bake["variable"][name]["default"] for name in ("PYTHON_IMAGE", "UV_VERSION")}
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", pinned["PYTHON_IMAGE"])
    assert bake["target"]["common"]["args"].keys() == pinned.keys()
    for image in ("training", "inference"):
        text = (HERE.parent / bake["target"][image]["context"] / "Dockerfile").read_text()
        assert dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE)) == pinned, image
        bases = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))
        assert bases - set(re.findall(r" AS (\w+)$", text, re.MULTILINE)) == {"${PYTHON_IMAGE}"}, image


def test_every_target_is_labelled_and_comes_with_its_bill_of_materials(bake: dict[str, dict[str, Any]]) -> None:
    targets = bake["target"]

    def inherited(name: str) -> dict[str, Any]:
        own = targets[name]
        return {**(inherited(own["inherits"][0]) if "inherits" in own else {}), **own}

    assert {"training", "training-compile", "inference"} == set(bake["group"]["default"]["targets"])
    for name in bake["group"]["default"]["targets"]:
        target = inherited(name)
        assert "type=sbom" in target["attest"], name
        assert {f"org.opencontainers.image.{key}" for key in ("revision", "source", "version", "base.name")} <= set(
            target["labels"]
        ), name
        assert target["tags"][0].startswith("${REGISTRY}/"), name
    stages = re.findall(r" AS (\w+)$", (HERE / "Dockerfile").read_text(), re.MULTILINE)
    assert targets["training-compile"]["target"] in stages


def test_nothing_that_builds_is_left_in_the_last_stage() -> None:
    _, _, last = (HERE / "Dockerfile").read_text().partition(" AS runtime\n")
    last, _, compiler = last.partition(" AS compile\n")
    assert not re.search(r"\b(apt-get|pip|uv|gcc|g\+\+)\b", re.sub(r"^#.*$", "", last, flags=re.MULTILINE))
    assert "g++" in compiler


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
