"""A place on a bucket that is slow, fails and loses answers."""

from multiprocessing import get_context
from threading import Barrier, Thread

import pytest

from storage.places.object_place import object_place
from storage.places.open_place import open_place
from storage.places.place import Absent
from storage.places.retry import RetryPolicy, StorageRefused, StorageUnavailable
from storage.record import Record
from storage.versions.pointer import Pointer
from tests.support.servers import faulty_proxy as faults
from tests.support.servers.buckets import set_environment

QUICK = RetryPolicy(first_wait=0.01, longest_wait=0.05, give_up_after=20)
WRITE = {"gs": "POST", "s3": "PUT"}


class Words(Record):
    words: tuple[str, ...] = ()


def append(word):
    return lambda before: Words(words=(*(before.words if before else ()), word))


@pytest.fixture
def place(buckets, proxy):  # noqa: ARG001 — requests go through the proxy
    return object_place(f"{buckets.new_bucket()}/root", QUICK)


@pytest.mark.parametrize(
    "name",
    [
        "UNAVAILABLE",
        "UNAVAILABLE_AFTER",
        "TOO_MANY",
        "CONFLICT",
        "PRECONDITION",
        "CUT",
        "CUT_AFTER",
    ],
)
def test_create_reports_who_created_the_file_though_the_first_answers_fail_or_are_lost(
    buckets, proxy, place, name
):
    proxy.fail_next(2, getattr(faults, name), WRITE[buckets.scheme])
    assert place.create("a", b"one")
    assert not place.create("a", b"one"), "another call created it, though with the same bytes"
    proxy.fail_next(1, getattr(faults, name), WRITE[buckets.scheme])
    assert not place.create("a", b"two")
    assert place.read("a") == b"one"


@pytest.mark.parametrize("name", ["UNAVAILABLE", "TOO_MANY", "CUT"])
def test_every_operation_is_retried(proxy, place, name):
    place.create("x/a", b"one")
    for operation in (
        lambda: place.read("x/a"),
        lambda: place.names("x"),
        lambda: place.exists("x/a"),
        lambda: place.exists("x/b"),
        lambda: place.replace("x/a", b"two"),
        lambda: place.remove("x/a"),
        lambda: place.clear("x"),
    ):
        failed = proxy.failed
        proxy.fail_next(2, getattr(faults, name))
        operation()
        assert proxy.failed > failed
    assert place.names("x") == []


def test_a_request_that_hangs_times_out_and_is_retried(buckets, proxy):
    place = object_place(
        f"{buckets.new_bucket()}/root",
        RetryPolicy(first_wait=0.01, give_up_after=20, idle_timeout=0.3, request_timeout=0.5),
    )
    proxy.fail_next(1, faults.HANGS_AFTER, WRITE[buckets.scheme])
    assert place.create("a", b"one")
    proxy.fail_next(1, faults.HANGS)
    assert place.read("a") == b"one"


