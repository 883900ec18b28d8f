"""Asking the API server whether it is ready; the standard library only, so that asking costs no imports."""

import contextlib
import http.client
import ssl
from pathlib import Path

TIMEOUT_S = 2.0


def answers(port: int, pki: Path, path: str = "/readyz") -> bool:
    """Whether the API server on this loopback port serves `path` to the administrator."""
    try:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    except (OSError, ssl.SSLError):
        return False
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=context)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
