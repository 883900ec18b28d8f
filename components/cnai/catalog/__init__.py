"""WHICH version: every upstream package, its base values, and the one way to install it."""

from cnai.catalog.loading import catalog as catalog
from cnai.catalog.loading import crds_at as crds_at
from cnai.catalog.merging import layered as layered
from cnai.catalog.merging import merged as merged
from cnai.catalog.package import ChartException as ChartException
from cnai.catalog.package import Crd as Crd
from cnai.catalog.package import CrdFile as CrdFile
from cnai.catalog.package import Health as Health
from cnai.catalog.package import ManifestsSource as ManifestsSource
from cnai.catalog.package import Package as Package
from cnai.catalog.package import Port as Port
from cnai.catalog.package import Provides as Provides
from cnai.catalog.package import Service as Service
from cnai.catalog.package import Source as Source
from cnai.catalog.package import Tree as Tree
from cnai.catalog.package import Workload as Workload
