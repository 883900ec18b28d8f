"""State and preflight on Google Cloud and Azure, against stand-ins for their clients that keep what they are given.

The stand-ins answer as the client libraries document it; neither cloud was ever asked.
"""

from types import SimpleNamespace

import pytest

from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan, Route
from cnai.errors import UserError
from cnai.operations.adapters import adapter, library
from cnai.operations.azure import bootstrap as azure_state
from cnai.operations.azure import preflight as azure_flight
from cnai.operations.comparison import sample_settings
from cnai.operations.gcp import bootstrap as gcp_state
from cnai.operations.gcp import preflight as gcp_flight
from cnai.operations.preflight import preflight

SPOT, ON_DEMAND = Route(kind="spot"), Route(kind="on-demand")


class NotFoundError(Exception):
    pass


class ForbiddenError(Exception):
    pass


class ConflictError(Exception):
    pass


ERRORS = SimpleNamespace(
    NotFound=NotFoundError, Forbidden=ForbiddenError, Conflict=ConflictError, ResourceNotFoundError=NotFoundError
)


@pytest.fixture(autouse=True)
def libraries(monkeypatch):
    """Their exceptions, under the names that the libraries have for them."""
    for module in ("gcp.bootstrap", "gcp.preflight", "azure.session"):
        monkeypatch.setattr(f"cnai.operations.{module}.library", lambda _: ERRORS)


def pool(cloud, machine, most=4, *routes, zones=(), **facts):
    found = machines(cloud)[machine]
    return PoolPlan(name="pool", machine=found, min=0, max=most, routes=routes or (ON_DEMAND,), zones=zones, **facts)


class Bucket:
    """As google.cloud.storage.Bucket is before and after it is made."""

    def __init__(self, name, project_number=1, taken=False):
        self.name, self.project_number, self._taken = name, project_number, taken
        self.versioning_enabled, self.default_kms_key_name, self.lifecycle_rules = False, None, []
        self.iam_configuration = SimpleNamespace(
            uniform_bucket_level_access_enabled=False, public_access_prevention="inherited"
        )
        self.sent = []

    def add_lifecycle_delete_rule(self, days_since_noncurrent_time):
        self.lifecycle_rules.append({"condition": {"daysSinceNoncurrentTime": days_since_noncurrent_time}})

    def create(self, location):
        if self._taken:
            raise ConflictError
        self.sent.append(location)

    def patch(self):
        self.sent.append("patch")


def test_a_bucket_of_google_is_made_with_all_that_it_shall_have_and_then_left_alone():
    bucket = Bucket("cnai-prod-1")
    first = list(gcp_state.configured(bucket, "keys/k", "us-central1", new=True))
    assert bucket.sent == ["us-central1"]
    assert len(first) == 5
    assert bucket.versioning_enabled
    assert bucket.default_kms_key_name == "keys/k"
    assert bucket.iam_configuration.public_access_prevention == "enforced"
    assert list(gcp_state.configured(bucket, "keys/k", "us-central1", new=False)) == []
    bucket.versioning_enabled = False
    assert list(gcp_state.configured(bucket, "keys/k", "us-central1", new=False)) == ["versioning"]
    assert bucket.sent == ["us-central1", "patch"]


def test_a_bucket_of_another_project_is_refused_however_it_shows():
    with pytest.raises(UserError, match="belongs to another project"):
        gcp_state.owned(SimpleNamespace(lookup_bucket=lambda name: Bucket(name, project_number=2)), "b", 1)

    def refuse(_):
        raise ForbiddenError

    with pytest.raises(UserError, match="belongs to another project"):
        gcp_state.owned(SimpleNamespace(lookup_bucket=refuse), "b", 1)
    with pytest.raises(UserError, match="belongs to another project"):
        list(gcp_state.configured(Bucket("b", taken=True), "keys/k", "us-central1", new=True))
    assert gcp_state.owned(SimpleNamespace(lookup_bucket=lambda _: None), "b", 1) is None


class Keys:
    def __init__(self):
        self.made = {}

    def get_key_ring(self, name):
        self._get(name)

    def get_crypto_key(self, name):
        self._get(name)

    def _get(self, name):
        if name not in self.made:
            raise NotFoundError

    def create_key_ring(self, parent, key_ring_id, key_ring):
        self.made[f"{parent}/keyRings/{key_ring_id}"] = key_ring

    def create_crypto_key(self, parent, crypto_key_id, crypto_key):
        assert parent in self.made
        self.made[f"{parent}/cryptoKeys/{crypto_key_id}"] = crypto_key


