"""Small charts, written by the tests that look into them."""

import io
import tarfile
from collections.abc import Mapping

from cnai.charts.archive import Chart


def chart(values: str = "", *templates: str, **files: str) -> Chart:
    """`files`: by path, dots as `__` and slashes as `___`, such as `values__schema__json`."""
    more = {name.replace("___", "/").replace("__", "."): text for name, text in files.items()}
    named = {f"templates/{number}.yaml": text for number, text in enumerate(templates)}
    whole = {"Chart.yaml": "name: small\nversion: 1.0.0\n", "values.yaml": values} | named | more
    return Chart({name: text.encode() for name, text in whole.items()})


def archive(files: Mapping[str, bytes], folder: str = "small") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
