"""Code depends on what it builds on: modules import in no circle, rooms only from rooms below them."""

import tomllib
from pathlib import Path

import pytest

from imports import circle, imports

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "cnai": ROOT / "components" / "cnai",
    "cnai_training": ROOT / "workloads" / "training" / "src" / "cnai_training",
    "cnai_inference": ROOT / "workloads" / "inference" / "src" / "cnai_inference",
}
ORDER: list[list[str]] = tomllib.loads((ROOT / "tests" / "layers.toml").read_text("utf-8"))["order"]
PUBLIC = "cnai"
"""The package itself: the names that others import, each loaded when it is asked for."""


def room(module: str) -> str:
    """The longest name in the order that the module is, or lies below; else the module's own first name."""
    inside = module.removeprefix("cnai.")
    named = [name for layer in ORDER for name in layer if f"{inside}.".startswith(f"{name}.")]
    return max(named, key=len, default=inside.split(".")[0])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package: str):
    graph = imports(PACKAGES[package])
    assert len(graph) > 5
    assert circle(graph) == []


def test_a_room_imports_only_from_rooms_below_it():
    height = {name: number for number, layer in enumerate(ORDER) for name in layer}
    upward = [
        f"{module} (in {room(module)}) imports {imported} (in {room(imported)})"
        for module, below in imports(PACKAGES["cnai"]).items()
        for imported in sorted(below)
        if {room(module), room(imported)} <= height.keys()
        and room(module) != room(imported)
        and height[room(module)] <= height[room(imported)]
    ]
    assert upward == [], "move what both need to a lower room, or give the rooms another order in tests/layers.toml"


def test_the_order_names_every_room_once_and_none_that_is_gone():
    named = sorted(name for layer in ORDER for name in layer)
    assert named == sorted({room(module) for module in imports(PACKAGES["cnai"]) if module != PUBLIC})


@pytest.mark.parametrize(
    ("back", "found"),
    [
        ("import small.a", True),
        ("from small import a", True),
        ("from small.a import x", True),
        ("from . import a", True),
        ("from .a import x", True),
        ("def later():\n    from small.a import x", True),
        ("if TYPE_CHECKING:\n    from small.a import x", False),
        ("from other import a", False),
    ],
)
def test_a_circle_is_found_however_it_is_written(tmp_path: Path, back: str, found: bool):
    package = tmp_path / "small"
    package.mkdir()
    for name, text in (("__init__", ""), ("a", "from small.b import y"), ("b", back)):
        (package / f"{name}.py").write_text(text)
    assert sorted(set(circle(imports(package)))) == (["small.a", "small.b"] if found else [])
