"""What a feature says of itself is all that the platform, the stack file and the catalog need to know of it."""

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cnai import features as listing
from cnai.capabilities import ObjectStorage
from cnai.catalog import catalog
from cnai.environment.choices import chosen, features_model
from cnai.environment.needs import unmet_needs
from cnai.environment.stack import StackConfig
from cnai.errors import UserError
from cnai.feature import Family, Feature
from cnai.features import FEATURES, features, predecessors
from cnai.platform import component_class

CNAI = Path(listing.__file__).parent
EVERY = pytest.mark.parametrize("feature", features().values(), ids=list(features()))


@EVERY
def test_a_feature_has_the_component_that_it_names_and_gives_what_it_says(feature):
    component = component_class(feature)
    for method in ("build", "gives", "share", "rules", "endpoints", "admit"):
        assert callable(getattr(component, method))
    own = any("gives" in each.__dict__ for each in component.__mro__ if each.__name__ != "PlatformComponent")
    assert own is bool(feature.gives)


@EVERY
def test_a_feature_says_in_one_line_what_it_is(feature):
    assert feature.text.endswith(".")
    assert "\n" not in feature.text


def test_the_list_of_features_is_sorted_and_has_every_folder_with_a_feature():
    folders = {path.parent.relative_to(CNAI).as_posix().replace("/", ".") for path in CNAI.glob("*/*/feature.py")}
    assert set(FEATURES) == folders
    assert list(FEATURES) == sorted(FEATURES)


def test_no_feature_imports_pulumi_before_it_is_on():
    code = "import sys, cnai.features as f; f.features(); print([m for m in sys.modules if m.startswith('pulumi')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_feature_comes_after_those_that_give_what_it_uses():
    order = list(features())
    for key, feature in features().items():
        assert all(order.index(each) < order.index(key) for each in predecessors(feature, features()))
    assert "monitoring" in predecessors(features()["cert_manager"], features())


def test_a_circle_of_needs_is_refused_by_name():
    one, two = Feature(key="one", text="One.", needs=("two",)), Feature(key="two", text="Two.", needs=("one",))
    with pytest.raises(UserError, match=r"features need each other in a circle: .*one"):
        listing._ordered({"one": one, "two": two})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"needs": ("nothing",)}, "no feature nothing: needs, after and excludes name features by their key"),
        ({"packages": ("nothing",)}, "no package nothing: add it to the package.toml beside"),
    ],
)
def test_a_feature_that_names_what_is_not_there_is_refused(wrong, told):
    with pytest.raises(UserError, match=told):
        listing._check(Feature(key="one", text="One.", **wrong), features())


def stack(monkeypatch, known, **said):
    """A stack of the features in `known`."""
    monkeypatch.setattr("cnai.environment.choices.features", lambda: known)
    monkeypatch.setattr("cnai.environment.needs.features", lambda: known)
    spec = features_model(known.values()).model_validate(said)
    made = StackConfig.model_validate({"cloud": {"local": {}}, "pools": {}})
    made.__dict__["chosen"] = chosen(spec)
    return made


MESH = Family(key="mesh", choose="one", text="Mesh.")


def test_features_that_make_no_sense_together_are_refused_by_name(monkeypatch):
    known = {key: Feature(key=key, text="X.", excludes=other) for key, other in (("a", ()), ("b", ("a",)))}
    (problem,) = unmet_needs(stack(monkeypatch, known, a=True, b=True))
    assert problem.line("") == "features.b: cannot be combined with a: switch one of them off"
    assert not list(unmet_needs(stack(monkeypatch, known, b=True)))


def test_a_capability_that_nothing_gives_is_missed_with_the_names_of_its_givers(monkeypatch):
    known = {
        "store": Feature(key="store", text="X.", family=MESH, gives=(ObjectStorage,)),
        "taker": Feature(key="taker", text="X.", requires=(ObjectStorage,)),
    }
    (problem,) = unmet_needs(stack(monkeypatch, known, taker=True))
    assert (
        problem.text == "needs object storage, which nothing provides: switch on one of mesh: store under cnai:features"
    )
    assert not list(unmet_needs(stack(monkeypatch, known, taker=True, mesh="store")))


