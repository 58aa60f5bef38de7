"""The scaling policy: invariants over simulated histories, and decisions in single cases."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from tests.support.scale_world import SimulatedModel, SimulatedPools
from workers.autoscaling.actions import PauseDispatch, StartWorker, StopWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import TURN_SECONDS, scale

MODELS = "abcdef"
LARGE = Budget("here", cores=64, memory=1000)

limits = st.builds(
    Limits,
    min=st.sampled_from([0, 0, 0, 1]),
    max=st.sampled_from([None, None, 1, 3]),
    keep_warm=st.sampled_from([5.0, 30.0]),
    drain=st.sampled_from([10.0, 60.0]),
    threads=st.sampled_from([None, None, 2]),
    memory=st.sampled_from([None, None, 3]),
    device=st.sampled_from(["cpu", "cpu", "auto", "cuda", "cuda:1"]),
    gpu=st.sampled_from([0.3, 0.5, 1.0]),
)
kinds = st.builds(
    SimulatedModel,
    rate=st.sampled_from([2.0, 5.0, 50.0]),
    start_seconds=st.sampled_from([1.0, 2.0, 10.0]),
    memory=st.integers(1, 4),
    limits=limits,
)
cpu_kinds = kinds.map(lambda kind: replace(kind, limits=replace(kind.limits, min=0, device="cpu")))
models = st.dictionaries(st.sampled_from(MODELS), kinds, min_size=1, max_size=6)
budgets = st.builds(
    Budget,
    st.just("here"),
    st.integers(1, 6),
    st.integers(4, 12),
    st.sampled_from([(), ("cuda:0",)]),
)
other_machine = Budget("there", cores=2, memory=6, gpus=("cuda:0", "cuda:1"))
event = st.tuples(
    st.sampled_from(MODELS),
    st.sampled_from([0, 0, 1, 30, 500]),
    st.integers(0, 2),
    st.integers(1, 20),
    st.booleans(),
)
history = st.lists(event, max_size=12)


@settings(max_examples=30, deadline=None)
@given(models, st.lists(budgets, min_size=1, max_size=1), st.booleans(), history)
def test_no_history_exceeds_the_budget_or_the_limits_or_stops_a_busy_worker(
    kinds, budgets, two_machines, history
):
    world = SimulatedPools(kinds, budgets + [other_machine] * two_machines)  # it checks each action
    for model, rows, urgency, seconds, worker_dies in history:
        if model in kinds:
            world.add_rows(model, rows, urgency)
        if worker_dies and world.workers:
            world.kill(min(world.workers))
        world.run(seconds)


@settings(max_examples=4, deadline=None)
@given(
    st.lists(cpu_kinds, min_size=2, max_size=6),
    st.integers(4, 7),
    st.lists(st.integers(0, 2), min_size=6),
)
def test_no_model_starves_while_all_others_always_have_rows(kinds, memory, urgencies):
    world = SimulatedPools(dict(zip(MODELS, kinds, strict=False)), [Budget("here", 2, memory)])
    for _ in range(90):
        for model, urgency in zip(world.kinds, urgencies, strict=False):
            if world.remaining_rows(model) < 300:
                world.add_rows(model, 1000, urgency)
        world.run(60)
    turns = sum(max(TURN_SECONDS, 5 * 10.0) + 20 for _ in kinds)
    head_start = max({0: 0, 1: 300, 2: 1800}[urgency] for urgency in urgencies[: len(kinds)])
    assert max(world.longest.values()) <= 2 * turns + head_start


@settings(max_examples=12, deadline=None)
@given(models, st.dictionaries(st.sampled_from(MODELS), st.sampled_from([1, 3, 8]), max_size=6))
def test_constant_demand_leads_to_a_constant_number_of_workers(kinds, rows_a_second):
    kinds = {
        name: replace(kind, limits=replace(kind.limits, device="cpu"))
        for name, kind in kinds.items()
    }
    world = SimulatedPools(kinds, [Budget("here", cores=32, memory=500)])
    for second in range(900):
        for model in kinds:
            world.add_rows(model, rows_a_second.get(model, 0))
        world.run(1)
        if second == 600:
            world.actions.clear()
    # A model with more rows than its `max` can score stays at `max`; others have what they need.
    assert not world.actions


@settings(max_examples=15, deadline=None)
@given(models, history)
def test_without_further_rows_all_are_scored_and_only_min_workers_stay(kinds, history):
    kinds = {
        name: replace(kind, limits=replace(kind.limits, device="cpu"))
        for name, kind in kinds.items()
    }
    world = SimulatedPools(kinds, [Budget("here", cores=3, memory=24)])
    for model, rows, urgency, seconds, _ in history:
        if model in kinds:
            world.add_rows(model, rows, urgency)
        world.run(seconds)
    for _ in range(200):
        world.run(20)
        if not any(world.remaining_rows(model) for model in kinds):
            break
    world.run(60)
    assert not any(world.remaining_rows(model) for model in kinds)
    assert {name: len(world.of(name)) for name in kinds} == {
        name: kind.limits.min for name, kind in kinds.items()
    }


def demand(model="a", **values):
    fields = {"urgent": 0, "bulk": 0, "nightly": 0, "oldest": 0.0, "deadline": None}
    return Demand(model, **{**fields, "rate": 300.0, "start_seconds": 2.0, "memory": 1, **values})


def worker(model="a", state="idle", since=0.0, started=0.0, name="", machine="here", **values):
    return Worker(
        name or f"{model}1",
        model,
        machine,
        state,
        since,
        started,
        **{"memory": 1, "threads": 1, **values},
    )


def decide(demands, workers=(), budget=LARGE, now=1000.0, **limits):
    return scale(demands, list(workers), lambda _: Limits(**limits), budget, now)


@given(
    rows=st.integers(1, 10**6),
    rate=st.floats(1, 10**4),
    start=st.floats(0.1, 100),
    age=st.floats(0, 200),
    ready=st.booleans(),
)
def test_no_second_worker_starts_for_rows_scored_before_it_would_be_ready(
    rows, rate, start, age, ready
):
    first = worker(state="busy") if ready else worker(state="starting", started=1000.0 - age)
    ready_in = 0.0 if ready else max(0.0, start - age)
    actions = decide([demand(bulk=rows, rate=rate, start_seconds=start)], [first], drain=1.0)
    if ready_in + rows / rate <= start:
        assert not actions
    elif ready_in + rows / rate > 2 * start + 1:
        assert StartWorker("a", 1) in actions


def test_a_backlog_gets_enough_workers_to_score_it_in_time():
    assert decide([demand(bulk=100_000)]) == [StartWorker("a", 1)] * 6
    assert decide([demand(bulk=100_000)], max=2) == [StartWorker("a", 1)] * 2
    assert decide([demand(bulk=1)]) == [StartWorker("a", 1)]
    assert len(decide([demand(nightly=1_000_000)])) == 2, "nightly rows may take longer"


def test_a_deadline_counts_for_urgent_rows_only():
    urgent = demand(urgent=3000, bulk=9000, deadline=1007.0)
    assert len(decide([urgent])) == 2
    assert len(decide([replace(urgent, deadline=1000.0)])) == 5, "too late: within two starts"


def test_min_workers_run_without_rows_counted_over_all_machines():
    assert decide([demand()], min=2) == [StartWorker("a", 1)] * 2
    assert decide([demand()], [worker(machine="there")], min=2) == [StartWorker("a", 1)]
    assert decide([demand()], [worker(machine="there", state="stopping")], min=1) == [
        StartWorker("a", 1)
    ]
    assert decide(
        [demand()], [worker(), worker(machine="there", name="a2")], min=1, now=1000.0
    ) == [StopWorker("a1")]


def test_idle_workers_stop_after_keep_warm_the_longest_idle_first():
    idle = [
        worker(name="new", since=995.0),
        worker(name="old", since=880.0),
        worker(name="older", since=870.0),
    ]
    assert decide([], idle) == [StopWorker("older"), StopWorker("old")]
    assert decide([demand()], idle, min=2) == [StopWorker("older")]
    assert decide([], idle, keep_warm=200.0) == [StopWorker("older"), StopWorker("old")]
    assert decide([], idle[1:], keep_warm=200.0) == [StopWorker("older")]
    assert decide([], idle[1:2], keep_warm=200.0) == []


def test_a_spare_idle_worker_stops_soon_and_the_last_stays_warm():
    idle = [worker(name="last", since=980.0), worker(name="more", since=970.0)]
    assert decide([], idle) == [StopWorker("more")]
    assert decide([], idle, now=980.0) == []


def test_idle_workers_that_are_not_needed_stop_though_another_is_busy():
    pool = [worker(name="busy", state="busy"), worker(name="idle", since=10.0)]
    assert decide([demand(bulk=100)], pool) == [StopWorker("idle")]
    assert decide([demand(bulk=100_000)], pool)[:1] != [StopWorker("idle")]


def test_at_most_one_worker_a_core_starts_at_a_time_the_urgent_first():
    demands = [demand("nightly", nightly=1, oldest=990.0), demand("bulk", bulk=1, oldest=990.0)]
    demands += [demand("live", urgent=1, oldest=999.0)]
    assert decide(demands, budget=Budget("here", 2, 100)) == [
        StartWorker("live", 1),
        StartWorker("bulk", 1),
    ]
    starting = worker("x", state="starting", started=999.0)
    assert decide(demands, [starting], Budget("here", 2, 100)) == [StartWorker("live", 1)]


def test_a_first_worker_needs_no_free_core_and_a_further_one_does():
    one = Budget("here", 1, 100)
    assert decide([demand("a", bulk=10**6), demand("b", bulk=1)], [worker(state="busy")], one) == [
        StartWorker("b", 1)
    ]


def test_cores_of_idle_workers_whose_model_has_rows_are_not_used_for_others():
    idle = [worker(name=f"a{number}", since=999.0) for number in range(2)]
    assert decide([demand(bulk=10**6)], idle, Budget("here", 2, 100)) == []


def test_cores_of_stopping_workers_are_not_used_for_others():
    demands = [demand("b", bulk=10**6)]
    workers = [worker("b", "busy"), worker("a", since=10.0)]
    assert decide(demands, workers, Budget("here", 2, 100)) == [StopWorker("a1")]
    assert decide(demands, [workers[0], worker("a", since=999.0)], Budget("here", 2, 100)) == [
        StartWorker("b", 1)
    ]


def test_backlogs_share_free_cores_evenly():
    demands = [demand("a", bulk=10**6), demand("b", bulk=10**6)]
    started = [action.model for action in decide(demands, budget=Budget("here", 6, 100))]
    assert (started.count("a"), started.count("b")) == (3, 3)


def test_declared_memory_counts_if_it_is_more_than_measured():
    demands = [demand("a", bulk=1, memory=6), demand("b", bulk=1, memory=2)]
    assert len(decide(demands, budget=Budget("here", 4, 8))) == 2
    assert len(decide(demands, budget=Budget("here", 4, 8), memory=4)) == 1


def test_a_waiting_model_replaces_the_longest_idle_worker_without_rows():
    full = Budget("here", 2, 2)
    workers = [worker("x", since=990.0), worker("y", since=980.0)]
    assert decide([demand(bulk=1)], workers, full) == [StopWorker("y1")]
    assert decide(
        [demand(bulk=1), demand("y", bulk=5)], [workers[0], worker("y", "busy")], full
    ) == [StopWorker("x1")]
    assert decide([demand(bulk=1, memory=3)], workers, full) == [], "no worker stops in vain"
    assert decide([demand(bulk=1)], [workers[0], worker("y", "stopping")], full) == [], (
        "another is stopping already"
    )


def test_no_worker_stops_whose_end_makes_no_room():
    one = Budget("here", 2, 100, ("cuda:0",))
    workers = [worker("x", since=10.0), worker("y", since=990.0, device="cuda:0")]
    assert decide([demand(bulk=1)], workers, one, device="auto", keep_warm=2000.0) == [
        StopWorker("y1")
    ]


def test_idle_workers_stop_together_with_busy_ones_if_both_are_needed_for_room():
    full = Budget("here", 2, 2)
    demands = [demand("a", bulk=10, memory=2, oldest=990.0), demand("x", bulk=10**6)]
    workers = [worker("y", since=990.0), worker("x", "busy", started=900.0)]
    assert decide(demands, workers, full) == [PauseDispatch("x")]
    assert decide(demands, [workers[0], worker("x", since=999.0, started=900.0)], full) == [
        StopWorker("y1"),
        StopWorker("x1"),
    ]


def test_a_stopping_process_counts_towards_max():
    assert decide([demand(bulk=1)], [worker(state="stopping")], max=1) == []
    assert decide([demand(bulk=1)], [worker(state="stopping")], max=2) == [StartWorker("a", 1)]


def test_min_workers_do_not_stop_for_another_model():
    assert decide([demand(bulk=1)], [worker("x")], Budget("here", 1, 1), min=1) == []


def test_a_model_that_had_its_turn_is_paused_for_one_that_waits():
    full = Budget("here", 2, 1)
    demands = [demand("a", bulk=10, oldest=990.0), demand("x", bulk=10**6)]
    assert decide(demands, [worker("x", "busy", started=970.0)], full) == []
    assert decide(demands, [worker("x", "busy", started=900.0)], full) == [PauseDispatch("x")]
    assert decide(demands, [worker("x", since=999.0, started=900.0)], full) == [StopWorker("x1")]
    assert decide(demands[1:], [worker("x", "busy", started=900.0)], full) == []


def test_bulk_is_paused_for_urgent_rows_at_once():
    demands = [demand("a", urgent=1, oldest=999.0), demand("x", bulk=10**6)]
    assert decide(demands, [worker("x", "busy", started=998.0)], Budget("here", 2, 1)) == [
        PauseDispatch("x")
    ]


def test_bulk_that_waited_long_gets_a_turn_and_scores_a_cell_before_it_stops():
    full = Budget("here", 2, 1)
    demands = [demand("a", bulk=1, oldest=600.0), demand("x", urgent=10**6)]
    assert decide(demands, [worker("x", "busy")], full) == [PauseDispatch("x")]
    fresh = worker("a", since=1000.0, started=998.0)
    waiting = demand("x", urgent=10**6, last_served=998.0)
    assert decide([demands[0], waiting], [fresh], full) == []
    assert decide([replace(demands[0], last_served=999.5), waiting], [fresh], full) == [
        StopWorker("a1")
    ]


def test_a_waiting_large_model_is_not_overtaken_by_a_small_one():
    demands = [demand("large", bulk=1, memory=4, oldest=1.0), demand("small", bulk=1, oldest=2.0)]
    workers = [worker("x", "busy", started=990.0, memory=2)]
    assert decide([*demands, demand("x", bulk=10**6)], workers, Budget("here", 4, 4)) == []
    demands[0] = replace(demands[0], memory=9)
    assert decide([*demands, demand("x", bulk=10)], workers, Budget("here", 4, 4)) == [
        StartWorker("small", 1)
    ]


def test_gpus_are_shared_by_declared_parts_on_the_fullest_that_has_room():
    two = Budget("here", 8, 100, ("cuda:0", "cuda:1"))
    half = worker("x", "busy", device="cuda:1")
    assert decide([demand(bulk=1)], [half], two, gpu=0.5) == [StartWorker("a", 1, "cuda:1")]
    assert decide([demand(bulk=1)], [half], two, gpu=1.0) == [StartWorker("a", 1, "cuda:0")]
    assert decide([demand(bulk=1)], [half], two, gpu=1.0, device="cuda:1") == [PauseDispatch("x")]
    assert decide([demand(bulk=1)], [half], two, device="cpu") == [StartWorker("a", 1)]
    assert decide([demand(bulk=1)], budget=LARGE, device="cuda") == []
    assert decide([demand(bulk=1)], budget=LARGE, device="auto") == [StartWorker("a", 1)]


def test_workers_that_hang_in_their_start_do_not_keep_others_from_starting():
    one = Budget("here", 1, 100)
    demands = [demand("a", bulk=10**6), demand("x", bulk=1, start_seconds=20.0)]
    hangs = worker("x", "starting", started=901.0)
    assert decide(demands, [hangs], one) == [], "five usual starts are 100 s"
    assert decide(demands, [replace(hangs, started=899.0)], one) == [StartWorker("a", 1)]
    assert decide(demands[:1], [worker("x", "starting", started=941.0)], one) == []
    assert decide(demands[:1], [worker("x", "starting", started=939.0)], one) == [
        StartWorker("a", 1)
    ]
    assert decide(demands[1:], [replace(hangs, started=0.0)], LARGE) == [], (
        "another of this model would hang as well"
    )
