"""WHICH version: every upstream package, its base values, and the one way to install it."""

from cnai.catalog.loading import catalog as catalog
from cnai.catalog.loading import crds_at as crds_at
from cnai.catalog.lock import Crd as Crd
from cnai.catalog.lock import Lock as Lock
from cnai.catalog.lock import Port as Port
from cnai.catalog.lock import Service as Service
from cnai.catalog.lock import Workload as Workload
from cnai.catalog.merging import layered as layered
from cnai.catalog.merging import merged as merged
from cnai.catalog.package import ChartException as ChartException
from cnai.catalog.package import CrdFile as CrdFile
from cnai.catalog.package import Health as Health
from cnai.catalog.package import ManifestsSource as ManifestsSource
from cnai.catalog.package import Package as Package
from cnai.catalog.package import Source as Source
from cnai.catalog.package import Tree as Tree
