"""Where a network computes: the processor, or a GPU of NVIDIA's that torch can use."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from storage.errors import BadRequest

AUTO = "auto"
CPU = "cpu"
DEVICE_PATTERN = re.compile(r"auto|cpu|cuda(:\d+)?")

_NEEDED = ("torch", "transformers")


@dataclass(frozen=True)
class GpuFacts:
    """What there is on this machine."""

    device_files: int  # of NVIDIA GPUs, that the driver has made
    missing_packages: tuple[str, ...]  # packages that the GPU engine needs
    gpus: int | None  # that torch sees; None: nobody has asked it


class NoGpu(BadRequest):
    """A GPU was asked for and cannot be had."""

    def __init__(self, device: str, problem: str, remedy: str) -> None:
        self.device = device
        super().__init__(
            f"The device {device} cannot be used: {problem}. {remedy}, or choose --device cpu."
        )


def choose_device(requested: str, facts: GpuFacts) -> str:
    """`cpu`, `cuda` or `cuda:N` for one of these or `auto`, which is the GPU if it can be used.
    Raises NoGpu.

    If nobody has asked torch, its answer is taken to be what the driver says.
    """
    gpus = facts.device_files if facts.gpus is None else facts.gpus
    usable = gpus if facts.device_files and not facts.missing_packages else 0
    if requested == AUTO:
        return "cuda" if usable else CPU
    if requested == CPU:
        return CPU
    if not facts.device_files:
        raise NoGpu(
            requested,
            "this machine has no NVIDIA GPU, or no driver for it",
            "Use a machine that has one",
        )
    if facts.missing_packages:
        raise NoGpu(
            requested,
            f"the packages {' and '.join(facts.missing_packages)} are not installed",
            "Run: pip install 'chorus[gpu]'",
        )
    if not usable:
        remedy = "Install a build of torch for CUDA that fits the driver (and look at CUDA_VISIBLE_DEVICES)"
        raise NoGpu(requested, "torch sees no GPU", remedy)
    number = int(requested.partition(":")[2] or 0)
    if number >= usable:
        raise NoGpu(
            requested, f"there are {usable} GPUs here, counted from 0", "Choose one of these"
        )
    return requested


def gather_gpu_facts(count_with_torch: bool = True) -> GpuFacts:
    """Gather the facts. torch takes seconds to import, so it is asked only where there can be a
    GPU.
    """
    files = _device_files()
    missing = tuple(package for package in _NEEDED if find_spec(package) is None)
    if not count_with_torch or not files or missing:
        return GpuFacts(files, missing, None)
    import torch

    return GpuFacts(files, missing, torch.cuda.device_count())


def _device_files() -> int:
    return sum(1 for file in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name))
