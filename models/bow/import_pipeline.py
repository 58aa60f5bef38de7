"""Importing a scikit-learn pipeline that was trained elsewhere, or just now."""

from pathlib import Path
from zipfile import BadZipFile

from models.bow.sklearn_scorer import PIPELINE, class_names
from models.bow.skops_file import load_skops
from models.interface.import_result import ImportResult, NotAModel


def import_pipeline(source: Path, folder: Path) -> ImportResult:
    """Check a `.skops` file, or the only one in a folder, and copy it to `folder`.

    Raises NotAModel, UntrustedTypes.
    """
    files = sorted(source.glob("*.skops")) if source.is_dir() else [source]
    if len(files) != 1:
        raise NotAModel(source, f"{len(files)} .skops files were found there, and one is needed")
    try:
        pipeline = load_skops(files[0])
    except (OSError, BadZipFile, KeyError, ValueError, AttributeError, TypeError) as error:
        raise NotAModel(source, f"it is no skops file ({error})") from error
    if not hasattr(pipeline, "steps"):
        raise NotAModel(
            source,
            f"it holds a {type(pipeline).__name__}, and a Pipeline that reads texts is needed",
        )
    if not hasattr(pipeline, "predict_proba"):
        raise NotAModel(source, "its last step gives no probabilities (predict_proba)")
    (folder / PIPELINE).write_bytes(files[0].read_bytes())
    any_of = getattr(pipeline, "multilabel_", False) or getattr(
        pipeline.steps[-1][1], "multilabel_", False
    )
    labels = class_names(pipeline)
    return ImportResult(
        mode="any_of" if any_of else "one_of",
        labels=None if any_of else labels,
        max_tokens=None,
        outputs=len(labels),
    )
