"""`chorus worker`: one worker in this process, for a configured broker."""

import os
import socket
import sys
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from time import time

from chorus.common.logs import log_to_stderr
from chorus.common.process_setup import block_pandas
from chorus.common.settings import Settings
from chorus.service.connection import context_for
from models.interface.device import choose_device, gather_gpu_facts
from models.kinds.table import find_kind
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.retry import StorageUnavailable
from tasks.board.bridge_roster import message_traffic
from tasks.board.context import Context
from tasks.board.keys import key_prefix
from tasks.board.leases import WorkerSession
from tasks.board.roster import Roster, Worker
from tasks.broker.celery_app import make_app
from tasks.planning.demand import demand


class NoBrokerToServe(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "CHORUS_BROKER_URL is not set: a worker needs the broker of the service it belongs to."
        )


def run_worker(
    settings: Settings,
    model: str | None,
    threads: int | None,
    identity: str | None = None,
    only: Collection[str] = (),
    metrics: str | None = None,
) -> int:
    """Work until told to stop; the exit status. `model` None is the control worker.

    `identity`: what the roster calls this process; `only`: the jobs that the control worker looks
    after; `metrics`: HOST:PORT at which it serves them.

    Raises NoBrokerToServe, BrokerUnreachable, NotPublished, NoGpu.
    """
    from workers.autoscaling.pool_manager import STORAGE_AWAY

    try:
        return _serve(settings, model, threads, identity, only, metrics)
    except StorageUnavailable as error:
        print(f"chorus: {error}", file=sys.stderr)
        return STORAGE_AWAY


def _serve(
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
    log_to_stderr()
    context = context_for(settings, broker)
    app = make_app(broker, key_prefix(context.place))
    presence = WorkerSession(
        context.board, describe_process(context, settings, model, threads, identity)
    )
    if model is None:
        from workers.control import control_worker

        with ExitStack() as stack:
            if metrics is not None:
                _serve_metrics(stack, context, metrics)
            return control_worker.run_control_worker(
                app, replace(context, session=presence), settings.run, only
            )
    from workers.scoring import scoring_worker

    return scoring_worker.run_scoring_worker(
        app,
        context,
        presence,
        settings.compute(threads),
        settings.run,
        block_pandas,
        settings.chunk_rows,
    )


def _serve_metrics(stack: ExitStack, context: Context, where: str) -> None:
    """Until the stack ends. Raises BadAddress, CannotListen, BadChorusToml."""
    from workers.config.limits_file import read_limits
    from workers.control.metrics_server import parse_listen_address, serve_metrics
    from workers.control.prometheus import BoardSnapshot

    roster = Roster(context.board)

    def read() -> BoardSnapshot:
        workers = [worker for worker in roster.workers() if worker.model]
        wanted = demand(context.place, context.board, {worker.model for worker in workers})
        return BoardSnapshot(wanted, workers, message_traffic(context.board))

    host, port = parse_listen_address(where)
    stack.enter_context(serve_metrics(host, port, read, read_limits(context.place).of))


def describe_process(
    context: Context,
    settings: Settings,
    model: str | None,
    threads: int | None,
    identity: str | None,
) -> Worker:
    """This process, as whoever started it has put it on the roster, or as it finds itself."""
    host, now = socket.gethostname(), time()
    known = Roster(context.board).get(identity) if identity else None
    if known is not None:
        # so that whoever put it there sees that it speaks for itself
        return replace(known, since=now)
    return Worker(
        id=identity or f"{model or 'control'}-{host}-{os.getpid()}",
        model=model or "",
        machine=host,
        state="starting" if model else "idle",
        since=now,
        started=now,
        memory=0,
        threads=threads or settings.cores,
        device=settings.device,
    )
