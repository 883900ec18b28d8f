"""What the catalog knows of one upstream package."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Tag

from cnai.catalog.lock import Lock

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where upstream publishes a package."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    chart: str
    """The chart's name in its repository."""
    repository: str
    """`https://…` (an index) or `oci://…`."""
    project: str
    """GitHub `owner/name` that the chart comes from."""

    @property
    def is_oci(self) -> bool:
        return self.repository.startswith("oci://")


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A folder of a GitHub repository at one ref. A ref can be moved, so what is in the folder is pinned too."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    project: str
    """GitHub `owner/name`."""
    ref: str
    """A tag or a commit."""
    folder: str
    """All that is kept of the repository."""
    checksum: str
    """`sha256:…` of the lines `<sha256 of a file>  <its path in the repository>`, sorted by path."""
    archive: str = "https://codeload.github.com/{project}/tar.gz/{ref}"
    """Where the repository lies as a gzipped tar, everything in it below one folder."""

    @property
    def url(self) -> str:
        return self.archive.format(project=self.project, ref=self.ref)

    def __str__(self) -> str:
        return f"{self.folder} of {self.project} at {self.ref}"


@dataclass(frozen=True, kw_only=True)
class ManifestsSource:
    """Where upstream keeps the kustomizations, or plain files, of a package that has no chart."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    project: str
    """GitHub `owner/name`."""
    folder: str
    """All that is kept of the repository: the kustomizations may refer to nothing outside."""
    checksum: str
    """Of the folder's content, as `Tree` says."""
    paths: tuple[str, ...]
    """Kustomizations and files that are installed, by their paths in the repository."""
    ref: str = "{version}"
    """A tag or a commit; `{version}` is the package's."""
    bases: tuple[Tree, ...] = ()
    """Other repositories that the kustomizations refer to by address: they are read from here instead."""
    archive: str = Tree.archive

    def tree(self, version: str) -> Tree:
        return Tree(
            project=self.project,
            ref=self.ref.replace("{version}", version),
            folder=self.folder,
            checksum=self.checksum,
            archive=self.archive,
        )


@dataclass(frozen=True, kw_only=True)
class Health:
    """How upstream is doing, and when somebody last looked."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    status: Literal["maintained", "deprecated", "end-of-life"]
    seen: date
    instead: str = ""
    """The package to use instead; required unless `maintained`."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CrdFile:
    """A file of CRDs that upstream publishes."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    url: str
    """`{version}` is the package's."""
    crds: tuple[str, ...]
    """Names of the CRDs in it, all of them in the package's lock."""


@dataclass(frozen=True, kw_only=True)
class ChartException:
    """A policy rule that some object of the chart cannot keep."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    rule: str
    """The rule's id, as `cnai policy list` shows it."""
    resource: str
    """What is excepted, as reports name it; `*` stands for any text."""
    reason: str
    """Why no value of the chart helps."""
    owner: str
    expires: date
    """The last day that it holds, so that somebody looks again."""


def _kind_of(source: Any) -> str:
    """Decides which fields an error speaks of."""
    given: set[str] = set(source) if isinstance(source, dict) else set()
    manifests = isinstance(source, ManifestsSource) or given & {"folder", "paths", "checksum", "ref", "bases"}
    return "manifests" if manifests else "helm"


@dataclass(frozen=True, kw_only=True)
class Package:
    """One table of a `package.toml`, with its base values."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    home: str
    """Folder below `cnai`, or a third party's module, that owns it: `scheduling/kueue`."""
    kind: Literal["helm", "manifests"]
    source: Annotated[
        Annotated[Source, Tag("helm")] | Annotated[ManifestsSource, Tag("manifests")], Discriminator(_kind_of)
    ]
    """As `kind` says."""
    version: str
    namespace: str
    release: str = ""
    """Name of the Helm release: the package's own unless given."""
    needs: tuple[str, ...] = ()
    """Packages that must be installed first."""
    licence: str
    """SPDX expression."""
    health: Health
    licence_reason: str = ""
    """Why it may be used all the same, where its licence is not one that anybody may use."""
    crd_files: tuple[CrdFile, ...] = ()
    """CRDs that Helm would install once and never upgrade or delete: they are resources of their own."""
    controller: str = ""
    """Tool of the sandbox that really runs this package's controller."""
    pod_security: Literal["privileged", "baseline", "restricted"] = "baseline"
    """Pod Security Standard that its namespace enforces."""
    critical_pods: bool = False
    """Whether its pods have a `system-*-critical` priority class, which needs a ResourceQuota on GKE."""
    timeout_s: int = 300
    """How long an install or upgrade may take."""
    note: str = ""
    """What bites."""
    runtimes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Training runtimes of ours -> their image."""
    more_images: tuple[str, ...] = ()
    """Images that no rendered object names, since a webhook or an operator puts them together; `{version}` is ours."""
    lock: Lock = field(default_factory=Lock)
    """What its chart renders, from the `lock.yaml` beside."""
    exceptions: tuple[ChartException, ...] = ()
    """What the policies overlook in what the chart renders, since upstream leaves no choice."""
    base_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is the same on every cluster: the package's part of the `values.yaml` beside."""

    def __post_init__(self) -> None:
        if isinstance(self.source, Source) != (self.kind == "helm"):
            fields = "chart, repository, project" if self.kind == "helm" else "project, folder, checksum, paths"
            raise ValueError(f"a package of kind {self.kind} has a source with {fields}")

    @property
    def chart(self) -> str:
        """The chart's name; of manifests, the package's: they are installed as a chart of that name."""
        return self.source.chart if isinstance(self.source, Source) else self.name

    @property
    def archive(self) -> str:
        """Where manifests are fetched from, "" for a chart."""
        return "" if isinstance(self.source, Source) else self.source.tree(self.version).url

    @property
    def release_name(self) -> str:
        return self.release or self.name

    @property
    def images(self) -> tuple[str, ...]:
        """What nodes pull, with our values, and what its operators may have them pull."""
        more = (image.replace("{version}", self.version) for image in self.more_images)
        return tuple(sorted({*self.lock.images, *more}))

    @property
    def crd_urls(self) -> tuple[str, ...]:
        return tuple(file.url.replace("{version}", self.version) for file in self.crd_files)
