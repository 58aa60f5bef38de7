"""Light processes import no heavy library; each test runs in a fresh interpreter."""

import json
import os
import subprocess
import sys

from transformers import BertConfig, BertForSequenceClassification

from tests.support.models.models_fixtures import encoder

HEAVY = {"torch", "transformers", "openvino", "sklearn", "skops", "tokenizers", "pandas"}


def imported_by(code):
    """Return the heavy libraries that a fresh interpreter has loaded after running the code."""
    script = (
        f"{code}\nimport sys; "
        f"print(' '.join(name for name in {sorted(HEAVY)} if sys.modules.get(name)))"
    )
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, text=True
        ).stdout.split()
    )


def test_only_a_scorer_imports_a_model_library():
    code = """
import chorus.cli.main, chorus.uploads.upload_request, chorus.jobs.status, chorus.jobs.manage
import chorus.operations.doctor, chorus.operations.deploy, chorus.service.worker, chorus.service.up
import chorus.compare.diff, chorus.registry.gate, chorus.reprocess.reprocess_request
import chorus.service.bridge, intake.messages.subscription, intake.messages.topic
import google.cloud.pubsub_v1
import workers.control.control_worker, workers.control.metrics_server
import tasks.jobs.submit, tasks.planning.reconcile_job, tasks.steps.reduce, tasks.steps.finish
import workers.scoring.scoring_worker
import models.kinds.transformer, models.kinds.bow, models.publishing.registry
import intake.dataset.upload
"""
    assert imported_by(code) == set()


def test_the_command_line_starts_without_pyarrow_and_celery():
    code = (
        "import chorus.cli.main, sys; "
        "assert 'pyarrow' not in sys.modules; assert 'celery' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_service_that_starts_processes_does_not_import_grpc_which_cannot_be_forked():
    code = """
import sys
import chorus.service.up, chorus.service.service, workers.control.control_worker
from intake.messages.client import check_installed
check_installed()
assert 'grpc' not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pyarrow_uses_the_system_allocator_in_every_command():
    code = """
import sys, chorus.cli.main
sys.argv = ['chorus', '--help']
try:
    chorus.cli.main.main()
except SystemExit:
    pass
import pyarrow
sys.exit(pyarrow.default_memory_pool().backend_name != 'system')
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_worker_of_a_bow_model_imports_neither_torch_nor_openvino(home):
    code = f"""
from pathlib import Path
import pyarrow as pa
from models.interface.compute import Compute
from chorus.common.process_setup import block_pandas
from storage.places.place import LocalPlace
from workers.scoring.in_memory_model import InMemoryModel
block_pandas()
model = InMemoryModel(LocalPlace(Path({str(home)!r})), "mood-bow", 1, Compute())
print(model.score(pa.array(["great"])).shape, file=sys.stderr)
""".replace("from pathlib", "import sys\nfrom pathlib", 1)
    assert imported_by(code) == {"sklearn", "skops"}


def test_native_thread_pools_have_as_many_threads_as_the_worker():
    code = """
from chorus.common.process_setup import limit_native_threads
limit_native_threads(1)
import pyarrow
assert pyarrow.cpu_count() == 1
"""
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_transformer_is_published_and_loaded_by_torch_while_pandas_is_blocked(tmp_path):
    """transformers checks whether pandas is installed; the check must not fail if it is blocked."""
    folder = encoder(tmp_path / "tiny")
    BertForSequenceClassification(BertConfig.from_pretrained(folder)).save_pretrained(folder)
    options = [
        "--target",
        "mood",
        "--labels",
        "a,b",
        "--max-tokens",
        "16",
        "--over-length",
        "windows",
        "--json",
    ]
    code = f"""
import sys
from pathlib import Path
from chorus.cli.main import main
sys.argv = ["chorus", "models", "publish", "mood", {str(folder)!r}, *{options}]
main()
from models.interface.compute import Compute
from models.publishing.registry import ModelRegistry
from models.gpu.torch_scorer import TorchScorer
from storage.places.place import LocalPlace
assert sys.modules.get("pandas") is None
registry = ModelRegistry(LocalPlace(Path({str(tmp_path / "home")!r})))
with registry.verified(registry.resolve("mood")) as folder:
    TorchScorer(registry.resolve("mood"), folder, Compute(device="cpu")).load()
"""
    environment = {**os.environ, "CHORUS_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment
    )
    manifest = json.loads(done.stdout.splitlines()[-1])
    assert (manifest["labels"], manifest["max_tokens"], manifest["over_length"]) == (
        ["a", "b"],
        16,
        "windows",
    )
