"""The device that a network computes on: chosen from the facts, or refused with a remedy."""

import subprocess
import sys

import pytest

from chorus.common.setting_types import BadSetting
from chorus.common.settings import from_environment
from models.bow.sklearn_scorer import BowScorer
from models.gpu.torch_scorer import TorchScorer
from models.interface import device
from models.interface.compute import Compute
from models.interface.device import GpuFacts, NoGpu, choose_device
from models.kinds import table
from models.kinds.table import open_scorer
from models.transformer.openvino_scorer import TransformerScorer
from tests.support.models.models_fixtures import spec
from tests.support.runs.command import Command

NO_GPU, ONE, TWO = GpuFacts(0, (), None), GpuFacts(1, (), 1), GpuFacts(2, (), 2)
NOT_COUNTED = GpuFacts(2, (), None)  # torch was not imported to find out
NO_TORCH = GpuFacts(1, ("torch", "transformers"), None)
CPU_BUILD = GpuFacts(1, (), 0)  # a build of torch without CUDA


@pytest.mark.parametrize(
    ("requested", "facts", "chosen"),
    [
        ("auto", NO_GPU, "cpu"),
        ("auto", NO_TORCH, "cpu"),
        ("auto", CPU_BUILD, "cpu"),
        ("auto", TWO, "cuda"),
        ("cpu", TWO, "cpu"),
        ("cuda", ONE, "cuda"),
        ("cuda:1", TWO, "cuda:1"),
        ("cuda:1", NOT_COUNTED, "cuda:1"),
    ],
)
def test_the_device_is_chosen_from_the_request_and_the_facts(requested, facts, chosen):
    assert choose_device(requested, facts) == chosen


@pytest.mark.parametrize(
    ("requested", "facts", "message"),
    [
        ("cuda", NO_GPU, r"no NVIDIA GPU.*--device cpu"),
        (
            "cuda",
            NO_TORCH,
            r"torch and transformers are not installed.*pip install 'chorus\[gpu\]'",
        ),
        ("cuda", CPU_BUILD, r"torch sees no GPU.*build of torch for CUDA"),
        ("cuda:2", TWO, r"there are 2 GPUs here, counted from 0"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_refused_with_a_remedy(requested, facts, message):
    with pytest.raises(NoGpu, match=message):
        choose_device(requested, facts)


def test_torch_is_not_imported_where_there_can_be_no_gpu():
    code = """
import sys
from models.interface import device
device._device_files = lambda: 0
facts = device.gather_gpu_facts()
assert facts == device.GpuFacts(0, facts.missing_packages, None)
device._device_files = lambda: 1
assert device.gather_gpu_facts(count_with_torch=False).gpus is None
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_a_kind_that_uses_a_gpu_is_scored_on_it(monkeypatch, tmp_path):
    monkeypatch.setattr(table, "gather_gpu_facts", lambda: TWO)
    assert isinstance(open_scorer(spec("transformer"), tmp_path, Compute()), TorchScorer)
    assert isinstance(open_scorer(spec("transformer"), tmp_path, Compute("cuda:1")), TorchScorer)
    assert isinstance(open_scorer(spec("transformer"), tmp_path, Compute("cpu")), TransformerScorer)
    assert isinstance(open_scorer(spec("bow"), tmp_path, Compute("cuda")), BowScorer)


@pytest.mark.parametrize("value", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"])
def test_an_invalid_device_is_a_bad_setting(value):
    with pytest.raises(BadSetting, match=r"CHORUS_DEVICE is .* expected auto, cpu, cuda"):
        from_environment({"CHORUS_DEVICE": value})


def test_the_command_line_refuses_a_device_before_it_reads_the_file(tmp_path):
    chorus = Command(tmp_path)
    assert (
        "--device is 'gpu'; expected auto" in chorus.here("score", "no.csv", "--device", "gpu").err
    )
    if device.gather_gpu_facts(count_with_torch=False).device_files == 0:
        ended = chorus.here("score", "no.csv", "--device", "cuda")
        assert (ended.status, ended.out) == (2, "")
        assert "no NVIDIA GPU" in ended.err
