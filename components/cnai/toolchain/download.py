"""Official releases: downloaded where their hosts are in reach, and believed only if the checksum says so."""

import hashlib
import json
import tarfile
import urllib.request
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from cnai.toolchain.reach import UNREACHED, Refused
from cnai.toolchain.sources import Release, Tool
from cnai.toolchain.versions import Host


def has_release(tool: Tool, host: Host) -> bool:
    return tool.source.release is not None and host.os in tool.source.release.systems


def checksum_url(tool: Tool, host: Host) -> str:
    return tool.filled(_release(tool).checksum, host)


def fetch(tool: Tool, host: Host, staged: Path) -> None:
    """Puts the release's program into `staged`; raises `Refused`."""
    release, url = _release(tool), tool.filled(_release(tool).url, host)
    archive = staged / ".download"
    try:
        with _opened(checksum_url(tool, host)) as response:
            expected = published_sha256(response.read().decode(), url.rsplit("/", 1)[-1])
        found = _saved(url, archive)
    except UNREACHED as error:
        raise Refused(f"{url} cannot be downloaded ({error})") from error
    if found != expected:
        raise Refused(f"{url} has the checksum {found}, its publisher says {expected}")
    if release.member is None:
        archive.rename(staged / tool.name)
    else:
        _unpack(archive, tool.filled(release.member, host), staged / tool.name)
        archive.unlink()


def published_sha256(document: str, file: str) -> str:
    """The checksum of `file` in a bare `.sha256`, a list of `checksum  name` lines or GitHub's JSON of a release."""
    if document.lstrip().startswith("{"):
        rows = [(str(asset.get("digest")), str(asset["name"])) for asset in json.loads(document)["assets"]]
    else:
        words = [line.split() for line in document.splitlines() if line.strip()]
        rows = [(line[0], line[-1] if len(line) > 1 else file) for line in words]
    for checksum, name in rows:
        if name.lstrip("*").rsplit("/", 1)[-1] == file:
            return checksum.removeprefix("sha256:").lower()
    raise Refused(f"its publisher names no checksum for {file}")


def _opened(url: str) -> IO[bytes]:
    response = urllib.request.urlopen(url, timeout=30)
    if urlsplit(response.geturl()).scheme != urlsplit(url).scheme:
        raise Refused(f"{url} leads to {response.geturl()}, which is not as safe")
    return cast(IO[bytes], response)


def _saved(url: str, file: Path) -> str:
    sha256 = hashlib.sha256()
    with _opened(url) as response, file.open("wb") as out:
        while block := response.read(1 << 20):
            sha256.update(block)
            out.write(block)
    return sha256.hexdigest()


def _unpack(archive: Path, member: str, program: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            content = tar.extractfile(member)
            if content is None:
                raise Refused(f"{member} in the release is no file")
            with content, program.open("wb") as out:
                while block := content.read(1 << 20):
                    out.write(block)
    except (KeyError, tarfile.TarError) as error:
        raise Refused(f"the release has no {member} ({error})") from error


def _release(tool: Tool) -> Release:
    if tool.source.release is None:
        raise ValueError(f"{tool.name} has no release")
    return tool.source.release
