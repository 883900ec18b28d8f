"""Where models come from: a directory, a claim, an object store or a hub, checked and cached once per machine."""

from cnai_inference.store.fetch import fetch
from cnai_inference.store.manifest import verify, write_manifest

__all__ = ["fetch", "verify", "write_manifest"]
