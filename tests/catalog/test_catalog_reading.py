"""A row that is wrong is refused in one sentence."""

import pytest

from cnai.catalog import catalog, crds_at
from cnai.catalog.loading import checked, parsed
from cnai.errors import UserError

ROW = """
[thing]
kind = "helm"
source = {chart = "thing", repository = "https://example.org", project = "a/thing"}
version = "1.2.3"
namespace = "thing"
licence = "Apache-2.0"
health = {status = "maintained", seen = 2026-08-22}
"""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("thing = 1", "every key belongs in a table"),
        ("[thing", "not TOML"),
        (ROW.replace('kind = "helm"', 'kind = "chart"'), "thing.kind: Input should be 'helm' or 'manifests'"),
        (ROW.replace('version = "1.2.3"\n', ""), "thing.version: "),
        (ROW + 'colour = "red"\n', "thing.colour: "),
        (ROW + 'needs = ["nothing"]\n', "thing.needs: no package nothing"),
        (ROW.replace('"maintained"', '"end-of-life"'), "thing.health: end-of-life, so say what to use `instead`"),
        (ROW + 'images = ["a/b:1"]\n', "thing.images: "),
    ],
    ids=["bare", "toml", "kind", "version", "unknown", "needs", "health", "images"],
)
def test_a_wrong_row_is_refused_by_name(wrong, told):
    with pytest.raises(UserError) as refusal:
        checked(parsed(wrong, "room/thing", {}))
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_right_row_has_its_defaults():
    thing = parsed(ROW, "room/thing", {})["thing"]
    assert (thing.release_name, thing.pod_security, thing.lock.crds) == ("thing", "baseline", ())


def test_the_crds_at_an_address_are_known_without_reaching_it():
    (url,) = catalog()["jobset"].crd_urls
    package, crds = crds_at(url)
    assert (package.name, [crd.name for crd in crds]) == ("jobset", ["jobsets.jobset.x-k8s.io"])
    assert "{" not in url
    assert crds_at(f"{url}x") is None
