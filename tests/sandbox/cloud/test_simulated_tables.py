import importlib
import re

import pytest

from cnai.sandbox.cloud import schemas
from cnai.sandbox.cloud.moto.registry import HANDLERS
from cnai.sandbox.cloud.roles import CLUSTERS, GROUPS
from cnai.sandbox.cloud.tables import PACKAGES, Row, facts, rows

ROWS = [each for package in PACKAGES for each in rows(package).values()]
MODULES = {"aws": "pulumi_aws", "gcp": "pulumi_gcp", "azure-native": "pulumi_azure_native"}


def sdk_source(row: Row) -> str:
    """The text of the SDK's module that has this type."""
    package, module, kind = row.token.split(":")
    folder, _, name = module.partition("/")
    name = name or kind
    words = name.replace("iAMMember", "iam_member").replace("IAMMember", "_iam_member")
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z][a-z])", lambda m: f"_{m[1] or m[2]}", words).lower()
    found = importlib.util.find_spec(f"{MODULES[package]}.{folder}.{snake}")
    assert found is not None, f"{row.token}: no {snake}"
    assert found.origin is not None
    with open(found.origin, encoding="utf-8") as file:  # noqa: PTH123
        return file.read()


def properties(text: str) -> set[str]:
    plain = set(re.findall(r"def ([a-z]\w*)\(self\)", text))
    return plain | set(re.findall(r'pulumi\.getter\(name="(\w+)"\)', text))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.token)
def test_every_property_in_a_table_is_one_that_the_sdk_has(row: Row):
    named = [*row.outputs, *row.volatile, *row.secret, row.name, *row.enums, *row.required, *row.replace]
    has = properties(sdk_source(row))
    assert {each.split(".")[0] for each in named if each} <= has


@pytest.mark.parametrize("row", [each for each in ROWS if each.schema], ids=lambda row: row.token)
def test_every_schema_is_in_the_wheel_and_renames_lead_into_it(row: Row):
    schema = schemas.schema_of(row.schema)
    assert schema is not None
    has = set(schema.document["properties"])
    assert {theirs.split("/")[0] for theirs in row.rename.values() if theirs} <= has


def test_every_type_says_where_its_rules_are_from():
    assert not [row.token for row in ROWS if not row.checked]


def test_what_moto_makes_has_ids_and_outputs_in_the_table():
    assert set(HANDLERS) <= set(rows("aws"))


def test_clusters_and_groups_are_told_apart_by_the_tables_too():
    assert {row.token for row in ROWS if row.role == "cluster"} == CLUSTERS
    assert {row.token for row in ROWS if row.role} == CLUSTERS | set(GROUPS)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_account_names_the_cloud_that_its_machines_are_of(package: str):
    from cnai.clouds.machines import machines

    assert machines(facts(package)["account"]["cloud"])
