"""The ways to a tool that need no Go: its official release, then upstream's own container image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cnai.toolchain import archive, download, image, share
from cnai.toolchain.progress import Reporter
from cnai.toolchain.sources import Tool
from cnai.toolchain.versions import Host


@dataclass(frozen=True)
class Way:
    origin: Literal["download", "image"]
    step: str
    """What is being done, for the progress."""
    urls: tuple[str, ...]
    """All of their hosts must be in reach."""
    fetch: Callable[[Path, Reporter], str]
    """Fills a staged folder; gives where the program is from, if its version does not say that. Raises `Refused`."""


def ways(tool: Tool, host: Host) -> list[Way]:
    """The best first."""
    found: list[Way] = []
    if download.has_release(tool, host):
        found.append(_release(tool, host))
    if image.has_image(tool, host) and (tool.source.archive or not tool.source.share):
        found.append(_image(tool, host))
    return found


def _release(tool: Tool, host: Host) -> Way:
    def fetch(staged: Path, report: Reporter) -> str:
        del report
        download.fetch(tool, host, staged)
        return ""

    return Way("download", "downloading the release", (download.checksum_url(tool, host),), fetch)


def _image(tool: Tool, host: Host) -> Way:
    def fetch(staged: Path, report: Reporter) -> str:
        taken = image.fetch(tool, host, staged)
        if not taken.pinned:
            report(f"{tool.name}: {taken.reference}, whose digest is not pinned: its tag was believed")
        if tool.source.share:
            with archive.unpacked(tool.source, staged) as folder:
                share.put(tool.source, folder, staged)
        return taken.reference

    beside = (tool.source.archive.url,) if tool.source.share and tool.source.archive else ()
    return Way("image", "taking it out of upstream's image", (image.registry_url(tool), *beside), fetch)
