"""What `machines.toml` says of AWS beyond what every cloud says of its machines."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from cnai.clouds.machines import Machine


@cache
def facts() -> dict[str, Any]:
    return tomllib.loads(files("cnai.clouds.aws").joinpath("machines.toml").read_text(encoding="utf-8"))


def efa_cards(machine: Machine) -> tuple[int, ...]:
    """Indices of the machine's network cards that take an EFA interface; none where it has no EFA."""
    if machine.fabric != "efa":
        return ()
    return tuple(facts()["efa_cards"].get(machine.name, range(machine.nics)))


def interfaces(machine: Machine) -> list[dict[str, Any]]:
    """Every network interface that the machine can use for EFA, and the one that carries its pods' addresses.

    EFA-only interfaces take no address. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
    """
    primary = {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}
    fabric = [
        {"networkCardIndex": card, "deviceIndex": 1 if card == 0 else 0, "interfaceType": "efa-only"}
        for card in efa_cards(machine)
    ]
    return [primary, *fabric]
