"""The device that a network computes on: the processor, or an NVIDIA GPU that torch can use."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from storage.errors import BadRequest

AUTO = "auto"
CPU = "cpu"
DEVICE_PATTERN = re.compile(r"auto|cpu|cuda(:\d+)?")

_REQUIRED_PACKAGES = ("torch", "transformers")


@dataclass(frozen=True)
class GpuFacts:
    """The drivers, packages and GPUs of this machine."""

    device_files: int  # of NVIDIA GPUs, made by the driver
    missing_packages: tuple[str, ...]  # of those that scoring on a GPU needs
    gpus: int | None  # that torch counts; None: it was not imported


class NoGpu(BadRequest):
    """A GPU that was requested and cannot be used."""

    def __init__(self, device: str, problem: str, remedy: str) -> None:
        self.device = device
        super().__init__(
            f"The device {device} cannot be used: {problem}. {remedy}, or choose --device cpu."
        )


def choose_device(requested: str, facts: GpuFacts) -> str:
    """Return `cpu`, `cuda` or `cuda:N`; for `auto`, `cuda` if a GPU can be used. Raises NoGpu.

    Where torch was not asked, every GPU that the driver shows counts as usable.
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
        raise NoGpu(
            requested,
            "torch sees no GPU",
            "Install a build of torch for CUDA that fits the driver (and check "
            "CUDA_VISIBLE_DEVICES)",
        )
    number = int(requested.partition(":")[2] or 0)
    if number >= usable:
        raise NoGpu(
            requested, f"there are {usable} GPUs here, counted from 0", "Choose one of these"
        )
    return requested


def gather_gpu_facts(count_with_torch: bool = True) -> GpuFacts:
    """Look at this machine; import torch, which takes seconds, only if there can be a GPU."""
    device_files = _device_files()
    missing = tuple(package for package in _REQUIRED_PACKAGES if find_spec(package) is None)
    if not count_with_torch or not device_files or missing:
        return GpuFacts(device_files, missing, None)
    import torch

    return GpuFacts(device_files, missing, torch.cuda.device_count())


def _device_files() -> int:
    return sum(1 for file in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name))
