"""Accounts of simulated clouds in a folder of their own, without a control plane."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloud_fakes import FakeApi, FakeKube

from cnai.paths import SandboxDir
from cnai.plugin.host import Host
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.moto.rebuild import refill
from cnai.sandbox.controlplane.moto import Server

CONFIG = {
    "aws": {"region": "us-east-1"},
    "gcp": {"project": "p", "region": "us-central1"},
    "azure-native": {"subscriptionId": "s"},
}


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


@pytest.fixture
def account(tmp_path: Path, kube: FakeKube) -> Callable[[str], Account]:
    def make(package: str) -> Account:
        made = Account(package, SandboxDir(tmp_path / "flight"), Host(None), CONFIG[package], refill)
        made.__dict__["api"] = FakeApi(kube)
        return made

    return make


@pytest.fixture
def aws(account) -> Iterator[Account]:
    made = account("aws")
    yield made
    Server(made.sandbox).end(1)
