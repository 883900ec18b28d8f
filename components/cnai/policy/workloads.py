"""Which kinds hold pod templates, and where in them (`workloads.toml`)."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from typing import Any

from cnai.policy import language, parsing
from cnai.policy.walking import walk

_DATA = File(__file__).with_name("workloads.toml")


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind."""

    kind: str
    """`apps/Deployment`, or `Pod` in the core group."""
    templates: tuple[language.Path, ...]
    subresources: tuple[str, ...] = ()
    """Those through which a pod template changes as well."""

    @property
    def group(self) -> str:
        return self.kind.rpartition("/")[0]

    @property
    def plain_kind(self) -> str:
        return self.kind.rpartition("/")[2]


@cache
def workloads() -> Mapping[str, Workload]:
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return {
        kind: Workload(kind, tuple(map(parsing.path, row["templates"])), tuple(row.get("subresources", ())))
        for kind, row in data.items()
    }


def templates(kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each pod template with a word for where it is (empty where there is only one place). One may be `Unknown`.

    Raises `walking.WrongType` where the object is not built like its kind.
    """
    found = workloads().get(kind)
    for path in found.templates if found else ():
        for step in walk(path, body):
            many = not path.single or (found is not None and len(found.templates) > 1)
            yield (_place(path, step.name) if many else ""), step.value


def _place(path: language.Path, name: str) -> str:
    """`replicatedJobs node`; a part of the path where no element has a name."""
    keys = [key for key in path.keys if key not in ("spec", "template")]
    return " ".join(part for part in (keys[-1] if keys else "", name) if part)
