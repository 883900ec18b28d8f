import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.errors import UserError
from cnai.sandbox.controlplane.ports import PORTS, RANGE, free_ports, is_free, of_neighbours, settled
from cnai.sandbox.controlplane.state import PlaneState

NAMES = [name for names in PORTS.values() for name in names]
KEPT = dict(zip(NAMES, RANGE, strict=False))


def test_a_port_that_a_server_listens_on_is_not_free():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


@given(taken=st.sets(st.sampled_from(RANGE), max_size=50), busy=st.sets(st.sampled_from(RANGE), max_size=50))
def test_chosen_ports_differ_and_are_neither_taken_nor_busy(taken: set[int], busy: set[int]):
    chosen = free_ports(6, taken, lambda port: port not in busy)
    assert len(set(chosen)) == 6
    assert not set(chosen) & (taken | busy)


def test_a_machine_without_free_ports_is_told_in_one_sentence():
    with pytest.raises(UserError, match="no 6 free ports"):
        free_ports(6, (), lambda _: False)


def test_ports_once_chosen_stay():
    assert settled(KEPT, (), (), lambda _: True) == (KEPT, [])


def test_only_the_port_that_a_stranger_took_is_replaced():
    lost = KEPT["kubeSchedulerPort"]
    ports, replaced = settled(KEPT, (), (), lambda port: port != lost)
    assert replaced == [lost]
    assert {name for name in NAMES if ports[name] != KEPT[name]} == {"kubeSchedulerPort"}


def test_a_running_component_keeps_the_ports_that_it_listens_on():
    assert settled(KEPT, PORTS, (), lambda _: False) == (KEPT, [])


def test_a_stopped_neighbours_ports_are_left_alone(tmp_path):
    for env in ("mine", "other"):
        (tmp_path / env).mkdir()
    PlaneState({"etcdPort": 20001}).save(tmp_path / "mine")
    PlaneState({"etcdPort": 20002}).save(tmp_path / "other")
    assert of_neighbours(tmp_path / "mine") == {20002}


def test_a_damaged_record_is_as_good_as_none(tmp_path):
    (tmp_path / "controlplane.json").write_text('{"ports": {"etcd')
    assert PlaneState.load(tmp_path) == PlaneState()
