"""Celery beat in a thread of the control worker: queues a schedule's step when it has work.

Storage holds what was done and what is due, and beat has no state: any number of them may run on
one broker.
"""

import logging
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from time import monotonic
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler, Service
from celery.schedules import BaseSchedule, schedstate
from redis.exceptions import RedisError

from storage.config.config_file import BadConfigFile
from storage.places.place import Place
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.step_messages import RunSchedule
from tasks.jobs.schedule import Schedule, has_work
from tasks.planning.reconcile_job import control_steps_in_flight
from workers.config.schedule_file import read_schedules

_REQUEUE_SECONDS = 5.0  # after which a step that is still due is queued again
# Seconds until storage is read again: the next run may wait for one that has ended since.
_RECHECK_SECONDS = 30.0
_TICK_SECONDS = 5  # at most, between two ticks

log = logging.getLogger(__name__)


def start_beat(app: Celery, context: Context) -> None:
    """Start beat in a thread of its own."""
    scheduler: Any = partial(StoredScheduler, context)  # Any: Celery's types want a class here
    service = Service(app, max_interval=_TICK_SECONDS, scheduler_cls=scheduler)
    Thread(target=service.start, name="celery-beat", daemon=True).start()


class StoredScheduler(Scheduler):
    """The schedules of chorus.toml as entries of beat, read anew every `read_every` seconds."""

    read_every = 30.0
    producer: Any = None  # beat's own is not used: Context.publish sends messages

    def __init__(self, context: Context, **options: Any) -> None:
        self._context, self._schedules = context, dict[str, Schedule]()
        super().__init__(**options)

    def setup_schedule(self) -> None:
        """Read the file. While it has a mistake, no schedule runs."""
        self._read_at = monotonic()
        try:
            schedules = read_schedules(self._context.place)
        except BadConfigFile as error:
            log.warning("no schedule runs: %s", error)
            schedules = {}
        except Exception as error:  # whatever storage raises; it is read again soon
            log.error("could not read the schedules: %s", error, exc_info=True)
            return
        if schedules != self._schedules:
            self._schedules = schedules
            self.schedule = {name: self._entry(schedule) for name, schedule in schedules.items()}

    def tick(self, *args: Any, **options: Any) -> float:
        """Queue what is due; return the seconds until the next tick."""
        if monotonic() - self._read_at > self.read_every:
            self.setup_schedule()
        return super().tick(*args, **options)

    def apply_entry(self, entry: ScheduleEntry, producer: object = None) -> None:  # noqa: ARG002 — not used
        """Queue the schedule's step for the control worker, unless it is in flight already."""
        message = RunSchedule(str(entry.name))
        try:
            if not control_steps_in_flight(self._context.board, [message.step]):
                self._context.publish(message)
        except (RedisError, BrokerUnreachable) as error:
            log.warning("the broker does not answer: %s", error)

    def _entry(self, schedule: Schedule) -> ScheduleEntry:
        return ScheduleEntry(
            schedule.name,
            RunSchedule.name,
            schedule=_DueFromStorage(self._context.place, schedule),
            app=self.app,
        )


class _DueFromStorage(BaseSchedule):
    """Answers Celery's question whether a schedule is due, from storage and the clock."""

    def __init__(self, place: Place, schedule: Schedule) -> None:
        super().__init__()
        self._place, self._schedule = place, schedule

    def is_due(self, last_run_at: datetime) -> schedstate:  # noqa: ARG002 — storage has it
        """Return whether to queue the step now, and the seconds until the next check."""
        now = datetime.now(UTC)
        try:
            if has_work(self._place, self._schedule, now):
                return schedstate(True, _REQUEUE_SECONDS)
            until_next = (next(self._schedule.cron.after(now)) - now).total_seconds()
        except Exception as error:  # whatever storage raises; it is read again soon
            log.error(
                "could not read whether the schedule is due: %s",
                error,
                exc_info=True,
                extra={"schedule": self._schedule.name},
            )
            return schedstate(False, _RECHECK_SECONDS)
        return schedstate(False, min(until_next, _RECHECK_SECONDS))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _DueFromStorage) and self._schedule == other._schedule
