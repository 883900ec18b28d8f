"""What CI says of packages and their locks, without their charts."""

from dataclasses import replace
from datetime import date

import pytest

from cnai.catalog import catalog
from cnai.locking.verifying import Finding, free, verified

TODAY = date(2026, 11, 24)
JOBSET = catalog()["jobset"]


def texts(package, today=TODAY):
    return [(each.level, each.text) for each in verified([package], today)]


def test_every_package_keeps_the_rules():
    assert [each for each in verified(catalog().values(), date.today()) if each.level == "error"] == []


def with_lock(**changes):
    return replace(JOBSET, lock=replace(JOBSET.lock, **changes))


@pytest.mark.parametrize(
    ("package", "told"),
    [
        (with_lock(version=""), "has no lock: `cnai catalog lock jobset` makes it"),
        (with_lock(version="0.1.0"), "its lock is of version 0.1.0, and the package of "),
        (with_lock(values="sha256:0"), "its lock was made with other values than it gets now"),
        (with_lock(keys={".": "image*"}), "its chart would ignore a value that we set: controller"),
        (with_lock(images=("quay.io/a/b",)), "image quay.io/a/b is not pinned"),
        (with_lock(images=("quay.io/a/b:latest",)), "image quay.io/a/b:latest is not pinned"),
        (replace(JOBSET, licence="BUSL-1.1"), "licence BUSL-1.1 needs a licence_reason"),
        (replace(JOBSET, health=replace(JOBSET.health, status="deprecated")), "say in health.note what the risk is"),
    ],
)
def test_what_breaks_a_rule_is_one_sentence_that_says_what_to_do(package, told):
    assert any(told in text for level, text in texts(package) if level == "error")


def test_upstream_that_nobody_has_looked_at_for_long_is_a_warning():
    (found,) = verified([replace(JOBSET, health=replace(JOBSET.health, seen=date(2026, 1, 1)))], TODAY)
    assert found == Finding(
        "jobset",
        "warning",
        "nobody has looked at upstream for 327 days: look at kubernetes-sigs/jobset and set health.seen",
    )


def test_a_digest_pins_an_image_whatever_its_tag():
    assert texts(with_lock(images=(f"quay.io/a/b:latest@sha256:{'0' * 64}",))) == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("Apache-2.0", True),
        ("MIT OR GPL-3.0-only", True),
        ("Apache-2.0 AND (AGPL-3.0-only OR MIT)", True),
        ("Apache-2.0 AND AGPL-3.0-only", False),
        ("GPL-3.0-only", False),
    ],
)
def test_a_licence_is_free_where_it_leaves_a_choice_that_anybody_may_use(licence, allowed):
    assert free(licence) is allowed


def test_a_reason_lets_a_licence_pass():
    assert texts(replace(JOBSET, licence="AGPL-3.0-only", licence_reason="unchanged")) == []
