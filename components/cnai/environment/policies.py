"""The words of `cnai:policies`: how strict the rules are here, and what they overlook until when."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictStr, WithJsonSchema

from cnai.clouds.settings import Settings

PolicyLevel = Literal["disabled", "advisory", "mandatory", "remediate"]
Word = Annotated[StrictStr, Field(min_length=1)]


def _pattern(value: str) -> str:
    if not re.search(r"[A-Za-z]{2}", value):
        raise ValueError("name what is excepted, as in apps/DaemonSet/gpu-operator/nvidia-*, and not everything")
    return value


def _day(given: Any) -> Any:
    """YAML reads 2027-01-31 as a date by itself; the engine hands it over as text."""
    if isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
        return date.fromisoformat(given)
    if isinstance(given, date):
        return given
    raise ValueError("give a day as 2027-01-31")


class ExceptionSpec(Settings):
    """One thing that a rule overlooks."""

    rule: Word
    """The rule's id, as `cnai policy list` shows it."""
    resource: Annotated[Word, AfterValidator(_pattern)]
    """What is excepted, as reports name it; `*` stands for any text."""
    reason: Word
    """Why there is no other way."""
    owner: Word
    """Who answers for it."""
    expires: Annotated[
        date, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
    ]
    """The last day that it holds; after it the check fails."""


class PoliciesSpec(Settings):
    """Policy as code (`policies/`): what is left out keeps the level of its pack."""

    levels: dict[StrictStr, PolicyLevel] = Field(default_factory=dict)
    """Pack or rule -> disabled, advisory, mandatory or remediate; a rule's own level goes before its pack's."""
    exceptions: tuple[ExceptionSpec, ...] = ()
    """What rules overlook, each with its reason, its owner and an end."""
    production: StrictBool = False
    """Whether rules for production hold, such as images by digest and no single points of failure."""
    queues: StrictBool = False
    """Whether GPU jobs wait in queues here (Kueue, KAI, Volcano): only then a GPU pod has to name one."""
    registries: tuple[Word, ...] = ()
    """Registries that images may come from, such as nvcr.io; any where it is left out."""
    budget_usd_per_hour: Annotated[int, Field(strict=True, ge=0)] | None = None
    """What all pools at their `max` may cost together; any price where it is left out."""
