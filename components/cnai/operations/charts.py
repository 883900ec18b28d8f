"""Whether the places that charts come from answer."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import httpx2

from cnai.catalog import Source, catalog
from cnai.operations.findings import Finding, passed, unchecked, warned

LONGEST_S = 8
AT_ONCE = 16


def repositories(packages: Iterable[str]) -> dict[str, list[str]]:
    """Repository (of manifests: the archive) -> packages that come from it."""
    found: dict[str, list[str]] = {}
    for name in packages:
        package = catalog()[name]
        place = package.source.repository if isinstance(package.source, Source) else package.archive
        found.setdefault(place, []).append(name)
    return found


def asked_at(repository: str) -> str:
    """A registry answers at /v2/, if only that one has to log in; a plain repository has an index; an archive is it."""
    parts = urlsplit(repository)
    if any(repository == package.archive for package in catalog().values()):
        return repository
    return f"https://{parts.netloc}/v2/" if parts.scheme == "oci" else f"{repository.rstrip('/')}/index.yaml"


def chart_findings(packages: Iterable[str], transport: httpx2.BaseTransport | None = None) -> list[Finding]:
    """All repositories at once, each for a bounded time; `transport` answers in place of the network."""
    asked = repositories(packages)
    with (
        httpx2.Client(timeout=LONGEST_S, follow_redirects=True, transport=transport) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        return list(threads.map(partial(_finding, client), asked.keys(), asked.values()))


def _finding(client: httpx2.Client, repository: str, packages: list[str]) -> Finding:
    names, url = ", ".join(packages), asked_at(repository)
    try:
        status = client.head(url).status_code
    except httpx2.HTTPError as error:
        text = f"{url} does not answer from here: {' '.join(str(error).split()) or type(error).__name__}"
        return unchecked(
            "chart", names, text, "run preflight where `up` will run, or see to the way out (proxy, firewall)"
        )
    if status < 400 or (status == 401 and repository.startswith("oci://")):
        return passed("chart", names, f"{repository} answers")
    text = f"{url} answers with HTTP {status}"
    return warned("chart", names, text, "look whether the repository moved; `up` fails if the chart cannot be fetched")
