"""A baseline: today's violations, accepted, so that only new ones fail."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from cnai.errors import UserError
from cnai.policy.check import Report, Row

Key = tuple[str, str, str]
FIELDS = ("rule", "resource", "message")


def load(path: Path) -> frozenset[Key]:
    """Raises `UserError` where the file is not one that `write` has made."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = cast("list[dict[str, str]]", document["accepted"])
        return frozenset((row["rule"], row["resource"], row["message"]) for row in rows)
    except OSError as error:
        raise UserError(f"baseline {path}: {error.strerror}; `--write-baseline` writes one") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"baseline {path} was not written by `--write-baseline`: write it again") from None


def write(report: Report, path: Path) -> int:
    """Accepts what stands now; how many that are. A rule that crashed is never accepted."""
    keys = sorted({row.key for row in report.violations if not row.crashed})
    document = {"accepted": [dict(zip(FIELDS, key, strict=True)) for key in keys]}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return len(keys)


def applied(report: Report, accepted: frozenset[Key]) -> Report:
    """The report without what the baseline has."""
    old = [row for row in report.violations if _covered(row, accepted)]
    new = tuple(row for row in report.violations if not _covered(row, accepted))
    noted = tuple(replace(row, note="accepted in the baseline") for row in old)
    return replace(report, violations=new, excepted=report.excepted + noted)


def gone(report: Report, accepted: frozenset[Key]) -> int:
    """How many accepted ones are mended."""
    return len(accepted - {row.key for row in (*report.violations, *report.excepted)})


def _covered(row: Row, accepted: frozenset[Key]) -> bool:
    return not row.crashed and row.key in accepted
