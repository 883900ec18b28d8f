"""The benchmark's data is what the loop reads."""

import importlib.util
import sys
from pathlib import Path

from cnai_training.data import Rows

BENCHMARK = Path(__file__).parents[3] / "benchmarks/training.py"


def test_the_benchmarks_rows_hold_its_stream(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("benchmark_of_training", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = benchmark
    spec.loader.exec_module(benchmark)
    stream = benchmark.prepared(tmp_path, 4)
    rows = Rows(str(tmp_path / "data/text/train"))
    assert rows.rows == 4
    assert rows.batch([0])["tokens"][0, :-1].tolist() == stream[: benchmark.CONTEXT].tolist()
