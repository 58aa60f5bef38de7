"""`chorus worker`: run one worker in this process, for the configured broker."""

import logging
import os
import socket
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from time import time

from chorus.common.console import print_notice
from chorus.common.process_setup import block_pandas
from chorus.common.settings import Settings
from chorus.logs.process_logs import log_as_worker
from chorus.service.connection import context_for
from models.interface.device import choose_device, gather_gpu_facts
from models.kinds.table import find_kind
from models.publishing.registry import ModelRegistry
from storage.config.config_file import BadConfigFile
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.retry import StorageUnavailable
from tasks.board.bridge_roster import message_traffic
from tasks.board.context import Context
from tasks.board.keys import key_prefix
from tasks.board.leases import WorkerSession
from tasks.board.roster import Roster, Worker
from tasks.broker.celery_app import make_app
from tasks.planning.demand import read_demand

log = logging.getLogger(__name__)


class NoBrokerToServe(BadRequest):
    """A worker was started without a broker."""

    def __init__(self) -> None:
        super().__init__(
            "CHORUS_BROKER_URL is not set. Set it to the broker of the service that the worker "
            "belongs to; `chorus up` starts workers by itself."
        )


def run_worker(
    settings: Settings,
    model: str | None,
    threads: int | None,
    identity: str | None = None,
    only: Collection[str] = (),
    metrics: str | None = None,
) -> int:
    """Run until stopped, and return the exit status. `model` None is the control worker.

    `identity`: the name of this process in the roster; `only`: the jobs of the control worker, all
    if none are named; `metrics`: HOST:PORT at which it serves metrics.

    Raises NoBrokerToServe, BrokerUnreachable, NotPublished, NoGpu.
    """
    from workers.autoscaling.pool_manager import EXIT_STORAGE_UNAVAILABLE

    try:
        return _run(settings, model, threads, identity, only, metrics)
    except StorageUnavailable as error:
        print_notice(f"chorus: {error}")
        return EXIT_STORAGE_UNAVAILABLE


def _run(
    settings: Settings,
    model: str | None,
    threads: int | None,
    identity: str | None,
    only: Collection[str],
    metrics: str | None,
) -> int:
    broker = settings.broker
    if broker is None:
        raise NoBrokerToServe
    if (
        model is not None
        and find_kind(ModelRegistry(open_place(settings.home)).resolve(model).kind).uses_gpu
    ):
        choose_device(settings.device, gather_gpu_facts(count_with_torch=False))
    broker.check_answers()
    log_as_worker(settings, model or "control", identity or _own_id(model))
    context = context_for(settings, broker)
    app = make_app(broker, key_prefix(context.place))
    session = WorkerSession(
        context.board, describe_process(context, settings, model, threads, identity)
    )
    if model is None:
        from workers.control import control_worker

        with ExitStack() as stack:
            if metrics is not None:
                _serve_metrics(stack, context, metrics, supervised=identity is not None)
            return control_worker.run_control_worker(
                app, replace(context, session=session), settings.run, only
            )
    from workers.scoring import scoring_worker

    return scoring_worker.run_scoring_worker(
        app,
        context,
        session,
        settings.compute(threads),
        settings.run,
        block_pandas,
        settings.chunk_rows,
    )


def _serve_metrics(stack: ExitStack, context: Context, address: str, *, supervised: bool) -> None:
    """Serve metrics until the stack ends.

    `supervised`: a service restarts this process if it ends, so a mistake in chorus.toml does not
    end it; the metrics count with the default limits. Raises BadListenAddress, CannotListen,
    BadConfigFile.
    """
    from workers.config.limits_file import parse_limits, read_limits
    from workers.control.metrics_server import parse_listen_address, serve_metrics
    from workers.control.prometheus import BoardSnapshot

    roster = Roster(context.board)

    def read() -> BoardSnapshot:
        workers = [worker for worker in roster.workers() if worker.model]
        demands = read_demand(context.place, context.board, {worker.model for worker in workers})
        return BoardSnapshot(demands, workers, message_traffic(context.board))

    host, port = parse_listen_address(address)
    try:
        limits = read_limits(context.place).for_model
    except BadConfigFile as error:
        if not supervised:
            raise
        log.warning("the metrics count with the default limits: %s", error)
        limits = parse_limits(b"", "").for_model
    stack.enter_context(serve_metrics(host, port, read, limits))


def _own_id(model: str | None) -> str:
    """Return the id of a worker that was started by hand."""
    return f"{model or 'control'}-{socket.gethostname()}-{os.getpid()}"


def describe_process(
    context: Context,
    settings: Settings,
    model: str | None,
    threads: int | None,
    identity: str | None,
) -> Worker:
    """Return this process as its parent put it on the roster, or a new entry for it."""
    host, now = socket.gethostname(), time()
    listed = Roster(context.board).get(identity) if identity else None
    if listed is not None:
        # a new `since` shows the parent that the process has started
        return replace(listed, since=now)
    return Worker(
        id=identity or _own_id(model),
        model=model or "",
        machine=host,
        state="starting" if model else "idle",
        since=now,
        started=now,
        memory=0,
        threads=threads or settings.cores,
        device=settings.device,
    )
