"""Training over several processes of one machine, as a flow starts it: torchrun, one process a GPU.

`python -m torch.distributed.run ... -m flows.fleet.ranks REQUEST.json` is what each process runs. The first one prints
what Prefect's log gets and leaves the result, or the error in one line, beside the request.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from flows.training import train_on_lake
from hmmr_model.configs import TrainConfig, from_json, to_json


class RanksFailedError(RuntimeError):
    """A training of several processes ended badly; the message is the first process's."""


@dataclass(frozen=True)
class Training:
    """What is trained on what: the arguments of `train_on_lake`."""

    lake: str
    labelled: tuple[str, ...]
    out: str
    config: TrainConfig
    hours: float | None = None
    snapshot: str | None = None

    def run(self, progress: Callable[[int, int, dict[str, float]], None] | None) -> dict[str, Any]:
        """Train in this process."""
        return train_on_lake(
            self.lake, self.labelled, Path(self.out), self.config, hours=self.hours, snapshot=self.snapshot,
            progress=progress,
        )  # fmt: skip


def found_device(device: str) -> str:
    """`auto` is this machine's GPUs, or its CPU where it has none; any other name is itself."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def process_count(device: str, asked: int | None) -> int:
    """Processes to train with: as asked, else one for each GPU that `cuda` means, else one."""
    return asked or (max(1, torch.cuda.device_count()) if device == "cuda" else 1)


def train_in_ranks(training: Training, processes: int, log: Callable[[str], None]) -> dict[str, Any]:
    """Train over so many processes; `log` gets their lines. RanksFailedError if one of them fails."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps(asdict(training) | {"config": to_json(training.config)}))
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command += ["-m", "flows.fleet.ranks", str(request)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                log(line.rstrip())
        result = _read(request.with_name("result.json"))
    if running.returncode or "error" in result:
        why = result.get("error", f"torchrun ended with {running.returncode}; the worker's output says why")
        raise RanksFailedError(str(why))
    return result


def main(arguments: Sequence[str]) -> int:
    """One process of the training; 1 if it failed."""
    request = Path(arguments[0])
    content = json.loads(request.read_text())
    content |= {"config": from_json(content["config"]), "labelled": tuple(content["labelled"])}
    is_first = os.environ.get("RANK", "0") == "0"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        result = Training(**content).run(_print_progress if is_first else None)
    except Exception as error:
        if is_first:
            request.with_name("result.json").write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        raise
    if is_first:
        request.with_name("result.json").write_text(json.dumps(result))
    return 0


def _end_with_parent() -> None:
    """Our input is a pipe of the flow that started us, which closes however that ends. Processes that lived on would
    train beside the flow's restart and write the same files."""
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(1)


def _print_progress(step: int, steps: int, terms: dict[str, float]) -> None:
    print(f"step {step} of {steps}: {', '.join(f'{name} {value:.4g}' for name, value in terms.items())}", flush=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return content


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
