"""Helm's post-renderer: passes the manifests on without what cannot work in the sandbox, and notes what that was."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from cnai.charts.documents import LOADER, split
from cnai.sandbox.provider.release.strip import SUSPICIOUS, LeftOut, stripped


def rendered(manifests: str, served: Mapping[str, str]) -> tuple[str, list[LeftOut]]:
    """Documents that stay whole stay as they are written, byte for byte, and are not even parsed where possible."""
    kept: list[str] = []
    left_out: list[LeftOut] = []
    for document in split(manifests):
        text, gone = _passed(document, served) if any(word in document for word in SUSPICIOUS) else (document, [])
        kept += [text] if text else []
        left_out += gone
    return "---\n".join(f"{text.strip()}\n" for text in kept), left_out


def _passed(document: str, served: Mapping[str, str]) -> tuple[str, list[LeftOut]]:
    obj = yaml.load(document, Loader=LOADER)
    kept, left_out = stripped([obj], served)
    if not left_out:
        return document, []
    return (json.dumps(kept[0]) if kept else ""), left_out


def main(arguments: Sequence[str]) -> int:
    """`NOTES SERVED [COMMAND]`: where to note what was left out, `served` as JSON, the program's own post-renderer."""
    notes, served, *own = arguments
    manifests = sys.stdin.read()
    if own:
        manifests = subprocess.run(own, input=manifests, stdout=subprocess.PIPE, text=True, check=True).stdout
    text, left_out = rendered(manifests, json.loads(served))
    Path(notes).write_text(json.dumps([asdict(item) for item in left_out]))
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
