"""Ctrl-C ends the command and its children at once."""

import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import subprocess, sys, time
from cli.common import leave_on_interrupt
leave_on_interrupt("stopped; run it again")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_interrupt_leaves_at_once_and_takes_the_children_along() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert run.stdout is not None
    child = int(run.stdout.readline())
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "stopped; run it again" in said
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.05)
