"""Finds or makes every tool: PATH, then the cache, then the official release, then a build from Go modules."""

import threading
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
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
from cnai.toolchain.download import Refused, Releases, fetch
from cnai.toolchain.golang import Go, find_go
from cnai.toolchain.on_path import found_on_path
from cnai.toolchain.progress import Reporter, elapsed, listed, one_at_a_time, record_time
from cnai.toolchain.sources import Host, Range, Source, Tool, tools
from cnai.toolchain.wheel import kubectl, kubectl_version

Origin = Literal["path", "cache", "download", "build", "wheel"]
KUBECTL = "kubectl"
RELEASES = Releases()


@dataclass(frozen=True)
class ResolvedTool:
    name: str
    path: Path
    version: str
    origin: Origin
    share: Path | None
    """CRDs, webhook configurations and so on that belong to the tool, one folder each."""


def ensure(names: Iterable[str], report: Reporter) -> dict[str, ResolvedTool]:
    """Every named tool, made if need be; raises `UserError` (with the log's path where a build failed)."""
    return Toolchain(cache_dir(), Host.current(), one_at_a_time(report)).ensure(names)


def tool_names() -> tuple[str, ...]:
    return (*tools(), KUBECTL)


@dataclass(frozen=True)
class Toolchain:
    cache: Path
    host: Host
    report: Reporter
    releases: Releases = field(default_factory=lambda: RELEASES)
    known: Mapping[str, Tool] = field(default_factory=tools)
    _times: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ensure(self, names: Iterable[str]) -> dict[str, ResolvedTool]:
        wanted = list(dict.fromkeys(names))
        if unknown := [name for name in wanted if name not in (*self.known, KUBECTL)]:
            raise ValueError(f"no tool {listed(unknown)}: there are {listed((*self.known, KUBECTL))}")
        found = {name: self.at_hand(name) for name in wanted}
        missing = [self.known[name] for name, tool in found.items() if tool is None]
        made = self._download(missing) if missing else {}
        made |= self._build([tool for tool in missing if tool.name not in made])
        return {name: found[name] or made[name] for name in wanted}

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

    def _download(self, missing: Sequence[Tool]) -> dict[str, ResolvedTool]:
        offered, note = self.releases.offered(missing, self.host)
        if note:
            self.report(note)
        with ThreadPoolExecutor(4) as pool:
            done = [tool for tool in pool.map(self._downloaded, offered) if tool]
        return {tool.name: tool for tool in done}

    def _downloaded(self, tool: Tool) -> ResolvedTool | None:
        with self._locked([tool]) as (still, _):
            if not still:
                return self._held(tool, "cache")
            slot, start = self.slot(tool), time.monotonic()
            self.report(f"{tool.name} {slot.version}: downloading the release")
            with slot.staging() as staged:
                try:
                    fetch(tool, self.host, staged)
                except Refused as refusal:
                    self.report(f"{tool.name}: {refusal}; not used, its Go module is built instead")
                    return None
                slot.put(staged, "download")
            self._took([tool], "download", start)
            return self._held(tool, "download")

    def _build(self, missing: Sequence[Tool]) -> dict[str, ResolvedTool]:
        made: dict[str, ResolvedTool] = {}
        for _, group in groupby(missing, key=lambda tool: tool.source.name):
            made |= self._built(list(group))
        return made

    def _built(self, group: Sequence[Tool]) -> dict[str, ResolvedTool]:
        with self._locked(group) as (still, descriptors):
            if still:
                self._build_from_modules(still, descriptors)
        return {tool.name: self._held(tool, "build" if tool in still else "cache") for tool in group}

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
