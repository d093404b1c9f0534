"""--device of the commands that run torch: one that is not there is an error in one line, before any work."""

import typer


def require_device(device: str) -> None:
    """Exit code 1 and the way out if this torch cannot compute on `device`."""
    from hmmr_model.device import NoSuchDeviceError, check_device

    try:
        check_device(device)
    except NoSuchDeviceError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
