"""The keys of `cnai:policies`: how strict the rules are here, and their exceptions with end dates."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictStr, WithJsonSchema

from cnai.clouds.settings import Settings

PolicyLevel = Literal["disabled", "advisory", "mandatory", "remediate"]
Word = Annotated[StrictStr, Field(min_length=1)]


def _pattern(value: str) -> str:
    if not re.search(r"[A-Za-z]{2}", value):
        raise ValueError("name the excepted resources, such as apps/DaemonSet/gpu-operator/nvidia-*, not everything")
    return value


def _day(given: Any) -> Any:
    """YAML parses 2027-01-31 as a date; the engine passes it as text."""
    if isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
        return date.fromisoformat(given)
    if isinstance(given, date):
        return given
    raise ValueError("give a date such as 2027-01-31")


class ExceptionSpec(Settings):
    """One exception to a rule."""

    rule: Word
    """The rule's id, as `cnai policy list` shows it."""
    resource: Annotated[Word, AfterValidator(_pattern)]
    """The excepted resource, as reports name it; `*` matches any text."""
    reason: Word
    """Why there is no other way."""
    owner: Word
    """Who is responsible for it."""
    expires: Annotated[
        date, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
    ]
    """The last day it applies; after that the check fails."""


class PoliciesSpec(Settings):
    """Policy as code (`policies/`): rules left out keep the level of their pack."""

    levels: dict[StrictStr, PolicyLevel] = Field(default_factory=dict)
    """Pack or rule -> disabled, advisory, mandatory or remediate; a rule's own level overrides its pack's."""
    exceptions: tuple[ExceptionSpec, ...] = ()
    """Exceptions to rules, each with a reason, an owner and an expiry date."""
    production: StrictBool = False
    """Whether production rules apply, such as images by digest and no single points of failure."""
    queues: StrictBool = False
    """Whether GPU jobs are queued here (Kueue, KAI, Volcano): only then must a GPU pod name a queue."""
    registries: tuple[Word, ...] = ()
    """Registries that images may come from, such as nvcr.io; any if left out."""
    budget_usd_per_hour: Annotated[int, Field(strict=True, ge=0)] | None = None
    """What all pools at their `max` may cost together; no limit if left out."""
