"""Where a chart comes from: a path, the cache, its repository; or the reason why it cannot be had."""

import re
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from cnai.charts.archive import BrokenChart, Chart, read
from cnai.charts.errors import ChartError
from cnai.charts.helm import Helm, HelmError
from cnai.charts.inputs import Source
from cnai.charts.kustomize.bundle import missing, package_at
from cnai.charts.offline import Offline

PULL_TIMEOUT_S = 60
NO_SUCH = re.compile(
    r"not found|404|no chart version|no chart name|manifest unknown|improper constraint", re.IGNORECASE
)
UNREACHABLE = re.compile(r"no such host|cannot be reached|dial tcp|timeout|refused|x509|proxy", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    path: Path
    chart: Chart


@dataclass(frozen=True)
class Missing:
    reason: str
    """Why the real chart cannot be had."""


class Charts:
    """The upper rungs of the ladder; one answer per chart and process."""

    def __init__(self, folder: Path, helm: Helm, offline: Offline) -> None:
        self._folder, self._helm, self._offline = folder, helm, offline
        self._answers: dict[Source, Found | Missing] = {}
        self._locks: dict[Source, threading.Lock] = {}
        self._lock = threading.Lock()

    def find(self, source: Source) -> Found | Missing:
        """Raises `ChartError` where the repository answers that there is no such chart or version."""
        with self._lock:
            lock = self._locks.setdefault(source, threading.Lock())
        with lock:
            if source not in self._answers:
                self._answers[source] = self._found(source)
            return self._answers[source]

    def _found(self, source: Source) -> Found | Missing:
        if local := self._local(source):
            return local
        if cached := self._cached(source):
            return cached
        if not source.url:
            return Missing(f"no repository is given for chart {source.chart}")
        if reason := self._offline.why(source.url):
            return Missing(reason)
        return self._pulled(source)

    def _local(self, source: Source) -> Found | Missing | None:
        """As upstream: a path counts where no repository is given; a folder only if it is a chart."""
        path = Path(source.chart)
        if source.repo or "://" in source.chart:
            return None
        if path.is_file() or (path / "Chart.yaml").is_file():
            try:
                return Found(path.absolute(), read(path))
            except BrokenChart as error:
                raise ChartError(f"chart: {error}") from error
        if package_at(source.chart):
            return Missing(missing(source.chart))
        if path.is_absolute() or source.chart.startswith("."):
            raise ChartError(f"chart: path {source.chart} not found (seen from {Path.cwd()})")
        return None

    def _cached(self, source: Source) -> Found | None:
        file = self._folder / source.file_name
        if not source.version or not file.is_file():
            return None
        try:
            return Found(file, read(file))
        except BrokenChart:
            # Half a file, or something else: as if it were not there; a pull replaces it.
            return None

    def _pulled(self, source: Source) -> Found | Missing:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder, prefix=".pull-") as staged:
                self._pull(source, Path(staged))
                return self._kept(source, next(Path(staged).glob("*.tgz")))
        except (OSError, StopIteration, BrokenChart) as error:
            return Missing(f"chart {source.chart} could not be stored in {self._folder}: {error}")
        except HelmError as error:
            if NO_SUCH.search(str(error)) and not UNREACHABLE.search(str(error)):
                raise ChartError(f"chart: {source}: {error}") from error
            reason = str(error).splitlines()[-1]
            self._offline.note(source.url, reason)
            return Missing(reason)

    def _pull(self, source: Source, into: Path) -> None:
        self._helm.run("pull", *source.pull_arguments, "--destination", str(into), timeout_s=PULL_TIMEOUT_S)

    def _kept(self, source: Source, pulled: Path) -> Found:
        chart = read(pulled)
        version = source.version or str(chart.metadata["version"])
        kept = self._folder / source.named(version)
        shutil.move(pulled, kept)
        return Found(kept, chart)
