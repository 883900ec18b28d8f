"""Finds or makes every tool: PATH, the cache, the official release, upstream's image, then a build from Go modules."""

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

from cnai.errors import FailedError, UserError
from cnai.paths import cache_dir
from cnai.toolchain.build import Build
from cnai.toolchain.cache import Slot, locked, writable
from cnai.toolchain.fetching import Way, ways
from cnai.toolchain.golang import Go, find_go
from cnai.toolchain.leash import Leash
from cnai.toolchain.on_path import found_on_path
from cnai.toolchain.progress import Reporter, elapsed, listed, one_at_a_time, record_time
from cnai.toolchain.reach import Reach, Refused
from cnai.toolchain.repoint import repoint
from cnai.toolchain.sources import Source, Tool, tools
from cnai.toolchain.versions import Host, Range
from cnai.toolchain.wheel import kubectl, kubectl_version

Origin = Literal["path", "cache", "download", "image", "build", "wheel"]
KUBECTL = "kubectl"
REACH = Reach()


@dataclass(frozen=True)
class ResolvedTool:
    name: str
    path: Path
    version: str
    origin: Origin
    share: Path | None
    """CRDs, webhook configurations and so on that belong to the tool, one folder each."""


@dataclass(frozen=True)
class Failure:
    """A tool that could not be made, and why."""

    name: str
    error: UserError


def ensure(names: Iterable[str], report: Reporter) -> dict[str, ResolvedTool]:
    """Every named tool, made if need be; raises `UserError` (with the log's path where a build failed)."""
    return Toolchain(cache_dir(), Host.current(), one_at_a_time(report)).ensure(names)


def tool_names(tier: str | None = None) -> tuple[str, ...]:
    """All, or those of a tier of tests ("": the base set)."""
    if tier is None:
        return (*tools(), KUBECTL)
    return tuple(name for name, tool in tools().items() if tool.source.tier == tier)


def missing(names: Iterable[str]) -> list[str]:
    """Those that would have to be made."""
    chain = Toolchain(cache_dir(), Host.current(), lambda _: None)
    return [name for name in names if chain.at_hand(name) is None]


