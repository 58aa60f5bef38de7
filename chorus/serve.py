"""`chorus worker`: one worker in this process, for a configured broker."""

from chorus.light import without_pandas
from chorus.local import context_for
from chorus.logs import log_to_stderr
from chorus.settings import Settings
from models.compute import Compute
from models.device import choose, gather
from models.kinds import find
from models.registry import ModelRegistry
from storage.errors import BadRequest
from storage.place import place_at
from tasks.app import make_app
from tasks.board import key_prefix


class NoBrokerToServe(BadRequest):
    def __init__(self) -> None:
        super().__init__("CHORUS_BROKER_URL is not set: a worker needs the broker of the service it belongs to.")


def serve(settings: Settings, model: str | None, threads: int | None) -> int:
    """Work until told to stop; the exit status. `model` None is the control worker.

    Raises NoBrokerToServe, BrokerUnreachable, NotPublished, NoGpu.
    """
    broker = settings.broker
    if broker is None:
        raise NoBrokerToServe
    if model is not None and find(ModelRegistry(place_at(settings.home)).resolve(model).kind).gpu is not None:
        choose(settings.device, gather(ask_torch=False))
    broker.check()
    log_to_stderr()
    context = context_for(settings, broker)
    app = make_app(broker, key_prefix(context.place))
    if model is None:
        from workers import control

        return control.run(app, context)
    from workers import scoring

    compute = Compute(settings.device, threads or settings.cores, settings.precision, settings.run / "compiled")
    return scoring.run(app, context, model, compute, without_pandas)
