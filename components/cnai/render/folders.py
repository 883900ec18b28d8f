"""The user's own charts and kustomizations, from a folder."""

from pathlib import Path
from typing import Any

from cnai.charts.errors import ChartError
from cnai.charts.sources import of_directory
from cnai.render.charts import NotAtHand, Renderer


def chart(folder: Path, renderer: Renderer) -> list[dict[str, Any]]:
    """With the chart's own values. Raises `UserError`."""
    inputs = {"chart": str(folder.absolute()), "name": "release-name", "namespace": "default"}
    return renderer.release("release-name", inputs)


def kustomization(folder: Path) -> list[dict[str, Any]]:
    """Raises `UserError`."""
    try:
        return of_directory(str(folder))
    except ChartError as error:
        raise NotAtHand(error.message) from error
