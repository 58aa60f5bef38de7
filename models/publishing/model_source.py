"""The source of a model to publish: a file or folder that one of the kinds recognises."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.guards.code_guard import refuse_pickles
from models.guards.mlflow_guard import MLMODEL
from models.interface.import_result import NotAModel
from models.kinds.table import all_kinds
from models.publishing.mlflow_folder import open_mlflow_folder


@contextmanager
def open_source(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield the kind of the model and where its files are, `source` itself or a folder.

    A folder that MLflow saved becomes one with the model's files alone, which lasts as long as the
    block. Raises NotAModel, ContainsCode.
    """
    if not source.exists():
        raise NotAModel(source, "it is not there")
    if (source / MLMODEL).is_file():
        with open_mlflow_folder(source) as (kind, folder):
            yield kind, folder
    else:
        yield _recognise(source), source


def _recognise(source: Path) -> str:
    kinds = all_kinds()
    for name, kind in kinds.items():
        if kind.recognises(source):
            return name
    advice = [kind.instead_of_pickle for kind in kinds.values() if kind.instead_of_pickle]
    refuse_pickles(source, ", or ".join(advice))
    raise NotAModel(
        source, f"it holds neither {' nor '.join(kind.recognised_by for kind in kinds.values())}"
    )
