"""Bow models that fail on certain words, once `install` was called in their process."""

import ctypes
import os
import signal
import sys
import time
from threading import Event

import numpy as np

from models.bow.sklearn_scorer import BowScorer
from tests.support.models import light_model

_original_infer = None


def install():
    """Make all bow models of this process fail; also an initializer of child processes."""
    global _original_infer
    _original_infer, BowScorer.infer = BowScorer.infer, _infer_or_fail


def install_light():
    """Do the same for the models of tests.support.models.light_model."""
    light_model.install()
    install()


def install_without_pandas():
    """Do the same, and keep out pandas as the command line does."""
    from chorus.common.process_setup import block_pandas

    block_pandas()
    install_light()


def _infer_or_fail(self, prepared):
    words = {word for text in prepared for word in text.split()}
    if "kill" in words:
        os.kill(os.getpid(), signal.SIGKILL)
    if "segfault" in words:
        ctypes.string_at(0)
    if "exit" in words:
        os._exit(3)
    if "hang" in words:
        Event().wait(600)
    # the signals of a terminal and of a service manager to a whole group of processes
    if "interrupt" in words:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)
    if "raise" in words:
        raise ValueError("cannot read this") from KeyError(" ".join(prepared))
    if "pandas" in words:
        raise ValueError(f"pandas {'is' if sys.modules.get('pandas') else 'is not'} imported")
    values = _original_infer(self, prepared).copy()
    values[["nan" in text.split() for text in prepared]] = np.nan
    return values
