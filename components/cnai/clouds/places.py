"""Where a cloud's cluster is and who reaches it, as AWS, Google Cloud and Azure settle it alike."""

import ipaddress
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from ipaddress import IPv4Network

from cnai.clouds.settings import Problems

Regions = Mapping[str, tuple[str, ...]]
"""Region -> its zones."""
Zones = int | tuple[str, ...]
"""How many, a region's first ones, or which."""


def read_regions(cloud: str, zone: str) -> Regions:
    """`<cloud>/regions.toml`, which names the zones' letters; `zone` is how a name is made, as `{region}{letter}`."""
    rows = tomllib.loads(files("cnai.clouds").joinpath(cloud, "regions.toml").read_text(encoding="utf-8"))
    return {
        region: tuple(zone.format(region=region, letter=letter) for letter in letters)
        for region, letters in rows.items()
    }


def zone_names(regions: Regions, region: str, zones: Zones) -> tuple[str, ...]:
    return zones if isinstance(zones, tuple) else regions.get(region, ())[:zones]


def place_problems(regions: Regions, region: str, zones: Zones, product: str) -> Problems:
    """A region without `product`, more zones than it has, or none of that name."""
    has = regions.get(region)
    if has is None:
        yield ("region",), f"no region {region!r} with {product}: give {', '.join(regions)}"
    elif isinstance(zones, int):
        if zones > len(has):
            yield ("zones",), f"{region} has {len(has)} zones: give at most {len(has)}"
    elif wrong := [zone for zone in zones if zone not in has]:
        yield ("zones",), f"{region} has no zone {wrong[0]!r}: choose from {', '.join(has)}"


def network(text: str) -> IPv4Network | None:
    """None if it is not a range."""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        return None


def access_problems(ranges: tuple[str, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Of `public_access_cidrs`."""
    for index, text in enumerate(ranges):
        found = network(text)
        if found is None or found.prefixlen == 0:
            yield ("public_access_cidrs", index), f"{text!r}: give your own ranges, not the whole internet"
