"""One resource as data rules look at it: its pod templates and their items, found once for all rules."""

from typing import Any, TypeVar

from cnai.policy.language import Path
from cnai.policy.model import Resource
from cnai.policy.walking import Found, WrongType, walk
from cnai.policy.workloads import templates, workloads

T = TypeVar("T")
Subjects = list[tuple[str, Any]]
"""A word for the place (empty where there is only one), and the pod template or the object there."""


class View:
    """Remembers what it found, wrong types included."""

    __slots__ = ("_items", "_templates", "holds_pods", "resource")

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.holds_pods = resource.kind in workloads()
        self._templates: Subjects | WrongType | None = None
        self._items: dict[tuple[int, str], list[Found] | WrongType] = {}

    def subjects(self, pods: bool) -> Subjects:
        """The pod templates, or the object itself. Raises `WrongType`."""
        if not pods or not self.holds_pods:
            return [("", self.resource.body)]
        if self._templates is None:
            try:
                self._templates = list(templates(self.resource.kind, self.resource.body))
            except WrongType as wrong:
                self._templates = wrong
        return _or_raise(self._templates)

    def items(self, subject: Any, path: Path) -> list[Found]:
        """Every value at a path of a subject. Raises `WrongType`."""
        key = (id(subject), path.text)
        found = self._items.get(key)
        if found is None:
            try:
                found = list(walk(path, subject))
            except WrongType as wrong:
                found = wrong
            self._items[key] = found
        return _or_raise(found)


def _or_raise(found: T | WrongType) -> T:
    if isinstance(found, WrongType):
        raise found
    return found