def test_what_is_implied_is_on_with_what_needs_it_unless_it_is_switched_off(monkeypatch):
    known = {
        "base": Feature(key="base", text="X.", implied=True),
        "user": Feature(key="user", text="X.", needs=("base",)),
    }
    assert set(stack(monkeypatch, known, user=True).chosen) == {"base", "user"}
    off = stack(monkeypatch, known, user=True, base=False)
    assert [each.text for each in unmet_needs(off)] == ["needs base, which is off: switch base on under cnai:features"]


FOREIGN = """
from cnai.feature import Feature, FeatureSettings
class Settings(FeatureSettings):
    size: int = 1
FEATURE = Feature(key="weather", text="Weather.", component="Weather", settings=Settings, packages=("weather",))
"""
COMPONENT = """
import pulumi
from cnai.catalog.installing import install
from cnai.component import PlatformComponent
class Weather(PlatformComponent):
    def __init__(self, name, args, opts=None):
        super().__init__("weather:index:Weather", name, {}, opts)
        release = install("weather", f"{name}-release", args, pulumi.ResourceOptions(parent=self))
        self.namespace = release.namespace
    @classmethod
    def args_for(cls, settings, site):
        return {"size": settings.size, **settings.values}
"""
PACKAGE = """
[weather]
kind = "helm"
source = {chart = "weather", repository = "https://example.org", project = "them/weather"}
version = "1.2.3"
namespace = "weather"
licence = "Apache-2.0"
health = {status = "maintained", seen = 2026-08-22}
"""
PROGRAM = """
from cnai.environment import Environment
from cnai.platform import Platform
from cnai.render.recording import record
config = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {"system": {"min": 1}},
    "cnai:features": {"weather": {"size": 3, "values": {"colour": "blue"}}},
}
found = record(lambda: Platform(Environment.load("local", config)), "cnai", "local")
releases = [each.inputs for each in found if each.type.endswith(":Release")]
print([(each["chart"], sorted(each["values"].items())) for each in releases])
"""


@pytest.fixture
def distribution(tmp_path):
    """Another distribution that brings a feature, installed in a folder of its own."""
    package = tmp_path / "them_weather"
    package.mkdir()
    files = {"__init__.py": "", "feature.py": FOREIGN, "component.py": COMPONENT, "package.toml": PACKAGE}
    for name, text in files.items():
        (package / name).write_text(text)
    info = tmp_path / "them_weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: them-weather\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cnai.features]\nweather = them_weather.feature\n")
    return tmp_path


def run_with(distribution, code):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{distribution}:{CNAI.parent}", "PATH": ""},
    )


def test_another_distribution_brings_a_feature_with_its_settings_and_its_package(distribution):
    done = run_with(distribution, PROGRAM)
    assert done.stdout == "[('weather', [('colour', 'blue'), ('size', 3)])]\n", done.stderr


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        ("import nothing_of_the_kind", "cannot be read (ModuleNotFoundError: No module named 'nothing_of_the_kind')"),
        ("FEATURE = 3", "them_weather.feature has no FEATURE of type cnai.feature.Feature"),
        (
            FOREIGN.replace('"weather"', '"jobset"', 1),
            "feature jobset: both cnai.kubeflow.jobset.feature and",
        ),
        (FOREIGN.replace('text="Weather."', 'colour="red"'), "cannot be read (TypeError: "),
    ],
    ids=["import", "type", "taken", "arguments"],
)
def test_an_unreadable_feature_of_another_distribution_is_one_sentence(distribution, feature, told):
    (distribution / "them_weather" / "feature.py").write_text(feature)
    code = "from cnai.errors import UserError\ntry:\n    import cnai.environment\nexcept UserError as e:\n    print(e)"
    done = run_with(distribution, code)
    assert told in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1


def test_a_package_that_two_folders_have_is_refused(tmp_path, monkeypatch):
    loading = importlib.import_module("cnai.catalog.loading")
    (tmp_path / "package.toml").write_text(PACKAGE)
    monkeypatch.setattr(loading, "package_folders", lambda: [("a/b", tmp_path), ("c/d", tmp_path)])
    with pytest.raises(UserError, match=r"c/d/package.toml: package weather is in a/b already"):
        loading.catalog.__wrapped__()


def test_every_package_knows_the_folder_that_owns_it():
    assert catalog()["jobset"].home == "kubeflow/jobset"
    assert replace(catalog()["karpenter"]).home == "clouds/aws"
