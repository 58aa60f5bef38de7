"""How well models scale on their own: live on this machine, and in a simulated month of a growing
company.

`live.py` has six transformers on one machine with room for three. The simulation drives the
function that the service itself asks, `workers.autoscaling.policy`, with service and start-up times
that were measured, against what people do instead. Prints tables; docs/autoscaling.md says what is
assumed and was seen.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from live import live
from simulation.company import DAY, HOUR, SHARED, Company, jobs, model
from simulation.event_loop import Policy, Result, Simulation
from simulation.policies import AlwaysOn, Chorus, Everywhere, QueueLength
from support.chart import Panel, drawing
from support.report import AtMost, Target, report

from workers.autoscaling.limits import Limits

MODELS = (5, 50, 500)  # custom models, each beside four that all share
MONTH = 30  # days
DRAIN = 10.0  # seconds, for who wants to wait no longer than with every model in every instance
OURS, QUICK, EVERYWHERE, WIDE = (
    "chorus",
    "chorus, drain 10 s",
    "every model everywhere",
    "the same, 64 cores each",
)
QUEUE, ALWAYS, PEAK = "queue length", "one worker a model", "and enough for the peak"
HEAD = (
    "core-hours",
    "GB h",
    "starts",
    "p95 wait",
    "by rows",
    "median",
    "nightly",
    "repeated",
    "not done",
    "peak",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path, help="draw the month into this file")
    parser.add_argument("--live-svg", type=Path, help="draw the live run into this one")
    parser.add_argument("--days", type=int, default=MONTH, help="of the growing company")
    asked = parser.parse_args()
    seen, budget = live(asked.live_svg)
    measures, targets = simulated(asked.days, asked.svg)
    report("autoscaling", seen | measures, budget | targets)


def simulated(days: int, svg: Path | None) -> tuple[dict[str, float], dict[str, Target]]:
    """A day at each size, and a month of growth. Measures are ratios to having every model in every
    instance.
    """
    measures: dict[str, float] = {}
    for custom in MODELS:
        found = compare(f"A day with {custom} custom models", Company(custom, custom, days=1))
        measures |= _measures(f"{custom} models", found)
    found = compare(
        f"A day with {MODELS[-1]} custom bags of words",
        Company(MODELS[-1], MODELS[-1], days=1, own="bow"),
    )
    measures |= _measures(f"{MODELS[-1]} bags of words", found)
    found = compare(
        f"{days} days from {MODELS[0]} to {MODELS[-1]} custom models",
        Company(MODELS[0], MODELS[-1], days),
    )
    measures |= _measures("month", found)
    if svg:
        svg.write_text(_picture(found, days))
    targets: dict[str, Target] = {}
    for when in ("500 models", "month"):
        targets[f"{when}, {QUICK}: GB h"] = AtMost(0.1)
        targets[f"{when}, {QUICK}: p95 wait of uploads"] = AtMost(1.0)
        targets[f"{when}, {QUICK}: p95 wait of rows"] = AtMost(1.0)
    return measures, targets


def compare(title: str, company: Company) -> dict[str, Result]:
    """The same jobs under each policy, and two hours more to finish in."""
    enough = dict.fromkeys(SHARED, 1) | {
        name: _for_peak(company.last) for name in SHARED if name[0] == "t"
    }
    policies: dict[str, Policy] = {
        OURS: Chorus(Limits()),
        QUICK: Chorus(Limits(drain=DRAIN)),
        EVERYWHERE: Everywhere(company),
        WIDE: Everywhere(company, cores=64),
        QUEUE: QueueLength(),
        ALWAYS: AlwaysOn(company, {}),
        PEAK: AlwaysOn(company, enough),
    }
    found = {
        name: Simulation(jobs(company), policy, company.days * DAY + 2 * HOUR).run()
        for name, policy in policies.items()
    }
    asked = jobs(company)
    least = sum(job.rows / model(name).rate for job in asked for name in job.models) / 3600
    rows = sum(job.rows for job in asked)
    print(f"\n{title}: {len(asked):,} jobs, {rows:,} rows, {least:,.0f} core-hours of work")
    print(f"{'':<26}" + "".join(f"{name:>12}" for name in HEAD))
    for name, result in found.items():
        print(f"{name:<26}" + "".join(f"{value:>12,.{digits}f}" for value, digits in _row(result)))
    return found


def _row(result: Result) -> list[tuple[float, int]]:
    return [
        (result.worker_hours, 0),
        (result.memory_hours, 0),
        (result.starts, 0),
        (result.wait(), 1),
        (result.wait(by_rows=True), 1),
        (result.wait(share=0.5), 1),
        (result.wait((2,)), 0),
        (result.repeated, 0),
        (result.unfinished, 0),
        (result.peak, 0),
    ]


def _measures(when: str, found: Mapping[str, Result]) -> dict[str, float]:
    """What it takes and how long it takes, against every model in every instance."""
    other = found[EVERYWHERE]
    measures: dict[str, float] = {}
    for name in (OURS, QUICK):
        ours = found[name]
        measures[f"{when}, {name}: GB h"] = ours.memory_hours / other.memory_hours
        measures[f"{when}, {name}: p95 wait of uploads"] = ours.wait() / other.wait()
        measures[f"{when}, {name}: p95 wait of rows"] = ours.wait(by_rows=True) / other.wait(
            by_rows=True
        )
    return measures


def _for_peak(customers: int) -> int:
    """Workers of a shared transformer, for a fifth more than the mean of the busiest hour."""
    return max(1, round(customers * 20 * 1.2 / 300))


def _picture(found: Mapping[str, Result], days: int) -> str:
    chosen = {name: found[name] for name in (OURS, QUICK, EVERYWHERE, QUEUE)}
    last = {
        name: [hour for hour in result.hours if (days - 1) * 24 <= hour[0] < days * 24]
        for name, result in chosen.items()
    }
    return drawing(
        f"From {MODELS[0]} to {MODELS[-1]} custom models in {days} days",
        [
            Panel(
                "Memory over the month, GB (a mean for each day; every tick ten times as much)",
                {name: _daily(result, 1) for name, result in chosen.items()},
                "day",
                log=True,
            ),
            Panel(
                "Cores over the last day, worker processes (a mean for each hour)",
                {
                    name: [(hour % 24, cores) for hour, cores, _ in hours]
                    for name, hours in last.items()
                },
                "hour",
            ),
        ],
    )


def _daily(result: Result, which: int) -> list[tuple[float, float]]:
    days: dict[int, list[float]] = {}
    for hour, *values in result.hours:
        days.setdefault(int(hour // 24), []).append(values[which])
    return [
        (day + 1, sum(values) / len(values)) for day, values in days.items() if len(values) == 24
    ]


if __name__ == "__main__":
    main()