class WaitClock:
    """A clock that only waiting advances: requests take no time, however slow the machine is."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_storage_that_stays_unavailable_is_an_error_within_the_limit_and_works_again_later(
    buckets, proxy, monkeypatch
):
    clock = WaitClock()
    monkeypatch.setattr("storage.places.object_place.time", clock)
    place = object_place(
        f"{buckets.new_bucket()}/root", RetryPolicy(first_wait=0.05, give_up_after=1)
    )
    proxy.fail_share(1, [faults.UNAVAILABLE])
    with pytest.raises(
        StorageUnavailable, match=r"root/a could not be read or written in \d+ tries"
    ) as caught:
        place.create("a", b"one")
    assert 0.05 <= clock.now <= 1, "it waits between tries, and gives up at the limit"
    assert caught.value.tries == proxy.count() > 1, "the libraries try by themselves as well"
    proxy.stop_failing()
    assert place.create("a", b"one")


def test_an_operation_that_storage_refuses_fails_at_once_with_advice(proxy, place):
    place.create("a", b"one")
    for operation in (
        lambda: place.read("a"),
        lambda: place.create("b", b""),
        lambda: place.names(""),
    ):
        for fault, advice in ((faults.FORBIDDEN, "Check"), (faults.NOT_IMPLEMENTED, "Correct it")):
            calls = proxy.count()
            proxy.fail_next(1, fault)
            with pytest.raises(StorageRefused, match=advice):
                operation()
            assert proxy.count() == calls + 1


@pytest.mark.usefixtures("proxy")
def test_a_missing_bucket_is_an_error_and_not_an_empty_place(buckets):
    place = object_place(f"{buckets.scheme}://no-such-bucket/root", QUICK)
    for operation in (
        lambda: place.read("a"),
        lambda: place.exists("a"),
        lambda: place.names(""),
        lambda: place.create("a", b""),
    ):
        with pytest.raises(StorageRefused, match="no such bucket"):
            operation()


def test_missing_credentials_are_an_error_at_once(s3_server, monkeypatch, tmp_path):
    set_environment(
        monkeypatch, {**s3_server.environment, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StorageRefused, match="AWS_PROFILE"):
        object_place(f"{s3_server.new_bucket()}/root", QUICK).read("a")


@pytest.mark.parametrize("endpoint", ["nonsense", "http://127.0.0.1:port"])
def test_an_invalid_endpoint_is_an_error_at_once(s3_server, monkeypatch, endpoint):
    set_environment(monkeypatch, {**s3_server.environment, "AWS_ENDPOINT_URL": endpoint})
    with pytest.raises(StorageRefused, match=endpoint):
        object_place("s3://acme/root", QUICK).read("a")


def test_an_invalid_bucket_name_is_an_error_at_once(s3_server, monkeypatch):
    set_environment(monkeypatch, s3_server.environment)
    with pytest.raises(StorageRefused, match="Invalid bucket name"):
        object_place("s3://acme!!/root", QUICK).read("a")


def test_changes_by_another_process_are_seen_at_once(place):
    other = object_place(place.url, QUICK)
    assert (place.names("x"), place.exists("x/a")) == ([], False)
    other.create("x/a", b"one")
    assert (place.names("x"), place.exists("x/a")) == (["a"], True)
    other.remove("x/a")
    assert (place.names("x"), place.exists("x/a")) == ([], False)


def test_with_many_failing_requests_a_pointer_loses_no_move_and_makes_none_twice(proxy, place):
    pointer, barrier = Pointer(place, "current", Words), Barrier(4)
    proxy.fail_share(0.2, seed=1)

    def mover(word):
        barrier.wait()
        for step in range(3):
            pointer.move(append(f"{word}{step}"))

    threads = [Thread(target=mover, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.failed > 5
    proxy.stop_failing()
    assert sorted(pointer.current().words) == sorted(
        f"{number}{step}" for number in range(4) for step in range(3)
    )


def test_a_long_listing_is_complete_though_some_of_its_pages_fail(proxy, place, monkeypatch):
    monkeypatch.setattr("storage.places.object_place._PAGE_KEYS", 5)
    names = [f"file-{number:02}" for number in range(22)]
    for name in names:
        place.create(f"x/{name}", b"")
    proxy.fail_share(0.4, [faults.UNAVAILABLE, faults.CUT], seed=2)
    assert place.names("x") == names
    assert proxy.failed > 0


def test_a_large_file_is_created_in_one_conditional_request(proxy, place):
    data = bytes(101 << 20)  # by default both libraries would send so much in parts
    before = proxy.count()
    assert place.create("big", data)
    assert proxy.count() == before + 1
    assert not place.create("big", b"other")


def test_a_missing_file_is_reported_as_absent_after_a_failed_request(proxy, place):
    proxy.fail_next(1, faults.UNAVAILABLE)
    with pytest.raises(Absent, match="root/nothing"):
        place.read("nothing")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_place_works_in_a_forked_or_spawned_process(place, method):
    place.create("a", b"one")
    context = get_context(method)
    child = context.Process(
        target=_copy, args=(place.url, "a", "b") if method == "spawn" else (place, "a", "b")
    )
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert place.read("b") == b"one"


def _copy(place, source, target):
    opened = open_place(place) if isinstance(place, str) else place
    opened.create(target, opened.read(source))
