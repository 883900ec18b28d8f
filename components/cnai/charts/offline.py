"""Remembers for a while which hosts did not answer, so that fifteen charts do not each wait for the same one."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cnai.files import write_atomically

MEMORY_S = 60
CONNECT_TIMEOUT_S = 2.0
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
PORTS = {"http": 80, "https": 443, "oci": 443}


def host_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)


def connects(host: str, port: int) -> str:
    """Why the host is unreachable, "" if it is reachable; behind a proxy only the proxy knows."""
    if any(os.environ.get(name) for name in PROXIES):
        return ""
    try:
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return f"{host} cannot be reached ({error.strerror or error})"
    return ""


class Offline:
    """A file shared by every process of this user; losing it costs some seconds, so it is never waited for."""

    def __init__(self, file: Path, probe: Callable[[str, int], str] = connects) -> None:
        self._file, self._probe = file, probe
        self._lock = threading.Lock()
        self._reached: set[str] = set()

    def why(self, url: str) -> str:
        """Why the repository is unavailable now, "" if it is worth trying."""
        host, port = host_of(url)
        place = f"{host}:{port}"
        with self._lock:  # one asks, the others get its answer
            if place in self._reached:
                return ""
            known = self._load()
            if place in known:
                return known[place][1]
            reason = self._probe(host, port)
            if reason:
                self._save(known | {place: (time.time(), reason)})
            else:
                self._reached.add(place)
            return reason

    def note(self, url: str, reason: str) -> None:
        """The host took the connection, but nothing came of it."""
        place = ":".join(map(str, host_of(url)))
        with self._lock:
            self._reached.discard(place)
            self._save(self._load() | {place: (time.time(), reason)})

    def _load(self) -> dict[str, tuple[float, str]]:
        try:
            found = json.loads(self._file.read_text())
            known = {str(host): (float(since), str(reason)) for host, (since, reason) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
        return {host: entry for host, entry in known.items() if 0 <= time.time() - entry[0] < MEMORY_S}

    def _save(self, known: dict[str, tuple[float, str]]) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, json.dumps(known))
        except OSError:
            # A read-only cache: every process asks for itself.
            return
