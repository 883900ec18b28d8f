"""`cnai-serve`: serve a model, fetch it, write its checksums, export it."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cnai_inference.config import ServeOptions, add_options, options_from
from cnai_inference.errors import InferenceError

EXPORTS = ("onnx", "triton", "torch", "tensorflow")


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parsed = parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    # The kserve SDK parses the command line when it is imported, and would take our flags for its own.
    sys.argv[1:] = []
    try:
        return int(parsed.run(parsed) or 0)
    except InferenceError as error:
        print(f"cnai-serve: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("cnai-serve", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    serve_parser = commands.add_parser("serve", help="serve a model over HTTP")
    add_options(serve_parser, os.environ)
    serve_parser.set_defaults(run=lambda parsed: serve(options_from(parsed)))
    fetch_parser = commands.add_parser("fetch", help="bring a model into the cache, and say where it is")
    fetch_parser.add_argument("address")
    fetch_parser.add_argument("--cache", type=Path, default=ServeOptions(model="").cache_dir)
    fetch_parser.add_argument("--require-checksums", action="store_true")
    fetch_parser.set_defaults(run=fetch_model)
    checksums = commands.add_parser("checksums", help="write SHA256SUMS into a model's directory")
    checksums.add_argument("directory", type=Path)
    checksums.set_defaults(run=write_checksums)
    export_parser = commands.add_parser("export", help="write the model for another runtime")
    export_parser.add_argument("format", choices=EXPORTS)
    export_parser.add_argument("model", type=Path, help="directory in Hugging Face format")
    export_parser.add_argument("output", type=Path)
    export_parser.add_argument(
        "--mounted-at", default="", help="where Triton will see the repository, if not at OUTPUT"
    )
    export_parser.set_defaults(run=export)
    return top


def fetch_model(parsed: argparse.Namespace) -> None:
    from cnai_inference.store import fetch

    print(fetch(parsed.address, parsed.cache, require_manifest=parsed.require_checksums))


def write_checksums(parsed: argparse.Namespace) -> None:
    from cnai_inference.store import write_manifest

    print(write_manifest(parsed.directory))


def export(parsed: argparse.Namespace) -> None:
    from cnai_inference import export

    if parsed.mounted_at and parsed.format != "triton":
        raise InferenceError(f"--mounted-at is for triton, and the format is {parsed.format}: leave it out")
    more = (parsed.mounted_at,) if parsed.format == "triton" else ()
    print(getattr(export, f"to_{parsed.format}")(parsed.model, parsed.output, *more))


def serve(options: ServeOptions) -> None:
    from cnai_inference.http.server import run
    from cnai_inference.serving import build

    app, service = build(options)
    run(app, service, options)


if __name__ == "__main__":
    sys.exit(main())
