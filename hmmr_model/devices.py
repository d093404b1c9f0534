"""Where training computes: the device, and the group of processes that torchrun starts.

Several processes give the same gradient as one process with all their windows. Every message between them is a tensor
on the process's own device, since NCCL carries none of a CPU.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

Thing = TypeVar("Thing")

_PATIENCE = timedelta(days=1)
"""How long a process waits for the others' message: one may decode a million tracklets first. torchrun ends all of them
when one has died."""


class NoSuchDeviceError(ValueError):
    """This torch cannot compute there; the message names the device and the way out."""


def check_device(device: str) -> None:
    """Nothing if a number goes to `device` (cpu, cuda, cuda:1, mps) and comes back, else NoSuchDeviceError."""
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise NoSuchDeviceError(
            f"device {device}: {why}. Use --device cpu, or a torch that is built for it on a machine that has it"
        ) from error


def own_device(device: str) -> str:
    """The device of this process: `cuda` under torchrun is the GPU of its local rank."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


@dataclass(frozen=True)
class Group:
    """The processes of one training, as this one sees them. Alone it is rank 0 of 1, and its methods send nothing."""

    rank: int
    world: int
    device: str
    """This process's own: cpu, or one GPU."""

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes, in one message."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        means = torch.split(flat / self.world, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process: all must stop together, or the others wait for ever."""
        if self.world == 1:
            return flag
        raised = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(raised, op=dist.ReduceOp.MAX)
        return bool(raised > 0)

    def gather(self, own: Thing) -> list[Thing]:
        """What each process gives, by rank. Pickled: for small things, seldom."""
        if self.world == 1:
            return [own]
        of_ranks: list[Thing] = [own] * self.world
        dist.all_gather_object(of_ranks, own)
        return of_ranks

    def wait(self) -> None:
        """Until every process has come here."""
        self.any(False)


def join_group(device: str) -> Group:
    """Join the group that torchrun's environment names, with this process's own device of those that `device` means.

    NoSuchDeviceError where several processes cannot train on it.
    """
    own = own_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Group(0, 1, own)
    if device not in ("cpu", "cuda"):
        raise NoSuchDeviceError(
            f"device {device}: several processes train on cpu, or on cuda, of which each takes its own GPU"
        )
    if not dist.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(own)  # what NCCL sends objects through
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_PATIENCE)
    return Group(dist.get_rank(), dist.get_world_size(), own)
