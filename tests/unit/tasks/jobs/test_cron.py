"""When a cron line says that it is time, on ordinary days and on those when the clocks are changed."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.jobs.cron import Cron, check_line, check_zone

# Berlin and New York, each at 2:00 or 3:00
FORWARD, BACK = ("2026-03-29", "2026-03-08"), ("2026-10-25", "2026-11-01")
LINES = (
    "* * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0,30 1,2,3 * * *",
    "15 */2 * * *",
    "0 0 * * *",
    "30 23 * * SUN",
    "0 3 1 * *",
    "59 1-4 * 3,10,11 *",
)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)

crons = st.builds(Cron, st.sampled_from(LINES), st.sampled_from(ZONES))
# Half of them around a change.
moments = st.builds(
    lambda day, minutes: (
        datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.sampled_from(FORWARD + BACK) | st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(str),
    st.integers(-600, 1800),
)


def times_of(line, zone, day):
    """On that day of that zone, as a clock there shows them, with the hours that it is ahead of
    UTC.
    """
    cron, first = (
        Cron(line, zone),
        datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(seconds=1),
    )
    found = (time.astimezone(cron.timezone) for time in cron.after(first.astimezone(UTC)))
    return [
        f"{time:%H:%M%z}"[:-2] for time in takewhile(lambda time: str(time.date()) == day, found)
    ]


@pytest.mark.parametrize(
    ("zone", "day", "line", "expected"),
    [
        # From 2:00 to 3:00: there is no 2:30.
        ("Europe/Berlin", "2026-03-29", "30 2 * * *", ["03:00+02"]),
        ("America/New_York", "2026-03-08", "30 2 * * *", ["03:00-04"]),
        ("Europe/Berlin", "2026-03-29", "0,30 2 * * *", ["03:00+02"]),
        ("Europe/Berlin", "2026-03-29", "0 2,3 * * *", ["03:00+02"]),
        ("America/New_York", "2026-03-08", "30 1-3 * * *", ["01:30-05", "03:00-04", "03:30-04"]),
        ("Europe/Berlin", "2026-03-29", "*/30 2 * * *", []),
        ("America/New_York", "2026-03-08", "*/30 2 * * *", []),
        # From 3:00 to 2:00 in Berlin, from 2:00 to 1:00 in New York: there are two hours of that
        # name.
        ("Europe/Berlin", "2026-10-25", "30 2 * * *", ["02:30+02"]),
        ("America/New_York", "2026-11-01", "30 1 * * *", ["01:30-04"]),
        ("America/New_York", "2026-11-01", "30 2 * * *", ["02:30-05"]),
        (
            "Europe/Berlin",
            "2026-10-25",
            "0,30 2,3 * * *",
            ["02:00+02", "02:30+02", "03:00+01", "03:30+01"],
        ),
        (
            "Europe/Berlin",
            "2026-10-25",
            "*/30 2 * * *",
            ["02:00+02", "02:30+02", "02:00+01", "02:30+01"],
        ),
    ],
)
def test_when_the_clocks_are_changed(zone, day, line, expected):
    assert times_of(line, zone, day) == expected


@pytest.mark.parametrize(
    ("zone", "forward", "back", "twice"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-10-25", ["02:00+02", "02:00+01"]),
        ("America/New_York", "2026-03-08", "2026-11-01", ["01:00-04", "01:00-05"]),
    ],
)
def test_a_line_of_every_hour_comes_once_in_each_whatever_it_is_called(zone, forward, back, twice):
    assert len(times_of("0 * * * *", zone, forward)) == 23
    found = times_of("0 * * * *", zone, back)
    assert len(found) == 25
    assert [time for time in found if time[:2] == twice[0][:2]] == twice


@given(crons, moments)
def test_times_are_in_order_and_later_than_the_moment(cron, moment):
    found = [moment, *islice(cron.after(moment), 5)]
    assert all(earlier < later for earlier, later in pairwise(found))


@given(crons, moments, st.integers(0, 3000))
def test_the_latest_is_the_last_of_all_between_and_never_in_the_future(cron, after, minutes):
    until = after + timedelta(minutes=minutes)
    between = list(takewhile(lambda time: time <= until, cron.after(after)))
    assert cron.latest(after, until) == (between[-1] if between else None)


@given(crons, moments, st.lists(st.integers(0, 100_000), max_size=6))
def test_after_any_gap_what_was_missed_is_caught_up_once_and_nothing_is_lost(cron, settled, gaps):
    now = settled
    for minutes in gaps:
        now += timedelta(minutes=minutes)
        due = cron.latest(settled, now)
        assert (due is None) == (next(cron.after(settled)) > now)
        if due is not None:
            assert settled < due <= now
            assert next(cron.after(due)) > now, "once, however many were missed"
            settled = due


@given(crons, moments, st.integers(0, 100_000))
def test_nothing_is_due_before_what_is_settled_should_the_clock_go_wrong(cron, settled, minutes):
    assert cron.latest(settled, settled - timedelta(minutes=minutes)) is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("* * * *", "five fields"),
        ("0 30 2 * * *", "five fields"),
        ("61 * * * *", "(bad minute)"),
        ("0 2 * * FUN", "(bad day-of-week)"),
        ("0 0 30 2 *", "(bad day-of-month)"),
        ("0 0 * 2 MON#5,TUE#6", "(bad day-of-week)"),
        (f"{'9' * 5000} * * * *", "(a number is too long)"),
        (30, "five fields"),
    ],
)
def test_a_line_that_is_none_is_refused_with_what_is_allowed(line, says):
    with pytest.raises(ValueError, match=r"minute, hour, day of month") as caught:
        check_line(line)
    assert says in str(caught.value)


@given(st.text(alphabet="0123456789*/-,#?LW MONSUJAN²", max_size=12), st.integers(0, 4))
def test_whatever_a_field_holds_is_understood_or_refused(text, field):
    line = " ".join(text if at == field else "*" for at in range(5))
    with suppress(ValueError):
        assert check_line(line) == line


@pytest.mark.parametrize(
    "zone", ["Europe", "europe/berlin", "../UTC", "/etc/passwd", "", "x" * 5000, "\0", "CETT", 1]
)
def test_a_zone_that_is_none_is_refused_with_what_is_allowed(zone):
    with pytest.raises(ValueError, match="IANA"):
        check_zone(zone)


def test_a_zone_that_was_mistyped_is_told():
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        check_zone("Europe/Berlim")
