"""The output of every benchmark: a table for people, and one JSON object as the last line.

Uses the standard library only, so that a benchmark may run where little is installed.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class AtLeast:
    """A target for a measure: met from `value` on."""

    value: float

    def met(self, measured: float) -> bool:
        return measured >= self.value


@dataclass(frozen=True)
class AtMost:
    """A target for a measure: met up to `value`."""

    value: float

    def met(self, measured: float) -> bool:
        return measured <= self.value


Target = AtLeast | AtMost


def report(benchmark: str, measures: Mapping[str, float], targets: Mapping[str, Target]) -> None:
    """Print the result. A target whose measure is missing, on a machine that cannot take it, is not
    met.
    """
    met = {
        name: name in measures and target.met(measures[name]) for name, target in targets.items()
    }
    print(f"\n{benchmark}")
    for name, value in measures.items():
        print(f"  {name:<52}{_format(value):>14}  {_format_verdict(name, targets, met)}".rstrip())
    for name in (name for name in targets if name not in measures):
        print(f"  {name:<52}{'not measured':>14}  {_format_verdict(name, targets, met)}")
    numbers = {name: target.value for name, target in targets.items()}
    measured = {name: round(value, 6) for name, value in measures.items()}
    print(
        json.dumps({"benchmark": benchmark, "measures": measured, "targets": numbers, "met": met})
    )


def median(values: Sequence[float]) -> float:
    """Return the middle of several runs, which one disturbed run does not move."""
    return statistics.median(values)


def _format_verdict(name: str, targets: Mapping[str, Target], met: Mapping[str, bool]) -> str:
    if name not in targets:
        return ""
    shown_target = (
        f"{'>=' if isinstance(targets[name], AtLeast) else '<='} {_format(targets[name].value)}"
    )
    return f"{shown_target:<12} {'met' if met[name] else 'MISSED'}"


def _format(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
