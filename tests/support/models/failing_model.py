"""Texts that a model cannot bear: with `install`, every bow model of a process has words that it
fails on.
"""

import ctypes
import os
import signal
import sys
import time
from threading import Event

import numpy as np

from models.bow.sklearn_scorer import BowScorer
from tests.support.models import light_model

_infer = None


def install():
    """From now on, in this process. Also what a process that is started for a model can do first."""
    global _infer
    _infer, BowScorer.infer = BowScorer.infer, _poisoned


def install_light():
    """The same over models that tests.support.models.light_model answers for."""
    light_model.install()
    install()


def install_without_pandas():
    """The same, as the command line begins."""
    from chorus.common.process_setup import block_pandas

    block_pandas()
    install_light()


def _poisoned(self, prepared):
    words = {word for text in prepared for word in text.split()}
    if "kill" in words:
        os.kill(os.getpid(), signal.SIGKILL)
    if "segfault" in words:
        ctypes.string_at(0)
    if "exit" in words:
        os._exit(3)
    if "hang" in words:
        Event().wait(600)
    # what a terminal and a service manager send to every process of a group
    if "interrupt" in words:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)
    if "raise" in words:
        raise ValueError("cannot read this")
    if "pandas" in words:
        raise ValueError(f"pandas {'is' if sys.modules.get('pandas') else 'is not'} imported")
    values = _infer(self, prepared).copy()
    values[["nan" in text.split() for text in prepared]] = np.nan
    return values
