import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.kube import ApiError
from cnai.sandbox.controllers.allocator import POOL, Allocator, address_for, change

NAMES = st.text("abcdefghij-0123456789", min_size=1, max_size=20)


def service(name: str, kind: str = "LoadBalancer", ips: tuple[str, ...] = (), **spec: Any) -> dict[str, Any]:
    ingress = [{"ip": ip} for ip in ips]
    return {
        "metadata": {"name": name, "namespace": "n", "uid": f"uid-{name}"},
        "spec": {"type": kind, **spec},
        "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }


class Recorder:
    def __init__(self, refusal: int = 0) -> None:
        self.given: dict[str, list[str]] = {}
        self.refusal = refusal

    def patch(self, _api: str, _kind: str, name: str, patch: Any, *_: Any, **__: Any) -> None:
        if self.refusal:
            raise ApiError(self.refusal, "no")
        self.given[name] = [entry["ip"] for entry in patch["status"]["loadBalancer"]["ingress"]]


@given(names=st.lists(st.tuples(NAMES, NAMES), unique=True, max_size=50))
def test_no_two_services_share_an_address(names: list[tuple[str, str]]):
    taken: list[str] = []
    for namespace, name in names:
        taken.append(address_for(namespace, name, None, taken))
    assert len(set(taken)) == len(names)
    assert all(ipaddress.ip_address(address) in POOL for address in taken)


def test_a_service_made_again_under_its_name_has_its_address_again():
    assert address_for("istio", "gateway", None, ()) == address_for("istio", "gateway", None, ())


@pytest.mark.parametrize(
    ("wanted", "taken", "given_"), [("198.18.3.3", (), True), ("198.18.3.3", ("198.18.3.3",), False)]
)
def test_a_wanted_address_is_given_where_it_is_free(wanted, taken, given_):
    assert (address_for("n", "s", wanted, taken) == wanted) is given_


def test_a_wanted_address_that_is_none_does_not_stop_the_allocation():
    assert ipaddress.ip_address(address_for("n", "s", "my-balancer", ())) in POOL


def test_a_service_that_has_an_address_keeps_it():
    assert change(service("s", ips=("198.18.0.9",)), ()) is None


def test_a_service_that_is_no_longer_a_load_balancer_loses_its_address():
    assert change(service("s", "ClusterIP", ("198.18.0.9",)), ()) == []
    assert change(service("s", "ClusterIP"), ()) is None


def test_after_a_restart_addresses_further_down_the_list_are_not_given_away():
    mine = address_for("n", "new", None, ())
    kube = Recorder()
    allocator = Allocator(kube)  # pyright: ignore[reportArgumentType]
    allocator.service_changed(None, service("new"))
    allocator.service_changed(None, service("old", ips=(mine,)))
    assert kube.given == {}
    allocator.listed()
    assert kube.given["new"] != [mine]


def test_a_deleted_services_address_is_free_again():
    kube = Recorder()
    allocator = Allocator(kube)  # pyright: ignore[reportArgumentType]
    allocator.listed()
    allocator.service_changed(None, service("first", loadBalancerIP="198.18.7.7"))
    allocator.service_changed(service("first"), None)
    allocator.service_changed(None, service("second", loadBalancerIP="198.18.7.7"))
    assert kube.given == {"first": ["198.18.7.7"], "second": ["198.18.7.7"]}


def test_a_service_deleted_meanwhile_is_no_error_and_a_refusal_is():
    Allocator(Recorder(404)).service_changed(None, service("s"))  # pyright: ignore[reportArgumentType]
    refused = Allocator(Recorder(422))  # pyright: ignore[reportArgumentType]
    refused.listed()
    with pytest.raises(ApiError):
        refused.service_changed(None, service("s"))
