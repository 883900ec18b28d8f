from dataclasses import dataclass, field, replace

import pytest

from cnai.clouds.machines import plan
from cnai.clouds.pools import PoolPlan, Route, Taint
from cnai.scheduling.kueue import objects
from cnai.scheduling.kueue.flavors import flavors, resource_flavor
from cnai.scheduling.kueue.quotas import covered, left_over, portions, quantity, share, shares, whole

QUEUED_TAINT = Taint(key="example.com/queued", value="true")
LEVELS = ("example.com/block", "kubernetes.io/hostname")


@dataclass(frozen=True)
class Spec:
    gpus: dict[str, int] = field(default_factory=dict)
    borrow: bool = False


def pool(name: str, machine: str, low: int, high: int, *routes: str, **facts) -> PoolPlan:
    kinds = tuple(Route(kind=kind) for kind in routes or ("on-demand",))
    return PoolPlan(name=name, machine=plan("local", machine=machine), min=low, max=high, routes=kinds, **facts)


SYSTEM = pool("system", "cpu-16", 3, 6)
CPUS = pool("cpus", "cpu-16", 0, 4)
H100 = pool("h100", "h100-8", 0, 4)
FABRIC = replace(H100, machine=replace(H100.machine, fabric="roce"))
QUEUED = pool("h100", "h100-8", 0, 4, "reserved", "queued", route_taints=(QUEUED_TAINT,))


def made(*pools: PoolPlan, before: dict[str, int] | None = None, requests: bool = True, measured: bool = True):
    by_name = {each.name: each for each in pools}
    return flavors(
        by_name, before_queued=before or {}, requests=requests, queued_taints=(QUEUED_TAINT,), measured=measured
    )


def names(found) -> list[str]:
    return [each.name for each in found]


def test_jobs_without_gpus_are_offered_cpu_nodes_first_and_the_system_pool_last_of_those():
    assert names(made(H100, SYSTEM, CPUS)) == ["cpus", "system", "h100"]


@pytest.mark.parametrize(("low", "high", "nodes"), [(3, 6, 3), (3, 3, 2), (1, 1, 1), (1, 6, 5)])
def test_jobs_get_what_the_system_pool_grows_by_and_at_least_half_of_it(low, high, nodes):
    assert made(replace(SYSTEM, min=low, max=high))[0].nodes == nodes


def test_a_pool_that_is_queued_for_has_a_flavor_for_its_other_routes_and_one_for_requests():
    first, queued = made(QUEUED, before={"h100": 1})
    assert (first.name, first.nodes, first.requested) == ("h100", 1, False)
    assert (queued.name, queued.nodes, queued.requested) == ("h100-queued", 3, True)
    assert queued.labels == {"cnai.dev/pool": "h100", "cnai.dev/capacity": "queued"}


def test_pods_tolerate_the_queued_nodes_only_where_they_are_admitted_to_them():
    first, queued = (resource_flavor(each, "network") for each in made(QUEUED, before={"h100": 1}))
    assert "tolerations" not in first
    assert queued["tolerations"] == [QUEUED_TAINT.toleration]
    assert [taint["key"] for taint in first["nodeTaints"]] == ["nvidia.com/gpu"]


def test_a_pool_with_nothing_but_the_queue_has_one_flavor():
    assert names(made(replace(QUEUED, routes=(Route(kind="queued"),)))) == ["h100-queued"]


def test_where_no_requests_are_taken_the_queued_route_is_a_route_like_any_other():
    assert names(made(QUEUED, requests=False)) == ["h100"]


def test_more_nodes_before_the_queue_than_the_pool_has_leave_none_to_queue_for():
    assert [each.nodes for each in made(QUEUED, before={"h100": 9})] == [4, 0]


@pytest.mark.parametrize(
    ("changes", "measured", "placed"),
    [
        ({"min": 4, "placement": "compact"}, True, True),
        ({"placement": "compact"}, True, False),  # it scales: a job would wait for nodes that never come
        ({"min": 4}, True, False),
        ({"min": 4, "placement": "compact"}, False, False),
    ],
)
def test_kueue_places_pods_by_topology_only_on_compact_nodes_that_are_all_there(changes, measured, placed):
    found = made(replace(FABRIC, **changes), measured=measured)[0]
    assert (resource_flavor(found, "network").get("topologyName") == "network") is placed


