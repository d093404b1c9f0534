"""What can be wrong with a benchmark's files, said with the file's name and the way out.

EvaluationError
├── BadDatasetError        a file is missing, broken, or not what its name says
├── ProtocolMismatchError  the protocol does not fit the data, the body or the prediction
└── ContaminatedError      the evaluation's video was in the training data
"""

from pathlib import Path


class EvaluationError(Exception):
    """Root of the evaluator's own errors."""


class BadDatasetError(EvaluationError):
    """`path` cannot be read as what it should be; `reason` says why and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ProtocolMismatchError(EvaluationError):
    """A protocol was asked for data, joints or a body that it does not speak of."""


class ContaminatedError(EvaluationError):
    """Test video (or motion) was found in the training snapshot."""
