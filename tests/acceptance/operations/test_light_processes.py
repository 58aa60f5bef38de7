"""Light processes stay light: what each imports, seen from inside a process of its own."""

import json
import os
import subprocess
import sys

from transformers import BertConfig, BertForSequenceClassification

from tests.support.models.models_fixtures import encoder

HEAVY = {"torch", "transformers", "openvino", "sklearn", "skops", "tokenizers", "pandas"}


def imported_by(code):
    """The heavy libraries that a fresh interpreter has loaded after running the code."""
    script = f"{code}\nimport sys; print(' '.join(name for name in {sorted(HEAVY)} if sys.modules.get(name)))"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, text=True
        ).stdout.split()
    )


def test_nothing_but_a_scorer_imports_a_model_library():
    code = """
import chorus.cli.main, chorus.jobs.upload_request, chorus.jobs.status, chorus.operations.doctor, chorus.service.worker, chorus.service.up, chorus.jobs.manage, chorus.operations.deploy
import chorus.compare.diff, chorus.registry.gate
import chorus.service.bridge, intake.messages.subscription, intake.messages.topic, google.cloud.pubsub_v1
import workers.control.control_worker, workers.control.metrics_server, tasks.jobs.submit, tasks.planning.reconcile_job, tasks.steps.reduce, tasks.steps.finish
import workers.scoring.scoring_worker, models.kinds.transformer, models.kinds.bow, models.publishing.registry
import intake.dataset.upload
"""
    assert imported_by(code) == set()


def test_the_command_line_shows_its_help_without_arrow():
    code = "import chorus.cli.main, sys; assert 'pyarrow' not in sys.modules; assert 'celery' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_service_that_starts_processes_has_no_grpc_which_survives_no_fork():
    code = "import chorus.service.up, chorus.service.service, workers.control.control_worker, sys; from intake.messages.client import check_installed\n"
    subprocess.run(
        [sys.executable, "-c", f"{code}check_installed(); assert 'grpc' not in sys.modules"],
        check=True,
    )


def test_every_command_shares_the_allocator_of_the_system_with_arrow():
    code = "import sys, chorus.cli.main; sys.argv = ['chorus', '--help']\ntry: chorus.cli.main.main()\nexcept SystemExit: pass\n"
    code += "import pyarrow; sys.exit(pyarrow.default_memory_pool().backend_name != 'system')"
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


def test_the_native_thread_pools_of_a_worker_keep_to_its_cores():
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


def test_a_transformer_is_published_and_opened_by_torch_where_pandas_is_kept_out(tmp_path):
    """transformers asks whether pandas is there; a GPU worker, and the command line, must survive
    the answer.
    """
    folder = encoder(tmp_path / "tiny")
    BertForSequenceClassification(BertConfig.from_pretrained(folder)).save_pretrained(folder)
    given = [
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
sys.argv = ["chorus", "models", "publish", "mood", {str(folder)!r}, *{given}]
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
