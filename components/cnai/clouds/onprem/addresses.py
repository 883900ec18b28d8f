"""Addresses that MetalLB may assign, in its own formats: ranges and CIDRs."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Range:
    first: Address
    last: Address

    def overlaps(self, other: "Range") -> bool:
        if self.first.version != other.first.version:
            return False
        return int(self.first) <= int(other.last) and int(other.first) <= int(self.last)


def parsed(text: str) -> Range:
    """Raises `ValueError` with what is wrong."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash:
        network = ipaddress.ip_network(first)
        return Range(network[0], network[-1])
    found = Range(ipaddress.ip_address(first), ipaddress.ip_address(last))
    if found.first.version != found.last.version:
        raise ValueError("it mixes IPv4 and IPv6")
    if int(found.first) > int(found.last):
        raise ValueError("it ends before it begins")
    return found


def wrong(texts: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Index and what to change."""
    found: list[tuple[int, Range]] = []
    for index, text in enumerate(texts):
        try:
            here = parsed(text)
        except ValueError as error:
            yield index, f"{text!r} is not a range: {error}; give 192.0.2.10-192.0.2.40 or 192.0.2.0/27"
            continue
        if other := next((texts[i] for i, each in found if each.overlaps(here)), None):
            yield index, f"{text} overlaps {other}: give each address once"
        found.append((index, here))
