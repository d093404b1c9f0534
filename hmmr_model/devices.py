"""Where training computes: the device, and the processes that torchrun starts.

Several processes give the same gradient as one process with all their windows.
"""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import nn


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


def join_group(device: str) -> tuple[int, int]:
    """Rank and number of processes; joins the group that torchrun's environment names. Alone it is (0, 1)."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return dist.get_rank(), dist.get_world_size()


def own_device(device: str) -> str:
    """The device of this process: `cuda` under torchrun is the GPU of its local rank."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one message. Nothing to do when alone."""
    if not (dist.is_available() and dist.is_initialized()):
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    means = torch.split(flat / dist.get_world_size(), [gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


def any_process(flag: bool) -> bool:
    """Whether the flag is up in any process: all must stop together, or the others wait for ever."""
    if not (dist.is_available() and dist.is_initialized()):
        return flag
    raised = torch.tensor(float(flag))
    dist.all_reduce(raised, op=dist.ReduceOp.MAX)
    return bool(raised > 0)
