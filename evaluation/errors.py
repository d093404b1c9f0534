"""Errors of the evaluator. Each message names the file and the way out.

EvaluationError
├── BadDatasetError        a file is missing, broken, or not what its name says
├── ProtocolMismatchError  the protocol does not fit the data, the body or the prediction
└── ContaminatedError      the evaluation's video was in the training data
"""

from pathlib import Path


class EvaluationError(Exception):
    """Base class of the evaluator's errors."""


class BadDatasetError(EvaluationError):
    """The file `path` cannot be read as what it should be. `reason` says why and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ProtocolMismatchError(EvaluationError):
    """A protocol does not cover the data, the joints or the body that were given."""


class ContaminatedError(EvaluationError):
    """Test video (or motion) was found in the training snapshot."""
