"""The service on one machine: broker, control worker, bridge, and pools that follow demand."""

import logging
import sys
from collections.abc import Collection
from time import monotonic

from redis.exceptions import RedisError

from chorus.common.settings import Settings, child_environment
from chorus.service.machine_limits import LimitsOf
from tasks.board.bridge_roster import BridgeRoster
from tasks.board.context import Context
from tasks.board.roster import Worker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.pool_manager import PoolManager
from workers.processes.child_process import ChildProcess
from workers.processes.embedded_broker import BrokerHandle
from workers.processes.supervisor import Supervisor

_MIN_CONTROL_GRACE = 5.0  # seconds for the control worker, however long the others took

log = logging.getLogger(__name__)


class Service:
    """The control worker, the bridge and the pools, kept alive by `tick`."""

    def __init__(
        self,
        settings: Settings,
        broker: BrokerHandle,
        context: Context,
        limits: LimitsOf,
        budget: Budget,
        *,
        models: Collection[str] | None = None,
        warm: Collection[str] = (),
        only: Collection[str] = (),
        metrics: str | None = None,
        bridge: bool = False,
    ) -> None:
        """`models`, `warm`: see PoolManager. `only`: jobs of the control worker, all if none are
        named; `metrics`: HOST:PORT at which it serves metrics. `bridge`: True starts a bridge.
        """
        self._settings, self._broker, self._context = settings, broker, context
        self._control_options = [
            *(word for job in only for word in ("--only", job)),
            *(("--metrics", metrics) if metrics else ()),
        ]
        self.pools = PoolManager(context, self._start_scoring_worker, limits, budget, models, warm)
        self._control = Supervisor("control worker", context.board, self._start_control_worker)
        self._bridge = (
            Supervisor(
                "bridge", context.board, self._start_bridge, BridgeRoster(context.board).remove
            )
            if bridge
            else None
        )

    def tick(self) -> None:
        """Restart what died, and start or stop workers as demand asks. Raises NoBroker.

        Other errors are logged, and the next tick tries again.
        """
        self._broker.tick()
        try:
            self._control.tick()
            if self._bridge is not None:
                self._bridge.tick()
            self.pools.tick()
        except RedisError as error:
            log.warning("the broker is unreachable, trying again: %s", error)
        except Exception as error:  # whatever a storage raises; the next tick is soon
            log.error("the workers could not be checked, trying again: %s", error, exc_info=True)

    def stop(self, grace: float) -> None:
        """Stop all processes within `grace` seconds: the bridge first, so that no more messages
        come in, the control worker last.
        """
        end = monotonic() + grace
        if self._bridge is not None:
            self._bridge.stop(grace)
        self.pools.stop(max(0.0, end - monotonic()))
        self._control.stop(max(_MIN_CONTROL_GRACE, end - monotonic()))

    def _start_control_worker(self, identity: str) -> ChildProcess:
        return self._start_process(
            "control", "worker", "--control", "--id", identity, *self._control_options
        )

    def _start_bridge(self, identity: str) -> ChildProcess:
        return self._start_process("bridge", "bridge", "--id", identity)

    def _start_scoring_worker(self, worker: Worker) -> ChildProcess:
        arguments = ["--model", worker.model, "--id", worker.id, "--threads", str(worker.threads)]
        return self._start_process(worker.model, "worker", *arguments, "--device", worker.device)

    def _start_process(self, name: str, *arguments: str) -> ChildProcess:
        command = [sys.executable, "-m", "chorus", *arguments]
        log_file = self._settings.run / "logs" / f"{name}.log"
        return ChildProcess(
            name, command, log_file, child_environment(self._settings, self._broker.address)
        )
