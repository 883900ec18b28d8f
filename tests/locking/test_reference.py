"""Every package gets values in an environment that is nobody's own."""

import pytest

from cnai.catalog import catalog
from cnai.feature import Feature
from cnai.features import features
from cnai.locking import reference

HELM = sorted(name for name, package in catalog().items() if package.kind == "helm")


@pytest.mark.parametrize("name", HELM)
def test_every_chart_is_installed_in_its_reference_environment_in_its_pinned_version(name):
    release = reference.release_of(catalog()[name])
    assert (release["version"], release["name"]) == (catalog()[name].version, catalog()[name].release_name)


def test_a_feature_is_locked_beside_what_it_needs_and_uses():
    on = {each.key for each in reference.company(features()["trainer"])}
    assert {"trainer", "jobset"} <= on
    assert "monitoring" in {each.key for each in reference.company(features()["cert_manager"])}


def test_a_store_that_something_needs_is_one_that_upstream_maintains():
    user = Feature(key="user", text="", requires=features()["seaweedfs"].gives)
    assert {each.key for each in reference.company(user)} == {"user", "seaweedfs", "monitoring"}
