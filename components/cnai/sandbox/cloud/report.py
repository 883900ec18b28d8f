"""How honest the simulated cloud was, in one sentence."""

from collections import Counter
from collections.abc import Mapping

from cnai.sandbox.cloud.store import CloudResource, Store

CLOUDS = {"aws": "AWS", "gcp": "Google Cloud", "azure-native": "Azure"}
WORDS = {
    "moto": "made and checked by moto and by AWS's schemas",
    "checked": "only remembered, their properties checked against tables",
    "unchecked": "only remembered, unchecked",
}


def summary(store: Store) -> dict[str, int]:
    """`aws/moto`, `gcp/checked`, `aws/unchecked`: ... → how many."""
    return dict(Counter(_key(record) for record in store.all()))


def _key(record: CloudResource) -> str:
    how = "moto" if record.how == "moto" else "checked" if record.checked else f"unchecked {record.token}"
    return f"{record.package}/{how}"


def sentence(counts: Mapping[str, int]) -> str:
    """Empty where there is no simulated cloud."""
    by_cloud: dict[str, list[str]] = {}
    for key, count in sorted(counts.items()):
        package, _, how = key.partition("/")
        kind, _, token = how.partition(" ")
        by_cloud.setdefault(package, []).append(f"{count} {WORDS[kind]}{f' ({token})' if token else ''}")
    return "\n".join(f"{CLOUDS[package]} is simulated: {'; '.join(parts)}" for package, parts in by_cloud.items())
