"""Read MATLAB files up to version 7.2 (scipy); 7.3 is HDF5."""

from pathlib import Path
from typing import Any

from scipy.io import loadmat

from evaluation.errors import BadDatasetError


def read_mat(path: Path) -> dict[str, Any]:
    """Variables of the file. BadDatasetError names one that is missing, torn or of another kind."""
    try:
        entries: dict[str, Any] = loadmat(path)
        return entries
    except OSError as error:
        raise BadDatasetError(path, f"cannot be read: {error}") from error
    except Exception as error:  # scipy raises a dozen kinds on damaged files, and each means the same to the caller
        raise BadDatasetError(path, f"is not a MATLAB file, or a torn one ({error})") from error
