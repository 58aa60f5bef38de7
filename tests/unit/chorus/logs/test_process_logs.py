"""Where the lines of a worker go, in a process of its own as a service starts it."""

import subprocess
import sys

TEXT = "the delivery was late"
WORKER = f"""
import logging, os, threading, warnings
from pathlib import Path
from chorus.common.settings import from_environment
from chorus.logs import log_file
from chorus.logs.process_logs import log_as_worker

log_file.MAX_BYTES = 2000
log_as_worker(from_environment({{"CHORUS_HOME": os.getcwd()}}), "mood", "mood-1")
for number in range(20):
    logging.getLogger("tasks").info("line %d \\x1b[2J", number, extra={{"job": "4f"}})
warnings.warn("beware \\x1b")

def fail():
    raise ValueError({TEXT!r})

thread = threading.Thread(target=fail)
thread.start()
thread.join()
print("of a library", flush=True)
fail()
"""


def test_a_workers_output_goes_to_its_log_without_texts_of_errors(tmp_path):
    path = tmp_path / "run/logs/mood.log"
    path.parent.mkdir(parents=True)
    with path.open("ab") as output:
        ended = subprocess.run(
            [sys.executable, "-c", WORKER],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PYTHONPATH": ":".join(sys.path)},
            cwd=tmp_path,
        )
    assert ended.returncode == 1
    kept = path.with_name("mood.log.1").read_text() + path.read_text()
    assert path.stat().st_size < 3000
    assert "line 19 \\x1b[2J job=4f worker=mood-1" in kept
    assert "beware \\x1b" in kept
    assert kept.count("an error that nothing handles") == 2
    assert kept.count("ValueError") >= 2
    assert "of a library" in kept
    assert TEXT not in kept.replace(f"raise ValueError({TEXT!r})", "")
    assert "\x1b" not in kept
