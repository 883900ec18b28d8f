"""Which judge an object has: the one that its program asks for, else its kind's."""

from typing import Any, cast

from cnai.readiness import SKIP_AWAIT, WAIT_FOR
from cnai.sandbox.provider.awaits import wait_for
from cnai.sandbox.provider.awaits.verdicts import Judge, Object, judge_of


def judge_for(obj: Object) -> Judge | None:
    """None where the object is not waited for. `waitFor` takes the place of what is built in, as upstream."""
    annotations = annotations_of(obj)
    if annotations.get(SKIP_AWAIT) == "true":
        return None
    if asked := annotations.get(WAIT_FOR):
        return wait_for.judge(asked)
    return judge_of(obj["apiVersion"], obj["kind"])


def annotations_of(obj: Object) -> dict[str, Any]:
    found = (obj.get("metadata") or {}).get("annotations")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
