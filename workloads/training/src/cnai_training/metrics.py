"""What a step did: on stdout as Katib reads it, in a file, to Prometheus and to OTLP."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from cnai_training import config, storage
from cnai_training.errors import TrainingError

# Dense bf16 peak of one device in TFLOP/s, from NVIDIA's data sheets; the first name found in the device's counts.
PEAK_TFLOPS = {
    "H200": 989,
    "H100 PCIe": 756,
    "H100": 989,
    "B200": 2250,
    "A100": 312,
    "L40S": 362,
    "L4": 121,
    "A10": 125,
}
PREFIX = "cnai_training_"


def peak_tflops(given: config.Metrics, device: torch.device) -> float:
    """0 where it is not known."""
    if given.peak_tflops or device.type != "cuda":
        return given.peak_tflops
    name = torch.cuda.get_device_name(device)
    return next((float(peak) for part, peak in PEAK_TFLOPS.items() if part in name), 0.0)


class Metrics:
    """Rank 0's record of the run; the other ranks have none."""

    def __init__(self, given: config.Metrics, run: str, job: str) -> None:
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        self._job = job
        self._otlp = otlp(job)
        self._file = None
        if storage.is_local(run):
            path = Path(run.removeprefix("file://")) / "metrics.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        if given.prometheus_port:
            try:
                start_http_server(given.prometheus_port, given.prometheus_address, registry=self._registry)
            except OSError as error:
                raise TrainingError(
                    f"metrics.prometheus_port {given.prometheus_port} cannot be opened: {error}"
                ) from None

    def record(self, step: int, values: dict[str, float]) -> None:
        """`step=10 loss=2.5 …`: Katib's default filter takes `name=value`; the file has every digit."""
        print(" ".join([f"step={step}", *(f"{name}={value:.6g}" for name, value in values.items())]), flush=True)
        if self._file:
            self._file.write(json.dumps({"step": step, **values}) + "\n")
            self._file.flush()
        for name, value in {"step": step, **values}.items():
            if name not in self._gauges:
                self._gauges[name] = Gauge(PREFIX + name, f"{name} of the last step", ["job"], registry=self._registry)
            self._gauges[name].labels(self._job).set(value)
            if self._otlp:
                self._otlp.record(name, value)

    def close(self) -> None:
        if self._file:
            self._file.close()
        if self._otlp:
            self._otlp.close()


class Otlp:
    def __init__(self, job: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource

        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        self._provider = MeterProvider([reader], Resource.create({"service.name": "cnai-training", "job": job}))
        self._meter = self._provider.get_meter("cnai_training")
        self._gauges: dict[str, Any] = {}

    def record(self, name: str, value: float) -> None:
        if name not in self._gauges:
            self._gauges[name] = self._meter.create_gauge(PREFIX + name)
        self._gauges[name].set(value)

    def close(self) -> None:
        self._provider.shutdown()


def otlp(job: str) -> Otlp | None:
    return Otlp(job) if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else None


def say(text: str) -> None:
    """For people: not in Katib's form, and not among the metrics."""
    print(text, file=sys.stderr, flush=True)
