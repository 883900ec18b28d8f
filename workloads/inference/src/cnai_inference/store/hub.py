"""A model from a hub of Hugging Face's protocol: one commit of it, each file checked against the hub's hashes."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnai_inference.errors import InferenceError
from cnai_inference.store.manifest import digest


def from_hub(source: str, target: Path, patterns: Sequence[str]) -> None:
    """`hf://owner/name[@revision]`; HF_ENDPOINT and HF_TOKEN as the client knows them."""
    from huggingface_hub import HfApi

    name, _, revision = source.removeprefix("hf://").partition("@")
    hub = HfApi()
    try:
        info = hub.model_info(name, revision=revision or None, files_metadata=True)
        # The commit, not the branch, which may move meanwhile.
        hub.snapshot_download(name, revision=info.sha, local_dir=target, allow_patterns=list(patterns))
    # The client's own errors, those of its HTTP library (which changes with its versions), and the disk's.
    except Exception as error:
        raise InferenceError(f"{source} cannot be fetched: {one_line(error)}") from error
    shutil.rmtree(target / ".cache", ignore_errors=True)
    for sibling in info.siblings or ():
        refuse_other(target / sibling.rfilename, sibling, source)


def one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def refuse_other(path: Path, sibling: Any, source: str) -> None:
    """The hub knows large files by SHA-256 and the others by git's hash."""
    if not path.is_file():
        return
    expected = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    found = digest(path) if sibling.lfs else blob_digest(path)
    if expected and found != expected:
        raise InferenceError(f"{sibling.rfilename} did not arrive as {source} has it: its checksum differs; try again")


def blob_digest(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