def test_googles_key_rotates_and_is_made_once():
    keys, settings = Keys(), sample_settings("gcp")
    key, made = gcp_state.state_key(keys, "prod", settings)
    assert len(made) == 2
    assert keys.made[key]["rotation_period"].days == 90
    assert gcp_state.state_key(keys, "prod", settings) == (key, [])


@pytest.mark.parametrize(
    ("machine", "route", "metric"),
    [
        ("g2-standard-8", ON_DEMAND, "NVIDIA_L4_GPUS"),
        ("g2-standard-8", SPOT, "PREEMPTIBLE_NVIDIA_L4_GPUS"),
        ("a2-ultragpu-8g", ON_DEMAND, "NVIDIA_A100_80GB_GPUS"),
        ("n2-standard-8", ON_DEMAND, "N2_CPUS"),
        ("n2-standard-8", SPOT, "PREEMPTIBLE_CPUS"),
    ],
)
def test_a_pool_counts_against_googles_regional_quota_of_its_kind(machine, route, metric):
    assert set(gcp_flight.metrics(pool("gcp", machine), route)) == {metric}


def test_googles_quota_must_hold_the_pool_and_one_that_is_not_listed_is_not_called_well():
    quota = SimpleNamespace(metric="NVIDIA_L4_GPUS", limit=4.0, usage=0.0)
    plan = pool("gcp", "g2-standard-8", 4)
    assert [each.verdict for each in gcp_flight.quota_findings([quota], [plan])] == ["pass"]
    quota.usage = 1.0
    assert [each.verdict for each in gcp_flight.quota_findings([quota], [plan])] == ["warn"]
    quota.limit = 3.0
    assert [each.verdict for each in gcp_flight.quota_findings([quota], [plan])] == ["fail"]
    assert [each.verdict for each in gcp_flight.quota_findings([], [plan])] == ["not checked"]


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, "pass"),
        ({"count": 3}, "warn"),
        ({"machine": "a2-highgpu-8g"}, "fail"),
        ({"status": "CREATING"}, "fail"),
    ],
)
def test_googles_reservation_must_be_ready_for_the_machine_and_big_enough(facts, verdict):
    row = {"count": 4, "machine": "a3-highgpu-8g", "status": "READY"} | facts
    specific = SimpleNamespace(
        count=row["count"], in_use_count=0, instance_properties=SimpleNamespace(machine_type=row["machine"])
    )
    found = SimpleNamespace(specific_reservation=specific, status=row["status"])
    plan, route = pool("gcp", "a3-highgpu-8g", 4), Route(kind="reserved", id="mine", zone="us-central1-a")
    assert gcp_flight.judged_reservation(plan, route, found).verdict == verdict


class Kept:
    """One kind of Azure's resources: what was put is what is got."""

    def __init__(self, **more):
        self.kept, self.puts = {}, 0
        self.__dict__ |= more

    def put(self, *given):
        *key, body = given
        self.kept[tuple(key)] = body
        self.puts += 1
        return SimpleNamespace(result=lambda: body)

    def get(self, *key):
        if key not in self.kept:
            raise NotFoundError
        return SimpleNamespace(as_dict=lambda: self.kept[key])

    begin_create = begin_create_or_update = create_or_update = set_service_properties = create = put
    create_if_not_exist = put
    get_properties = get_service_properties = get

    def check_existence(self, name):
        return (name,) in self.kept


def azure(free=True):
    accounts = Kept(check_name_availability=lambda _: SimpleNamespace(name_available=free))
    kinds = ("blob_services", "management_policies", "blob_containers")
    storage = SimpleNamespace(storage_accounts=accounts, **{kind: Kept() for kind in kinds})
    vaults = SimpleNamespace(vaults=Kept(), keys=Kept())
    return azure_state.Clients(SimpleNamespace(resource_groups=Kept()), storage, vaults)


