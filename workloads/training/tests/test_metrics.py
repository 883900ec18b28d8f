"""What a step did reaches Katib, Prometheus and a collector, and the work it is measured by is counted right."""

import re
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from cnai_training import config, job, metrics, train
from cnai_training.data import Rows
from cnai_training.errors import TrainingError
from cnai_training.model import Llama, ModelConfig
from conftest import losses, tiny


def test_a_step_prints_what_katib_reads_and_prometheus_scrapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import urllib.request

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    record = metrics.Metrics(config.Metrics(prometheus_port=port), str(tmp_path), "train")
    record.record(3, {"loss": 2.5, "tokens_per_second": 12345678.0})
    # Katib's default filter, from its metrics collector.
    found = dict(re.findall(r"([\w|-]+)\s*=\s*([+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)", capsys.readouterr().out))
    assert {name: float(value) for name, value in found.items()} == {
        "step": 3,
        "loss": 2.5,
        "tokens_per_second": pytest.approx(12345678.0, rel=1e-5),
    }
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert 'cnai_training_loss{job="train"} 2.5' in answer.read().decode()
    with pytest.raises(TrainingError, match="cannot be opened"):
        metrics.Metrics(config.Metrics(prometheus_port=port), str(tmp_path), "train")
    record.close()


def test_a_step_goes_to_a_collector_where_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        record = metrics.Metrics(config.Metrics(), str(tmp_path), "train")
        record.record(1, {"loss": 2.5})
        record.close()
        server.shutdown()
    assert received[0][0] == "/v1/metrics"
    assert b"cnai_training_loss" in b"".join(body for _, body in received)


def test_flops_count_the_matrices_and_attention() -> None:
    model = Llama(ModelConfig(vocab_size=64, hidden_size=32, layers=2, heads=4, kv_heads=4))
    matrices = sum(p.numel() for n, p in model.named_parameters() if p.dim() > 1 and "embed" not in n)
    assert model.flops_per_token(0) == 6 * matrices
    assert model.flops_per_token(16) - model.flops_per_token(0) == 6 * 2 * 32 * 16


@pytest.mark.parametrize(
    ("device", "expected"), [("NVIDIA H100 80GB HBM3", 989.0), ("NVIDIA H100 PCIe", 756.0), ("Something new", 0.0)]
)
def test_a_devices_peak_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch, device: str, expected: float) -> None:
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: device)
    assert metrics.peak_tflops(config.Metrics(), torch.device("cuda")) == expected
    assert metrics.peak_tflops(config.Metrics(peak_tflops=3.0), torch.device("cuda")) == 3.0


def test_utilisation_is_the_share_of_the_given_peak(run: Path) -> None:
    given = tiny(run, metrics={"peak_tflops": 0.5}, train={"steps": 1})
    train.run(job.job("train", given))
    rows = Rows(str(run / "data/text/train"))
    model = Llama(job.model_config(job.job("train", given), rows))
    speed, share = (losses(run, name=name)[1] for name in ("tokens_per_second", "mfu"))
    assert share == pytest.approx(speed * model.flops_per_token(rows.context) / 0.5e12)
