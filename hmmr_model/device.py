"""Whether torch can compute on a device, asked before any work is done for it."""

import torch


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
