"""A package's lock, made from its real chart."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnai.catalog import Package
from cnai.catalog.keys import ignored, written
from cnai.catalog.lock import Lock
from cnai.charts import documents
from cnai.charts.archive import Chart
from cnai.charts.finding import Charts, Missing
from cnai.charts.helm import Helm
from cnai.charts.inputs import source_of
from cnai.charts.kustomize.building import manifests_of, rendered
from cnai.errors import FailedError, UserError
from cnai.locking import facts
from cnai.locking.chart_keys import chart_keys
from cnai.locking.contents import contents, digest, digest_of
from cnai.locking.images import images

RENDER_S = 300
OTHER = "-x"
"""Behind a release's name: what of the objects' names changes with it, comes from it."""
Object = dict[str, Any]


@dataclass
class Locker:
    charts: Charts
    helm: Helm
    kubernetes: str
    """Version that charts are told to render for, as `1.36`."""
    digests: Callable[[str], str] = lambda image: image
    """An image with its digest, where that can be had."""

    def lock(self, package: Package, release: Mapping[str, Any]) -> Lock:
        """`release` are the inputs of the package's Release. Raises `FailedError` where its chart cannot be had, and
        where it would ignore a value that we set."""
        if package.kind == "manifests":
            return self._of_manifests(package, given_to(package, release))
        found = self.charts.find(source_of(release))
        if isinstance(found, Missing):
            raise FailedError(
                f"{package.name}: its chart cannot be had ({found.reason}): fill the cache with `cnai catalog pull` "
                "where there is internet, or put the archive there"
            )
        files, values = contents(found.path), dict(given_to(package, release))
        known = chart_keys(Chart(files))
        if unread := ignored(values, known):
            lines = "\n".join(f"  {each}" for each in unread)
            raise FailedError(f"{package.name}: the chart would ignore values that we set:\n{lines}")
        objects = self._rendered(package, found.path, values, package.release_name)
        others = self._rendered(package, found.path, values, package.release_name + OTHER)
        names = facts.Names.of(objects, others, package.release_name, package.release_name + OTHER)
        apart = {crd["metadata"]["name"] for crd in Chart(files).crds(values)}
        made = self._facts(package, objects, names, apart)
        return replace(
            made, chart=digest(files), values=digest_of(values), sets=written(_shape(values)), keys=written(known)
        )

    def _of_manifests(self, package: Package, kustomization: Mapping[str, Any]) -> Lock:
        """Their names are upstream's, whatever the release is called; CRDs lie beside, and there are no values."""
        try:
            objects = rendered(package, kustomization)
        except UserError as error:
            raise FailedError(f"{package.name}: {error}") from error
        apart = {each["metadata"]["name"] for each in objects}
        made = self._facts(package, objects, facts.Names(package.release_name, frozenset()), apart)
        return replace(made, chart=manifests_of(package).checksum, values=digest_of(kustomization))

    def _facts(self, package: Package, objects: list[Object], names: facts.Names, apart: Collection[str]) -> Lock:
        """`apart`: names of CRDs that Helm would install once and leave alone."""
        own = [each for each in objects if _at_home(each, package.namespace)]
        return Lock(
            version=package.version,
            images=tuple(self.digests(image) for image in images(objects)),
            crds=facts.crds(objects, apart),
            workloads=facts.workloads(own, names),
            services=facts.services(own, names),
        )

    def _rendered(self, package: Package, chart: Path, values: Mapping[str, Any], release: str) -> list[Object]:
        flags = ("--namespace", package.namespace, "--skip-tests", "--include-crds", "--kube-version", self.kubernetes)
        text = self.helm.run("template", release, str(chart), *flags, timeout_s=RENDER_S, values=values)
        return documents.load(text)


def given_to(package: Package, release: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a Release says of its package: values of a chart, a kustomization on top of manifests."""
    values = release.get("values") or {}
    return values if package.kind == "helm" else values.get("kustomization") or {}


def _at_home(obj: Object, namespace: str) -> bool:
    """Some charts put a Service beside a cluster's own programs, such as CoreDNS."""
    return obj["metadata"].get("namespace") in (None, namespace)


def _shape(values: Mapping[str, Any]) -> Any:
    """Values as keys alone."""
    return {
        key: _shape(value) if isinstance(value, dict) and value else "list" if isinstance(value, list) else "value"
        for key, value in values.items()
    }
