"""Harvest, train, predict and evaluate as functions: the same that the commands call, with defaults that ran."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.lake import Lake

if TYPE_CHECKING:
    from flows.evaluate import Outcome
    from harvest.run import HarvestReport
    from hmmr_model.export.person_motion import PersonMotion

PathLike = str | os.PathLike[str]


def harvest(
    sources: Iterable[PathLike], lake: PathLike | Lake, *, licence: str | None = None, allow_private: bool = False,
    **settings: Any,
) -> "HarvestReport":  # fmt: skip
    """Turn videos (files, folders, URLs, lists) into tracklets of a lake, and report on them.

    `licence="open"` vouches for URLs whose licence is not stated. Further settings are the fields of
    harvest.config.HarvestConfig, such as backend, phis, workers. One source's trouble is in the report and never ends
    the run; LakeError and WeightsError do. Workers are processes: call it below `if __name__ == "__main__":`.
    """
    from harvest.config import HarvestConfig
    from harvest.fetch.policy import Policy
    from harvest.run import harvest as run

    policy = Policy(licence=licence, allow_private=allow_private)
    config = HarvestConfig(**{"policy": policy, "retry_failed": True, **settings})
    return run([str(source) for source in sources], _lake(lake), config)


def train(
    lake: PathLike, labelled: Sequence[PathLike], out: PathLike, *, preset: str = "open", hours: float | None = None,
    phi: str | None = None, **settings: Any,
) -> dict[str, Any]:  # fmt: skip
    """Train HMMR on `hours` (None: all) of a lake and on lakes with 3D labels; goes on where an earlier call stopped.

    `preset` is paper, open or tiny; further settings are fields of hmmr_model.configs.TrainConfig, such as steps, seed,
    device. Gives checkpoint (OUT/model.pt), snapshot, hours and steps.
    """
    from flows.training import configured, train_on_lake

    config = configured(preset, **settings)
    if phi is not None:
        config = replace(config, data=replace(config.data, phi_name=phi))
    return train_on_lake(Path(lake), [Path(folder) for folder in labelled], Path(out), config, hours=hours)


class Predictor:
    """3D motion of everybody in a video or an image; without a checkpoint by the released model."""

    def __init__(self, checkpoint: PathLike | None = None, *, device: str = "cpu") -> None:
        from hmmr_model.checkpoint import RELEASED, load_checkpoint

        self._model, self._device = load_checkpoint(Path(checkpoint) if checkpoint else RELEASED), device

    def __call__(
        self, source: PathLike, out: PathLike, *, refined: bool = True, render: bool = False
    ) -> "list[PersonMotion]":
        """One motion a person: T frames with rotations, translation in metres of the camera's frame (x right, y down,
        z forward), and times. Writes motion_N.npz, .glb and .bvh into `out`, and a picture with `render`."""
        from flows.predict import predict_video
        from flows.predict_photo import is_picture, predict_photo
        from hmmr_model.predict import inner_windows

        path, folder, phi = Path(source), Path(out), self._model.config.data.phi_name
        folder.mkdir(parents=True, exist_ok=True)
        if is_picture(path):
            people: Sequence[PersonMotion] = predict_photo(
                path, self._model, folder, device=self._device, phi=phi, refined=refined, render=render
            )
        else:
            people = predict_video(
                path, self._model, folder, device=self._device, phi=phi, windows=inner_windows, refined=refined,
                render=render, note=lambda _: None,
            )  # fmt: skip
        return list(people)


def evaluate(
    checkpoint: PathLike, data: PathLike, *, dataset: str = "films", protocol: str = "open_v1", split: str = "test",
    trained_on: Sequence[PathLike] = (), **settings: Any,
) -> "Outcome":  # fmt: skip
    """Score a checkpoint on a lake with 3D truth by a named protocol; writes nothing.

    `outcome.scores` holds one score a sequence; evaluation.score.aggregate gives their means. Refuses data that was
    trained on; further settings are fields of flows.evaluate.Request, such as refine, unchecked.
    """
    from evaluation.protocols.registry import protocol_named
    from flows.evaluate import Request
    from flows.evaluate import evaluate as run

    lakes = tuple(Path(lake) for lake in trained_on)
    return run(Request(
        checkpoint=Path(checkpoint), dataset=dataset, data=Path(data), protocol=protocol_named(protocol), split=split,
        trained_on=lakes, **settings,
    ))  # fmt: skip


def _lake(lake: PathLike | Lake) -> Lake:
    return lake if isinstance(lake, Lake) else Lake(str(lake))