@dataclass(frozen=True)
class Toolchain:
    cache: Path
    host: Host
    report: Reporter
    reach: Reach = field(default_factory=lambda: REACH)
    known: Mapping[str, Tool] = field(default_factory=tools)
    leash: Leash = field(default_factory=Leash, repr=False)
    _times: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ensure(self, names: Iterable[str]) -> dict[str, ResolvedTool]:
        wanted = list(names)
        found: dict[str, ResolvedTool] = {}
        for tool in self.each(wanted):
            if isinstance(tool, Failure):
                raise tool.error
            found[tool.name] = tool
        return {name: found[name] for name in wanted}

    def each(self, names: Iterable[str]) -> Iterator[ResolvedTool | Failure]:
        """Each as soon as it is there: first what is at hand, then what is fetched, then what has to be built."""
        wanted = list(dict.fromkeys(names))
        if unknown := [name for name in wanted if name not in (*self.known, KUBECTL)]:
            raise ValueError(f"no tool {listed(unknown)}: there are {listed((*self.known, KUBECTL))}")
        missing: list[Tool] = []
        for name in wanted:
            if found := self.at_hand(name):
                yield found
            else:
                missing.append(self.known[name])
        fetched: set[str] = set()
        for tool in self._fetched(missing) if missing else ():
            fetched.add(tool.name)
            yield tool
        yield from self._build([tool for tool in missing if tool.name not in fetched])

    def at_hand(self, name: str) -> ResolvedTool | None:
        """From a wheel, PATH or the cache, without making anything."""
        if name == KUBECTL:
            return ResolvedTool(name, kubectl(), kubectl_version(), "wheel", None)
        tool = self.known[name]
        if on_path := found_on_path(name, tool.source.probe, tool.source.on_path):
            return ResolvedTool(name, on_path.path, on_path.version, "path", None)
        return None if self.slot(tool).flaw() else self._held(tool, "cache")

    def slot(self, tool: Tool) -> Slot:
        share = tuple(share.into for share in tool.source.share)
        return Slot(self.root / tool.name, tool.source.edition, str(self.host), tool.name, share)

    @property
    def root(self) -> Path:
        return self.cache / "tools"

    @property
    def logs(self) -> Path:
        return self.cache / "logs"

    def _held(self, tool: Tool, origin: Origin) -> ResolvedTool:
        slot = self.slot(tool)
        share = slot.folder / "share" if slot.share else None
        return ResolvedTool(tool.name, slot.path, slot.version, origin, share)

    def _fetched(self, missing: Sequence[Tool]) -> Iterator[ResolvedTool]:
        offered = {tool: ways(tool, self.host) for tool in missing}
        self.reach.look(url for found in offered.values() for way in found for url in way.urls)
        if untold := self.reach.untold():
            self.report(f"out of reach: {listed(untold)}; what would come from there is built from Go modules instead")
        with ThreadPoolExecutor(4) as pool:
            yield from filter(None, pool.map(self._fetch, offered, offered.values()))

    def _fetch(self, tool: Tool, offered: Sequence[Way]) -> ResolvedTool | None:
        """By the first of the ways that leads there."""
        open_ways = [way for way in offered if all(self.reach.has(url) for url in way.urls)]
        if not open_ways:
            return None
        with self._locked([tool]) as (still, _):
            if not still:
                return self._held(tool, "cache")
            return next(filter(None, (self._fetched_by(way, tool) for way in open_ways)), None)

    def _fetched_by(self, way: Way, tool: Tool) -> ResolvedTool | None:
        slot, start = self.slot(tool), time.monotonic()
        self.report(f"{tool.name} {slot.version}: {way.step}")
        with slot.staging() as staged:
            try:
                source = way.fetch(staged, self.report)
                repoint(staged / tool.name, tool.source.repointed, self.host)
            except (Refused, FailedError) as refusal:
                self.report(f"{tool.name}: {refusal}; not used")
                return None
            slot.put(staged, way.origin, source)
        self._took([tool], way.origin, start)
        return self._held(tool, way.origin)

    def _build(self, missing: Sequence[Tool]) -> Iterator[ResolvedTool | Failure]:
        for _, group in groupby(missing, key=lambda tool: tool.source.name):
            tools_of_one = list(group)
            try:
                yield from self._built(tools_of_one)
            except UserError as error:
                yield from (Failure(tool.name, error) for tool in tools_of_one)

    def _built(self, group: Sequence[Tool]) -> list[ResolvedTool]:
        if not all(tool.name in group[0].source.packages for tool in group):
            raise FailedError(
                f"{listed(tool.name for tool in group)} only comes out of upstream's image, which cannot be had from "
                "here: run once with a connection to its registry"
            )
        with self._locked(group) as (still, descriptors):
            if still:
                self._build_from_modules(still, descriptors)
        return [self._held(tool, "build" if tool in still else "cache") for tool in group]

    def _build_from_modules(self, group: Sequence[Tool], descriptors: tuple[int, ...]) -> None:
        source, go, start = group[0].source, self._go(group), time.monotonic()
        names = listed(tool.name for tool in group)
        self.report(
            f"{names} {source.version}: building with Go {go.version} (about {source.minutes:g} min from nothing)"
        )
        build = Build(
            source=source,
            tools=group,
            go=go,
            host=self.host,
            log=self._log(source),
            report=self.report,
            leash=self.leash,
            descriptors=descriptors,
        )
        with ExitStack() as stack:
            stagings = [stack.enter_context(self.slot(tool).staging()) for tool in group]
            build.into(stagings[0])
            for tool, staged in zip(group[1:], stagings[1:], strict=True):
                (stagings[0] / tool.name).rename(staged / tool.name)
            for tool, staged in zip(group, stagings, strict=True):
                build.share_into(staged)
                with writable(staged):
                    repoint(staged / tool.name, source.repointed, self.host)
                    self.slot(tool).put(staged, "build")
        self._took(group, "build", start)

    def _go(self, group: Sequence[Tool]) -> Go:
        try:
            return find_go(self.root, self.host, self.report, Range(group[0].source.go))
        except UserError as error:
            names = listed(tool.name for tool in group)
            raise FailedError(
                f"{names} can be neither downloaded nor built: {error}; install Go from your system's packages, "
                "or run once with a connection"
            ) from error

    @contextmanager
    def _locked(self, group: Sequence[Tool]) -> Generator[tuple[list[Tool], tuple[int, ...]]]:
        """Holds the locks of `group`; gives what is still missing then, and the locks' descriptors."""
        with ExitStack() as stack:
            # In one order everywhere, so that two processes never wait for each other.
            names = sorted(tool.name for tool in group)
            descriptors = tuple(stack.enter_context(locked(self.root / name, self.report)) for name in names)
            flaws = {tool: self.slot(tool).flaw() for tool in group}
            for tool, flaw in flaws.items():
                if flaw and self.slot(tool).folder.exists():
                    self.report(f"{tool.name}: damaged in the cache ({flaw}), getting it anew")
            yield [tool for tool, flaw in flaws.items() if flaw], descriptors

    def _log(self, source: Source) -> Path:
        with writable(self.logs):
            self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"build-{source.name}-{source.version}.log"

    def _took(self, group: Sequence[Tool], origin: str, start: float) -> None:
        seconds = time.monotonic() - start
        names = [tool.name for tool in group]
        self.report(f"{listed(names)}: done in {elapsed(seconds)} ({origin})")
        with self._times:
            self.logs.mkdir(parents=True, exist_ok=True)
            record_time(self.logs / "toolchain-times.json", names, origin, seconds)