def test_only_machines_with_a_fabric_say_how_near_they_are():
    assert not made(replace(H100, min=4, placement="compact"))[0].near


def test_queued_nodes_are_there_before_pods_are_placed_on_them():
    first, queued = made(replace(QUEUED, machine=FABRIC.machine, placement="compact"), before={"h100": 1})
    assert (first.near, queued.near) == (False, True)


def test_taints_that_are_only_preferred_come_along_as_they_are():
    soft = Taint(key="a", effect="PreferNoSchedule")
    spec = resource_flavor(made(replace(CPUS, taints=(soft,)))[0], "network")
    assert spec["nodeTaints"] == [{"key": "a", "effect": "PreferNoSchedule"}]


def test_a_share_on_the_first_flavor_spills_over_to_the_next():
    teams = {"a": Spec({"h100": 12}), "b": Spec({"h100": 4})}
    assert shares(made(QUEUED, before={"h100": 1}), teams) == {
        "a": {"h100": 6, "h100-queued": 6},
        "b": {"h100": 2, "h100-queued": 2},
    }
    assert shares(made(QUEUED, before={"h100": 2}), teams)["a"] == {"h100": 12, "h100-queued": 0}


def test_teams_that_borrow_divide_what_those_that_do_not_leave():
    teams = {"fixed": Spec({"h100": 16}), "a": Spec({"h100": 24}, borrow=True), "b": Spec({"h100": 8}, borrow=True)}
    found = shares(made(H100), teams)
    assert {team: each["h100"] for team, each in found.items()} == {"fixed": 16, "a": 12, "b": 4}


@pytest.mark.parametrize(("before", "wanted"), [(1, (5, 11, 3)), (3, (13, 7, 9)), (2, (1, 1, 30)), (0, (8, 8, 8))])
def test_no_gpu_is_lost_or_promised_twice_however_shares_are_rounded(before, wanted):
    teams = {f"t{index}": Spec({"h100": count}) for index, count in enumerate(wanted)}
    every = made(QUEUED, before={"h100": before})
    found = shares(every, teams)
    assert [sum(each.values()) for each in found.values()] == list(wanted)
    for flavor in every:
        given = sum(each[flavor.name] for each in found.values())
        assert given + left_over(flavor, found)["nvidia.com/gpu"] == flavor.nodes * 8


def test_portions_fill_the_room_exactly():
    assert portions({"a": 1, "b": 1, "c": 1}, 2) == {"a": 0, "b": 1, "c": 1}
    assert portions({"a": 2, "b": 1}, 3) == {"a": 2, "b": 1}
    assert portions({}, 0) == {}


def test_cores_and_memory_go_with_the_gpus():
    machine, half = H100.machine, share(H100, 4)
    assert half["cpu"] == machine.vcpu * 500
    assert half["memory"] == machine.memory_gib * 512
    assert half["nvidia.com/gpu"] == 4


def test_cpu_nodes_are_nobodys_own():
    given = shares(made(CPUS, H100), {"a": Spec({"h100": 32})})
    cpus, h100 = made(CPUS, H100)
    assert left_over(cpus, given) == whole(cpus)
    assert set(left_over(h100, given).values()) == {0}


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("cpu", 96_000, "96"),
        ("cpu", 1_500, "1500m"),
        ("cpu", 2_000_000, "2k"),
        ("cpu", 0, "0"),
        ("memory", 1024, "1Gi"),
        ("memory", 1536, "1536Mi"),
        ("memory", 2 * 1024 * 1024, "2Ti"),
        ("memory", 0, "0"),
        ("nvidia.com/gpu", 64, "64"),
        ("nvidia.com/gpu", 3000, "3k"),
    ],
)
def test_quantities_are_written_as_the_api_server_writes_them(resource, amount, text):
    assert quantity(resource, amount) == text


