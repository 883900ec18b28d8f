"""Which hosts that tools come from are in reach: asked once per host and run, all at the same time."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterable
from http.client import HTTPException
from urllib.parse import urlsplit

UNREACHED = (OSError, HTTPException, ValueError)
"""What urllib raises when a server cannot be had; URLError and time-outs are OSErrors."""
UNAUTHORIZED = 401
"""How registries greet who has no token yet."""


class Refused(Exception):
    """A source that could not be had or is not to be trusted; another one is tried."""


class Reach:
    def __init__(self, connect_s: float = 3.0) -> None:
        self._connect_s = connect_s
        self._reached: dict[str, bool] = {}
        self._told: set[str] = set()

    def look(self, urls: Iterable[str]) -> None:
        """Asks the hosts that were not asked yet."""
        new = {_host_of(url): url for url in urls if _host_of(url) not in self._reached}
        # Threads, since resolving a name knows no time-out: one that hangs is left behind and dies with the process.
        threads = [threading.Thread(target=self._ask, args=pair, daemon=True) for pair in new.items()]
        self._reached.update(dict.fromkeys(new, False))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self._connect_s + 1)

    def has(self, url: str) -> bool:
        """Whether its host answered; False where it was not asked."""
        return self._reached.get(_host_of(url), False)

    def untold(self) -> list[str]:
        """Hosts that are out of reach, each given once."""
        missing = sorted(name for name, reached in self._reached.items() if not reached and name not in self._told)
        self._told.update(missing)
        return missing

    def _ask(self, host: str, url: str) -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=self._connect_s).close()
        except urllib.error.HTTPError as error:
            self._reached[host] = error.code == UNAUTHORIZED
        except UNREACHED:
            return
        else:
            self._reached[host] = True


def _host_of(url: str) -> str:
    return urlsplit(url).netloc
