"""What every benchmark prints: a table for people, and one JSON object as the last line.

Standard library only, so that a benchmark may run where little is installed.
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
    """Print the result. A target whose measure is not there, on a machine that cannot take it, is
    not met.
    """
    met = {
        name: name in measures and target.met(measures[name]) for name, target in targets.items()
    }
    print(f"\n{benchmark}")
    for name, value in measures.items():
        print(f"  {name:<52}{_shown(value):>14}  {_verdict(name, targets, met)}".rstrip())
    for name in (name for name in targets if name not in measures):
        print(f"  {name:<52}{'not measured':>14}  {_verdict(name, targets, met)}")
    numbers = {name: target.value for name, target in targets.items()}
    measured = {name: round(value, 6) for name, value in measures.items()}
    print(
        json.dumps({"benchmark": benchmark, "measures": measured, "targets": numbers, "met": met})
    )


def median(values: Sequence[float]) -> float:
    """The middle of several runs, which one disturbed run does not move."""
    return statistics.median(values)


def _verdict(name: str, targets: Mapping[str, Target], met: Mapping[str, bool]) -> str:
    if name not in targets:
        return ""
    wanted = f"{'>=' if isinstance(targets[name], AtLeast) else '<='} {_shown(targets[name].value)}"
    return f"{wanted:<12} {'met' if met[name] else 'MISSED'}"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
