"""A mistake in customers.toml or chorus.toml stops every command that rests on the file."""

import pytest

from tests.support.runs.command import Command
from tests.support.runs.waiting import wait_until

TYPO = '\n[[schedule]]\nname = "nightly"\ncorn = "30 2 * * *"\n'
MISTAKE = "chorus.toml, line 4: there is no key in [[schedule]] with the name 'corn'. Did you mean"


@pytest.fixture
def file(upload):
    return upload([("1", "great"), ("2", "awful")])


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "FILE"),
        ("plan", "FILE"),
        ("plan", "--all"),
        ("submit", "FILE"),
        ("up",),
        ("reprocess", "--all"),
        ("models", "promote", "mood-bow", "1"),
        ("schedule", "list"),
        ("deploy", "kubernetes"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_a_mistake_in_chorus_toml_stops_every_command_that_rests_on_it(
    home, broker, file, arguments
):
    (home / "chorus.toml").write_text(TYPO)
    words = [str(file) if word == "FILE" else word for word in arguments]
    settings = {"CHORUS_BROKER_URL": broker.url} if arguments[0] == "submit" else {}
    ended = Command(home, **settings).here(*words)
    assert ended.status == 2
    assert MISTAKE in ended.err
    assert not (home / "feedback").exists(), "nothing was stored"


def test_a_forced_promotion_needs_no_chorus_toml(chorus, home):
    (home / "chorus.toml").write_text(TYPO)
    assert chorus.here("models", "promote", "mood-bow", "1", "--force").status == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('defualt = "plain"', "line 1: there is no key with the name 'defualt'. Did you mean"),
        ('[customers.acme]\nensmble = "acme"', "line 2: there is no key in [customers.acme]"),
        ('[customers.acme]\nensemble = "gone"', "line 2: There is no gone among the ensembles"),
        ('default = "gone"', "line 1: There is no gone among the ensembles"),
    ],
)
def test_a_mistake_in_customers_toml_is_reported_with_its_line(chorus, home, file, text, expected):
    (home / "customers.toml").write_text(text)
    ended = chorus.here("score", file, "--customer", "acme", "--json")
    assert ended.status == 2
    assert f"customers.toml, {expected}" in ended.json["error"]
    assert "pydantic" not in ended.err
    assert not (home / "feedback").exists()


def test_doctor_and_status_name_every_mistake(chorus, home):
    (home / "chorus.toml").write_text(TYPO)
    (home / "customers.toml").write_text(
        '[customers.a]\nensemble = "gone"\n[customers.b]\nensemble = "lost"\n'
    )
    ended = chorus.here("doctor", "--json")
    assert ended.status == 1
    findings = {one["check"]: one for one in ended.json["findings"]}
    assert MISTAKE in findings["schedules"]["found"]
    for expected in ("line 2: There is no gone", "line 4: There is no lost"):
        assert expected in findings["customers"]["found"]
    [mistake] = chorus.here("status", "--json").json["mistakes"]
    assert MISTAKE in mistake
    assert f"Mistake in {home}/{MISTAKE}" in chorus.here("status").out


def test_a_service_whose_file_got_a_mistake_can_restart_its_control_worker(home, broker):
    (home / "chorus.toml").write_text("[defaults]\nmax = 0\n")
    command = Command(home, CHORUS_BROKER_URL=broker.url)
    started = ("worker", "--control", "--metrics", "127.0.0.1:0")
    refused = command(*started)
    assert refused.status == 2
    assert "chorus.toml, line 2: max in [defaults] is 0" in refused.err
    with command.start(*started, "--id", "control-1") as process:
        try:
            alive = home / "run" / "alive"  # touched when jobs are reconciled
            wait_until(lambda: alive.exists() or process.poll() is not None, "the worker")
        finally:
            process.kill()
        assert alive.exists()
        assert b"the metrics count with the default limits" in process.stderr.read()
