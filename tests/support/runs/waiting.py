"""Waiting for a condition, never for a time."""

import time


def wait_until(condition, what, seconds=60):
    """Return the condition's first true value; fail if it stays false for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")
