"""Read MATLAB files up to version 7.2 (scipy); 7.3 is HDF5.

Read arrays out of HDF5 (MATLAB 7.3 and VIBE's files). h5py is asked for only when such a file is opened.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
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


def read_hdf5(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The named datasets of the file. BadDatasetError says what is missing, h5py itself included."""
    try:
        import h5py
    except ImportError as error:
        raise BadDatasetError(path, "is HDF5, which needs h5py: pip install h5py") from error
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise BadDatasetError(path, f"has no {', '.join(missing)}; is the download complete?")
            return {name: np.asarray(file[name]) for name in names}
    except OSError as error:
        raise BadDatasetError(path, f"is not a whole HDF5 file ({error})") from error
