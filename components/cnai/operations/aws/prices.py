"""Current AWS prices of the pools' machines, on demand and spot."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from cnai.clouds.machines import RouteKind
from cnai.clouds.pools import PoolPlan

PRICING_REGION = "us-east-1"
"""The Price List API's endpoint for all regions:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"""
PLAIN_LINUX = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}


def live_prices(
    pricing: Any, ec2: Any, region: str, plans: Iterable[PoolPlan]
) -> Iterator[tuple[tuple[str, RouteKind], float]]:
    """(machine, route) and US dollars an hour; machines without a price are left out."""
    wanted = {(plan.machine.name, route.kind): plan.zones for plan in plans for route in plan.routes}
    on_demand: dict[str, float | None] = {}
    for (machine, kind), zones in wanted.items():
        if kind == "spot":
            price = _spot(ec2, machine, zones)
        elif kind in ("on-demand", "reserved"):
            price = on_demand[machine] if machine in on_demand else _on_demand(pricing, machine, region)
            on_demand[machine] = price
        else:
            continue
        if price:
            yield (machine, kind), price


def _on_demand(pricing: Any, machine: str, region: str) -> float | None:
    facts = {"instanceType": machine, "regionCode": region, **PLAIN_LINUX}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in facts.items()]
    listed = pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]
    found = [
        float(dimension["pricePerUnit"]["USD"])
        for product in map(json.loads, listed)
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if dimension["unit"] == "Hrs" and "USD" in dimension["pricePerUnit"]
    ]
    return max(found, default=None)


def _spot(ec2: Any, machine: str, zones: Iterable[str]) -> float | None:
    """The most expensive zone: the zone of a spot machine cannot be chosen."""
    history = ec2.describe_spot_price_history(
        InstanceTypes=[machine], ProductDescriptions=["Linux/UNIX"], StartTime=datetime.now(UTC)
    )["SpotPriceHistory"]
    return max((float(row["SpotPrice"]) for row in history if row["AvailabilityZone"] in set(zones)), default=None)
