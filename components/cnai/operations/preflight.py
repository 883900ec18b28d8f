"""Everything that can be checked about an environment before it costs anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from cnai.environment import Environment
from cnai.errors import UserError
from cnai.operations.adapters import adapter
from cnai.operations.charts import chart_findings
from cnai.operations.costs import Cost, LivePrices, costs, total
from cnai.operations.findings import Finding, counted, ok, passed, unchecked


@dataclass(frozen=True)
class Preflight:
    """`findings` in the order in which they were checked."""

    environment: str
    findings: list[Finding]
    costs: list[Cost]

    @property
    def ok(self) -> bool:
        return ok(self.findings)

    def as_json(self) -> dict[str, object]:
        least, most = total(self.costs)
        return {
            "environment": self.environment,
            "ok": self.ok,
            "verdicts": counted(self.findings),
            "findings": [finding.as_json() for finding in self.findings],
            "costs": [cost.as_json() for cost in self.costs],
            "usd_per_hour": {"min": least, "max": most},
        }


def preflight(environment: Environment) -> Preflight:
    module = adapter(environment.cloud, "preflight")
    found = _cloud_findings(environment, module)
    found += chart_findings(environment.packages)
    live, told = _live(environment, module)
    return Preflight(environment.name, [*found, told], costs(environment.pools.values(), live))


def _cloud_findings(environment: Environment, module: ModuleType | None) -> list[Finding]:
    if module is None:
        text = f"there is no preflight for {environment.cloud}"
        return [unchecked("cloud", environment.cloud, text, "check by hand: quotas, machines, reservations, addresses")]
    found: Iterable[Finding] = module.findings(environment)
    return list(found)


def _live(environment: Environment, module: ModuleType | None) -> tuple[LivePrices, Finding]:
    ask = getattr(module, "prices", None)
    if ask is None:
        return {}, _listed(environment, "prices are not queried on this cloud")
    try:
        live: LivePrices = ask(environment)
    except UserError as error:
        return {}, _listed(environment, str(error))
    kinds = {(plan.machine.name, route.kind) for plan in environment.pools.values() for route in plan.routes}
    without = sorted(f"{machine} {kind}" for machine, kind in kinds - set(live) if kind != "block")
    if without:
        return live, _listed(environment, f"no live price for {', '.join(without)}")
    return live, passed("price", environment.cloud, "prices are current")


def _listed(environment: Environment, why: str) -> Finding:
    dates = sorted({str(plan.machine.price_date) for plan in environment.pools.values()})
    text = f"{why}: list prices of {', '.join(dates)}"
    return unchecked("price", environment.cloud, text, "compare with the cloud's own price list before a long run")
