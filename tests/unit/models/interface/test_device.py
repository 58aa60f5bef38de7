"""Where a network computes: chosen from the facts, and refused with what to do."""

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

NOTHING, ONE, TWO = GpuFacts(0, (), None), GpuFacts(1, (), 1), GpuFacts(2, (), 2)
UNASKED = GpuFacts(2, (), None)  # torch was not imported to find out
NO_TORCH = GpuFacts(1, ("torch", "transformers"), None)
OF_THE_CPU = GpuFacts(1, (), 0)  # a build of torch without CUDA


@pytest.mark.parametrize(
    ("wanted", "facts", "chosen"),
    [
        ("auto", NOTHING, "cpu"),
        ("auto", NO_TORCH, "cpu"),
        ("auto", OF_THE_CPU, "cpu"),
        ("auto", TWO, "cuda"),
        ("cpu", TWO, "cpu"),
        ("cuda", ONE, "cuda"),
        ("cuda:1", TWO, "cuda:1"),
        ("cuda:1", UNASKED, "cuda:1"),
    ],
)
def test_the_device_follows_from_what_is_wanted_and_what_there_is(wanted, facts, chosen):
    assert choose_device(wanted, facts) == chosen


@pytest.mark.parametrize(
    ("wanted", "facts", "says"),
    [
        ("cuda", NOTHING, r"no NVIDIA GPU.*--device cpu"),
        (
            "cuda",
            NO_TORCH,
            r"torch and transformers are not installed.*pip install 'chorus\[gpu\]'",
        ),
        ("cuda", OF_THE_CPU, r"torch sees no GPU.*build of torch for CUDA"),
        ("cuda:2", TWO, r"there are 2 GPUs here, counted from 0"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(wanted, facts, says):
    with pytest.raises(NoGpu, match=says):
        choose_device(wanted, facts)


def test_torch_is_not_imported_where_there_can_be_no_gpu():
    code = """
import sys
from models.interface import device
device._device_files = lambda: 0
assert device.gather_gpu_facts() == device.GpuFacts(0, device.gather_gpu_facts().missing_packages, None)
device._device_files = lambda: 1
assert device.gather_gpu_facts(count_with_torch=False).gpus is None
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_kind_decides_what_a_gpu_is_good_for(monkeypatch, tmp_path):
    monkeypatch.setattr(table, "gather_gpu_facts", lambda: TWO)
    assert isinstance(open_scorer(spec("transformer"), tmp_path, Compute()), TorchScorer)
    assert isinstance(open_scorer(spec("transformer"), tmp_path, Compute("cuda:1")), TorchScorer)
    assert isinstance(open_scorer(spec("transformer"), tmp_path, Compute("cpu")), TransformerScorer)
    assert isinstance(open_scorer(spec("bow"), tmp_path, Compute("cuda")), BowScorer)


@pytest.mark.parametrize("value", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"])
def test_a_device_that_is_none_is_a_bad_setting(value):
    with pytest.raises(BadSetting, match=r"CHORUS_DEVICE is .* expected auto, cpu, cuda"):
        from_environment({"CHORUS_DEVICE": value})


def test_the_command_line_refuses_before_it_reads_the_file(tmp_path):
    chorus = Command(tmp_path)
    assert (
        "--device is 'gpu'; expected auto" in chorus.here("score", "no.csv", "--device", "gpu").err
    )
    if device.gather_gpu_facts(count_with_torch=False).device_files == 0:
        ended = chorus.here("score", "no.csv", "--device", "cuda")
        assert (ended.status, ended.out) == (2, "")
        assert "no NVIDIA GPU" in ended.err