def test_azures_account_and_vault_are_made_locked_down_once_and_mended_where_somebody_opened_them():
    clients, settings = azure(), sample_settings("azure")
    called = azure_state.names("prod", settings)
    assert len(list(azure_state.made(clients, called, settings))) == 7
    assert list(azure_state.made(clients, called, settings)) == []
    place = (called.group, called.account)
    account = clients.storage.storage_accounts.kept[place]
    assert account["properties"]["allowBlobPublicAccess"] is account["properties"]["allowSharedKeyAccess"] is False
    account["properties"]["allowBlobPublicAccess"] = True
    assert [each.partition(":")[0] for each in azure_state.made(clients, called, settings)] == [
        f"storage account {called.account}"
    ]


def test_azures_account_name_that_somebody_has_is_refused_before_anything_is_made():
    clients, settings = azure(free=False), sample_settings("azure")
    with pytest.raises(UserError, match="belongs to another subscription"):
        list(azure_state.made(clients, azure_state.names("prod", settings), settings))
    assert clients.resources.resource_groups.kept == {}


def test_azures_names_fit_its_24_characters_and_differ_by_subscription():
    settings = sample_settings("azure")
    called = azure_state.names("a" * 40, settings)
    assert len(called.account) <= 24
    assert called.account.isalnum()
    assert len(called.vault) <= 24
    other = settings.model_copy(update={"subscription_id": settings.subscription_id.replace("0", "1")})
    assert azure_state.names("a" * 40, other).account != called.account


H100 = "Standard_ND96isr_H100_v5"
ZONES = ("eastus2-1", "eastus2-2")


def sku(**facts):
    return {"name": H100, "family": "standardNDH100v5Family", "locationInfo": [{"zones": ["1", "2"]}], **facts}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (sku(), "pass"),
        (None, "fail"),
        (sku(restrictions=[{"type": "Location", "reasonCode": "NotAvailableForSubscription"}]), "fail"),
        (sku(locationInfo=[{"zones": ["2"]}]), "warn"),
        (sku(locationInfo=[{"zones": ["3"]}]), "fail"),
        (sku(restrictions=[{"type": "Zone", "restrictionInfo": {"zones": ["1"]}}]), "warn"),
    ],
)
def test_azures_size_must_be_open_to_the_subscription_in_the_pools_zones(found, verdict):
    assert azure_flight.offered(pool("azure", H100, 2, zones=ZONES), found).verdict == verdict


@pytest.mark.parametrize(("limit", "used", "verdict"), [(192, 0, "pass"), (192, 1, "warn"), (191, 0, "fail")])
def test_azures_quota_is_the_familys_and_spot_has_one_for_all(limit, used, verdict):
    plan, skus = pool("azure", H100, 2, ON_DEMAND, SPOT), {H100: sku()}
    usage = {"name": {"value": "StandardNDH100v5Family"}, "limit": limit, "currentValue": used}
    family, spot = azure_flight.quota_findings([usage], [plan], skus)
    assert family.verdict == verdict
    assert spot.verdict == "not checked"
    assert "lowPriorityCores" in spot.text


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_without_the_clouds_library_nothing_of_it_is_called_well_and_what_to_install_is_said(cloud, monkeypatch):
    from cnai.environment import Environment

    monkeypatch.setattr("cnai.operations.preflight.chart_findings", lambda _: [])
    module = adapter(cloud, "preflight")
    monkeypatch.setattr(module, "library", missing)
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in sample(cloud).items()}
    machine = {"gcp": "n2-standard-8", "azure": "Standard_D8ds_v5"}[cloud]
    config = {"cnai:cloud": {cloud: settings}, "cnai:pools": {"system": {"machine": machine, "min": 3, "max": 3}}}
    found = {each.check: each for each in preflight(Environment.load("prod", config)).findings}
    for check in ("credentials", "quota", "offered", "reservation", "price"):
        assert found[check].verdict == "not checked"
    assert "uv pip install" in found["credentials"].text


def sample(cloud):
    return sample_settings(cloud).model_dump(exclude_unset=True)


def missing(name):
    raise UserError(f"{name} is not installed: uv pip install {name}")


def test_what_a_cloud_lacks_says_what_brings_it():
    with pytest.raises(UserError, match=r"nothing is not installed: uv pip install google-cloud-storage"):
        library("google.cloud.nothing")
    assert adapter("local", "bootstrap") is None
    assert adapter("nowhere", "bootstrap") is None
