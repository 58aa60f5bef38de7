"""Measure autoscaling: live on this machine, and in a simulated month of a growing company.

`live.py` runs six transformers on one machine that has memory for three. The simulation calls the
function that the service itself calls, `workers.autoscaling.policy.scale`, with measured scoring
rates and start-up times, and compares it with other common ways to decide the number of workers.
Prints tables. docs/autoscaling.md lists the assumptions and the results.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from live import run_live
from simulation.company import DAY, HOUR, SHARED, Company, list_jobs, model_figures
from simulation.event_loop import Result, ScalingPolicy, Simulation
from simulation.policies import AlwaysOnPolicy, ChorusPolicy, EverywherePolicy, QueueLengthPolicy
from support.line_chart import LinePanel, draw_line_chart
from support.report import AtMost, Target, report

from workers.autoscaling.limits import Limits

MODELS = (5, 50, 500)  # custom models, beside four that all customers share
MONTH = 30  # days
DRAIN = 10.0  # seconds: waits like those with every model in every instance
CHORUS, CHORUS_QUICK, EVERYWHERE, EVERYWHERE_LARGE = (
    "chorus",
    "chorus, drain 10 s",
    "every model everywhere",
    "the same, 64 cores each",
)
QUEUE_LENGTH, ALWAYS_ON, ALWAYS_ON_FOR_PEAK = (
    "queue length",
    "one worker a model",
    "and enough for the peak",
)
COLUMNS = (
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
    options = parser.parse_args()
    live_measures, live_targets = run_live(options.live_svg)
    measures, targets = simulate(options.days, options.svg)
    report("autoscaling", live_measures | measures, live_targets | targets)


def simulate(days: int, svg: Path | None) -> tuple[dict[str, float], dict[str, Target]]:
    """Simulate one day at each company size, and one month of growth.

    Returns the measures, as ratios to having every model in every instance, and their targets.
    """
    measures: dict[str, float] = {}
    for custom in MODELS:
        results = compare(f"A day with {custom} custom models", Company(custom, custom, days=1))
        measures |= _measures(f"{custom} models", results)
    results = compare(
        f"A day with {MODELS[-1]} custom bags of words",
        Company(MODELS[-1], MODELS[-1], days=1, custom_kind="bow"),
    )
    measures |= _measures(f"{MODELS[-1]} bags of words", results)
    results = compare(
        f"{days} days from {MODELS[0]} to {MODELS[-1]} custom models",
        Company(MODELS[0], MODELS[-1], days),
    )
    measures |= _measures("month", results)
    if svg:
        svg.write_text(_picture(results, days))
    targets: dict[str, Target] = {}
    for scenario in ("500 models", "month"):
        targets[f"{scenario}, {CHORUS_QUICK}: GB h"] = AtMost(0.1)
        targets[f"{scenario}, {CHORUS_QUICK}: p95 wait of uploads"] = AtMost(1.0)
        targets[f"{scenario}, {CHORUS_QUICK}: p95 wait of rows"] = AtMost(1.0)
    return measures, targets


def compare(title: str, company: Company) -> dict[str, Result]:
    """Run the same jobs under each policy, with two more hours to finish, and print a table."""
    peak_workers = dict.fromkeys(SHARED, 1) | {
        name: _workers_for_peak(company.last) for name in SHARED if name[0] == "t"
    }
    policies: dict[str, ScalingPolicy] = {
        CHORUS: ChorusPolicy(Limits()),
        CHORUS_QUICK: ChorusPolicy(Limits(drain=DRAIN)),
        EVERYWHERE: EverywherePolicy(company),
        EVERYWHERE_LARGE: EverywherePolicy(company, cores=64),
        QUEUE_LENGTH: QueueLengthPolicy(),
        ALWAYS_ON: AlwaysOnPolicy(company, {}),
        ALWAYS_ON_FOR_PEAK: AlwaysOnPolicy(company, peak_workers),
    }
    results = {
        name: Simulation(list_jobs(company), policy, company.days * DAY + 2 * HOUR).run()
        for name, policy in policies.items()
    }
    all_jobs = list_jobs(company)
    core_hours = (
        sum(job.rows / model_figures(name).rate for job in all_jobs for name in job.models) / 3600
    )
    rows = sum(job.rows for job in all_jobs)
    print(f"\n{title}: {len(all_jobs):,} jobs, {rows:,} rows, {core_hours:,.0f} core-hours of work")
    print(f"{'':<26}" + "".join(f"{name:>12}" for name in COLUMNS))
    for name, result in results.items():
        print(f"{name:<26}" + "".join(f"{value:>12,.{digits}f}" for value, digits in _row(result)))
    return results


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


def _measures(scenario: str, results: Mapping[str, Result]) -> dict[str, float]:
    """Return memory and waiting times as ratios to having every model in every instance."""
    baseline = results[EVERYWHERE]
    measures: dict[str, float] = {}
    for name in (CHORUS, CHORUS_QUICK):
        ours = results[name]
        measures[f"{scenario}, {name}: GB h"] = ours.memory_hours / baseline.memory_hours
        measures[f"{scenario}, {name}: p95 wait of uploads"] = ours.wait() / baseline.wait()
        measures[f"{scenario}, {name}: p95 wait of rows"] = ours.wait(by_rows=True) / baseline.wait(
            by_rows=True
        )
    return measures


def _workers_for_peak(customers: int) -> int:
    """Return the workers of a shared transformer: mean load of the busiest hour plus a fifth."""
    return max(1, round(customers * 20 * 1.2 / 300))


def _picture(results: Mapping[str, Result], days: int) -> str:
    chosen = {name: results[name] for name in (CHORUS, CHORUS_QUICK, EVERYWHERE, QUEUE_LENGTH)}
    last_day = {
        name: [hour for hour in result.hours if (days - 1) * 24 <= hour[0] < days * 24]
        for name, result in chosen.items()
    }
    return draw_line_chart(
        f"From {MODELS[0]} to {MODELS[-1]} custom models in {days} days",
        [
            LinePanel(
                "Memory over the month, GB (a mean for each day; every tick ten times as much)",
                {name: _daily(result, 1) for name, result in chosen.items()},
                "day",
                log=True,
            ),
            LinePanel(
                "Cores over the last day, worker processes (a mean for each hour)",
                {
                    name: [(hour % 24, cores) for hour, cores, _ in hours]
                    for name, hours in last_day.items()
                },
                "hour",
            ),
        ],
    )


def _daily(result: Result, column: int) -> list[tuple[float, float]]:
    days: dict[int, list[float]] = {}
    for hour, *values in result.hours:
        days.setdefault(int(hour // 24), []).append(values[column])
    return [
        (day + 1, sum(values) / len(values)) for day, values in days.items() if len(values) == 24
    ]


if __name__ == "__main__":
    main()
