"""Digests of images, from their registries where these are in reach."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cnai.charts.offline import Offline
from cnai.toolchain.registry import Registry, RegistryError, Repository

HUB = "docker.io"


@dataclass
class Digests:
    offline: Offline
    report: Callable[[str], None] = lambda _: None
    """Told once of each registry that gives none."""
    known: frozenset[str] = frozenset()
    """References with digests that were found before: they stay where a registry is out of reach."""
    silent: set[str] = field(default_factory=set[str])
    """Hosts that were reported."""

    def __call__(self, image: str) -> str:
        """`name:tag@sha256:…`; as it came where nobody knows its digest."""
        name, tag = split(image)
        if "@" in image or not tag:
            return image
        repository = Repository.of(name)
        try:
            if reason := self._unreached(repository):
                raise RegistryError(reason)
            with Registry(repository) as registry:
                return f"{image}@{registry.manifest(tag)[0]}"
        except RegistryError as error:
            if repository.host not in self.silent:
                self.silent.add(repository.host)
                self.report(f"no digests from {repository.host}: {error}")
        return next((each for each in self.known if each.partition("@")[0] == image), image)

    def _unreached(self, repository: Repository) -> str:
        return self.offline.why(repository.root)


def split(image: str) -> tuple[str, str]:
    """Name and tag; the name with its registry, which is Docker Hub's where it says none."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    short, _, tag = last.partition(":")
    name = f"{head}{slash}{short}"
    first = name.partition("/")[0]
    return name if "." in first or ":" in first or first == "localhost" else f"{HUB}/{name}", tag
