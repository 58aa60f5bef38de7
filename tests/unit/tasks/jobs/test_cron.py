"""The times of a cron line, on ordinary days and on days when the clocks change."""

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
# half of them near a change of the clocks
moments = st.builds(
    lambda day, minutes: (
        datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.sampled_from(FORWARD + BACK) | st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(str),
    st.integers(-600, 1800),
)


def times_of(line, zone, day):
    """Return the times of a day as a clock in the zone shows them, with its offset from UTC."""
    cron, first = (
        Cron(line, zone),
        datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(seconds=1),
    )
    times = (time.astimezone(cron.timezone) for time in cron.after(first.astimezone(UTC)))
    return [
        f"{time:%H:%M%z}"[:-2] for time in takewhile(lambda time: str(time.date()) == day, times)
    ]


@pytest.mark.parametrize(
    ("zone", "day", "line", "expected"),
    [
        # The clock goes from 2:00 to 3:00: there is no 2:30.
        ("Europe/Berlin", "2026-03-29", "30 2 * * *", ["03:00+02"]),
        ("America/New_York", "2026-03-08", "30 2 * * *", ["03:00-04"]),
        ("Europe/Berlin", "2026-03-29", "0,30 2 * * *", ["03:00+02"]),
        ("Europe/Berlin", "2026-03-29", "0 2,3 * * *", ["03:00+02"]),
        ("America/New_York", "2026-03-08", "30 1-3 * * *", ["01:30-05", "03:00-04", "03:30-04"]),
        ("Europe/Berlin", "2026-03-29", "*/30 2 * * *", []),
        ("America/New_York", "2026-03-08", "*/30 2 * * *", []),
        # The clock goes back from 3:00 to 2:00 in Berlin, from 2:00 to 1:00 in New York: there
        # are two such hours.
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
def test_times_on_a_day_when_the_clocks_change(zone, day, line, expected):
    assert times_of(line, zone, day) == expected


@pytest.mark.parametrize(
    ("zone", "forward", "back", "twice"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-10-25", ["02:00+02", "02:00+01"]),
        ("America/New_York", "2026-03-08", "2026-11-01", ["01:00-04", "01:00-05"]),
    ],
)
def test_an_hourly_line_comes_once_in_every_hour_of_a_day_with_a_change(zone, forward, back, twice):
    assert len(times_of("0 * * * *", zone, forward)) == 23
    times = times_of("0 * * * *", zone, back)
    assert len(times) == 25
    assert [time for time in times if time[:2] == twice[0][:2]] == twice


@given(crons, moments)
def test_times_are_in_order_and_later_than_the_moment(cron, moment):
    times = [moment, *islice(cron.after(moment), 5)]
    assert all(earlier < later for earlier, later in pairwise(times))


@given(crons, moments, st.integers(0, 3000))
def test_the_latest_time_is_the_last_one_in_the_interval(cron, after, minutes):
    until = after + timedelta(minutes=minutes)
    between = list(takewhile(lambda time: time <= until, cron.after(after)))
    assert cron.latest(after, until) == (between[-1] if between else None)


@given(crons, moments, st.lists(st.integers(0, 100_000), max_size=6))
def test_after_any_gap_missed_times_are_caught_up_once_and_none_is_lost(cron, last_due, gaps):
    now = last_due
    for minutes in gaps:
        now += timedelta(minutes=minutes)
        due = cron.latest(last_due, now)
        assert (due is None) == (next(cron.after(last_due)) > now)
        if due is not None:
            assert last_due < due <= now
            assert next(cron.after(due)) > now, "once, however many were missed"
            last_due = due


@given(crons, moments, st.integers(0, 100_000))
def test_nothing_is_due_when_the_clock_is_set_back(cron, last_due, minutes):
    assert cron.latest(last_due, last_due - timedelta(minutes=minutes)) is None


@pytest.mark.parametrize(
    ("line", "expected"),
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
def test_a_bad_cron_line_is_refused_with_what_is_allowed(line, expected):
    with pytest.raises(ValueError, match=r"minute, hour, day of month") as caught:
        check_line(line)
    assert expected in str(caught.value)


@given(st.text(alphabet="0123456789*/-,#?LW MONSUJAN²", max_size=12), st.integers(0, 4))
def test_any_text_in_a_field_is_accepted_or_refused(text, field):
    line = " ".join(text if at == field else "*" for at in range(5))
    with suppress(ValueError):
        assert check_line(line) == line


@pytest.mark.parametrize(
    "zone", ["Europe", "europe/berlin", "../UTC", "/etc/passwd", "", "x" * 5000, "\0", "CETT", 1]
)
def test_a_bad_zone_is_refused_with_what_is_allowed(zone):
    with pytest.raises(ValueError, match="IANA"):
        check_zone(zone)


def test_the_error_for_a_mistyped_zone_suggests_the_right_one():
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        check_zone("Europe/Berlim")
