"""`python -m cnai.sandbox.cloud.moto --dir .cnai/<env> --port PORT`: moto's server for one sandbox.

A request that carries a seed gets ids that follow from it: so a restarted server, filled from the records again, has
everything under the same ids. One request at a time, since moto's models are not made for more.
"""

import argparse
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cnai.sandbox.controlplane.moto import MEMORY_BYTES, SEED_HEADER

Start = Callable[..., Any]
VARIABLE = f"HTTP_{SEED_HEADER.upper().replace('-', '_')}"


class Seeded:
    """moto's application, one request at a time, each with the ids that its seed gives."""

    def __init__(self, application: Any, randomness: Any) -> None:
        self._application = application
        self._randomness = randomness
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        with self._lock:
            if seed := environ.get(VARIABLE):
                self._randomness.seed(seed)
            return list(self._application(environ, start_response))


def main() -> int:
    parser = argparse.ArgumentParser(prog="cnai.sandbox.cloud.moto", description=__doc__)
    parser.add_argument("--dir", required=True, help="the environment's folder, .cnai/<env>")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    # The engine hands the environment's lock on to its plugins, and they to this, which would hold it for ever.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(0))
    from moto.moto_api._internal import mock_random
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Seeded(DomainDispatcherApplication(create_backend_app), mock_random)
    run_simple("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)
    return 0


if __name__ == "__main__":
    sys.exit(main())