TEAMS = {"research": Spec({"h100": 16}, borrow=True), "chat": Spec({"h100": 8})}


def queue(team: str, every) -> dict:
    given, spec = shares(every, TEAMS), TEAMS[team]
    return objects.cluster_queue(team, "prod", every, given[team], borrow=spec.borrow)["spec"]


def quotas(spec: dict) -> dict[tuple[str, str], dict]:
    group = spec["resourceGroups"][0]
    return {(flavor["name"], each["name"]): each for flavor in group["flavors"] for each in flavor["resources"]}


def test_a_queue_has_its_share_and_may_borrow_only_where_its_team_may():
    every = made(CPUS, H100)
    research, chat = (quotas(queue(team, every)) for team in ("research", "chat"))
    assert research["h100", "nvidia.com/gpu"] == {"name": "nvidia.com/gpu", "nominalQuota": "16"}
    assert chat["h100", "nvidia.com/gpu"] == {"name": "nvidia.com/gpu", "nominalQuota": "8", "borrowingLimit": "0"}
    assert chat["h100", "cpu"]["borrowingLimit"] == "0"
    assert chat["cpus", "cpu"] == {"name": "cpu", "nominalQuota": "0"}


def test_every_flavor_lists_all_covered_resources_in_their_order():
    every = made(SYSTEM, H100)
    for spec in (queue("chat", every), objects.cohort("prod", every, shares(every, TEAMS))["spec"]):
        (group,) = spec["resourceGroups"]
        assert group["coveredResources"] == covered(every) == ["cpu", "memory", "nvidia.com/gpu"]
        assert all([each["name"] for each in flavor["resources"]] == covered(every) for flavor in group["flavors"])


def test_a_team_has_no_quota_in_pools_that_it_has_no_share_of():
    a100 = pool("a100", "a100-80g-8", 0, 2)
    assert {flavor for flavor, _ in quotas(queue("chat", made(SYSTEM, H100, a100)))} == {"system", "h100"}


def test_the_cohort_lends_what_is_no_teams_own():
    every = made(CPUS, H100)
    found = quotas(objects.cohort("prod", every, shares(every, TEAMS))["spec"])
    assert found["h100", "nvidia.com/gpu"]["nominalQuota"] == "8"
    assert found["cpus", "cpu"]["nominalQuota"] == "64"


def test_only_queued_flavors_are_checked_for_provisioned_nodes():
    spec = queue("research", made(QUEUED, before={"h100": 1}))
    assert spec["admissionChecksStrategy"] == {"admissionChecks": [{"name": "queued", "onFlavors": ["h100-queued"]}]}
    assert "admissionChecksStrategy" not in queue("research", made(H100))


def test_what_queues_stand_on_comes_before_them():
    every = made(SYSTEM, replace(QUEUED, machine=FABRIC.machine, placement="compact"), before={"h100": 1})
    found = objects.shared("prod", every, shares(every, TEAMS), LEVELS, "queued.example.com")
    kinds = [each["kind"] for each in found.values()]
    assert kinds.index("Topology") < kinds.index("ResourceFlavor") < kinds.index("Cohort")
    assert found["provisioning"]["spec"]["provisioningClassName"] == "queued.example.com"
    assert found["topology"]["spec"]["levels"] == [{"nodeLabel": level} for level in LEVELS]


def test_without_queued_routes_or_compact_pools_there_is_nothing_of_them():
    every = made(SYSTEM, H100)
    kinds = {each["kind"] for each in objects.shared("dev", every, shares(every, TEAMS), LEVELS, "").values()}
    assert kinds == {"WorkloadPriorityClass", "ResourceFlavor", "Cohort"}


def test_priorities_of_jobs_are_those_of_pods():
    from cnai.tenancy.shared import shared_manifests

    pods = {each["metadata"]["name"]: each["value"] for each in shared_manifests().values() if "value" in each}
    every = made(SYSTEM)
    jobs = objects.shared("dev", every, {}, (), "")
    assert pods == {each["metadata"]["name"]: each["value"] for each in jobs.values() if "value" in each}
