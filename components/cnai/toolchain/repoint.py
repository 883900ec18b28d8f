"""Folders that are fixed inside a program, pointed elsewhere: for what neither a flag nor a setting of it can move."""

import mmap
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cnai.errors import FailedError
from cnai.toolchain.versions import Host


def repoint(program: Path, folders: Mapping[str, str], host: Host) -> None:
    """Writes each new folder over the old one, with slashes up to its length. Raises `FailedError` where there is none.

    A path that does not begin with a slash is below the folder that the program is started in.
    """
    for old, new in folders.items():
        _write(program, old.encode(), new.encode().ljust(len(old.encode()), b"/"))
    if folders and host.os == "darwin":
        # What is changed has to be signed again; the linker's own signature is of this kind too.
        subprocess.run(["codesign", "--force", "--sign", "-", str(program)], check=True, capture_output=True)


def _write(program: Path, old: bytes, new: bytes) -> None:
    with program.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        at = content.find(old)
        if at < 0 or content.find(old, at + 1) >= 0 or len(new) != len(old):
            raise FailedError(f"{program.name} does not have the folder {old.decode()} once: look at its sources again")
        content[at : at + len(old)] = new
