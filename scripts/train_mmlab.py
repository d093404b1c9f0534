"""Train the smallest RTMPose on films of the open world, for the backend `mmlab`.

    .venv/bin/python scripts/train_mmlab.py films --out out/mmlab                    (makes films and annotations)
    ~/.cache/hmmr/mmlab/bin/python scripts/train_mmlab.py pose --out out/mmlab       (the environment of install_mmlab)
    ~/.cache/hmmr/mmlab/bin/hmmr harvest run CLIPS --backend mmlab:out/mmlab/mm.yaml

The first command needs no OpenMMLab, the second no compiled operator of mmcv (`scripts/install_mmlab VENV lite`).
People are found by the default detector, NanoDet.

The weights know rendered people before rendered scenes, from random initial values: they are for films. On real video
use the checkpoints that OpenMMLab publishes. Films have a split of their own (`mmlab`), so none of them is a film that
labels are measured on, or of a study. The training ends after so many minutes of processor time of one core; stopped,
the same command goes on from its last checkpoint. Checkpoints are mmengine's own, and are resumed without a check of
what they unpickle: resume only what this command wrote. Letters: F frames, P people.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

SPLIT = "mmlab"
FILMS, EVERY = 480, 3
"""Films, and the step from one annotated frame of a film to the next."""
HELD_OUT = 16
"""Every so many-th film is for validation only."""
POSE_SIZE = (96, 128)
"""Width and height, px, of the pose network's input: RTMPose's 192 x 256 costs four times as much."""
MINUTES = 35.0
"""Processor time of the training."""
JPEG_QUALITY = 92
BOX_MARGIN = 0.06
"""A person's box is that of the true joints, wider by this share of its longer side: flesh goes beyond the joints."""
LEAST_VISIBLE = 5
"""A person with fewer visible joints is neither a sample nor a mistake (`iscrowd`)."""


def make_annotations(out: Path, films: int, processes: int) -> None:
    """Films, their frames as JPEG, and COCO annotations of them: out/films, out/data. Frames that exist are kept."""
    from dataclasses import replace

    from openworld.film.batch import make_films
    from openworld.worlds import Kind, SplitConfig, WorldConfig

    few = films // 20
    kinds: tuple[Kind, ...] = ("handheld", "furniture", "blur", "dark", "late", "group", "closeup")
    split = SplitConfig(SPLIT, films, narrow_share=0.25, crossing=2 * few, four=2 * few, hidden=few, away=few,
                        empty=few, conditions=tuple((kind, few) for kind in kinds), seconds=(1.6, 2.2))  # fmt: skip
    world = replace(WorldConfig(splits=(split,)), processes=processes)
    made = make_films(world, out / "films", lambda done, total: _tell(f"films {done}/{total}"))
    parts: dict[str, list[Path]] = {"train": [], "val": []}
    for number, film in enumerate(made):
        parts["val" if number % HELD_OUT == 0 else "train"].append(film.video)
    for part, videos in parts.items():
        _write_coco(out / "data", part, videos)


def _write_coco(folder: Path, part: str, videos: list[Path]) -> None:
    from body.joints import KEYPOINTS_25

    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for number, video in enumerate(videos):
        for image, annotated in _annotated_frames(video, folder / part):
            image["id"] = len(images)
            images.append(image)
            for person in annotated:
                people.append({**person, "id": len(people), "image_id": image["id"], "category_id": 1})
        _tell(f"frames of {part} films {number + 1}/{len(videos)}")
    category = {"id": 1, "name": "person", "keypoints": list(KEYPOINTS_25), "skeleton": []}
    content = {"images": images, "annotations": people, "categories": [category]}
    (folder / f"{part}.json").write_text(json.dumps(content))
    _tell(f"{part}: {len(images)} frames, {len(people)} people\n")


def _annotated_frames(video: Path, folder: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every EVERY-th frame of a film as (image, people) of COCO; its picture is written into the folder."""
    import cv2

    from body.pictures import Pictures
    from openworld.film.truth_file import read_people, truth_path

    rows = read_people(truth_path(video)).to_pylist()
    joints_PF253 = [np.array(row["keypoints_2d"], np.float64).reshape(-1, 25, 3) for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    for frame, picture in enumerate(Pictures(video)):
        if frame % EVERY:
            continue
        name = f"{video.stem}_{frame:04d}.jpg"
        if not (folder / name).exists():
            cv2.imwrite(str(folder / name), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        height, width = picture.shape[:2]
        seen = [joints[frame] for joints, row in zip(joints_PF253, rows, strict=True) if row["present"][frame]]
        people = [person for joints in seen if (person := _person(joints, width, height)) is not None]
        yield {"file_name": f"{folder.name}/{name}", "width": width, "height": height}, people


def _person(joints_253: np.ndarray, width: int, height: int) -> dict[str, Any] | None:
    """A person's annotation; None for one who is outside of the picture. Visibility as in COCO: 2 seen, 1 hidden in the
    picture, 0 outside of it."""
    inside = (joints_253[:, :2] >= 0).all(1) & (joints_253[:, 0] < width) & (joints_253[:, 1] < height)
    low, high = joints_253[:, :2].min(0), joints_253[:, :2].max(0)
    margin = BOX_MARGIN * float((high - low).max())
    low, high = np.clip(low - margin, 0, (width, height)), np.clip(high + margin, 0, (width, height))
    if not inside.any() or (high - low).min() < 4:
        return None
    flags = np.where(inside, np.where(joints_253[:, 2] > 0, 2, 1), 0)
    points = np.concatenate([joints_253[:, :2] * inside[:, None], flags[:, None]], 1).round(2)
    box = [*low.tolist(), *(high - low).tolist()]
    few = int((flags == 2).sum()) < LEAST_VISIBLE
    return {"bbox": box, "area": box[2] * box[3], "iscrowd": int(few), "keypoints": points.ravel().tolist(),
            "num_keypoints": int((flags > 0).sum())}  # fmt: skip


def _tell(text: str) -> None:
    print(f"\r{text}", end="", file=sys.stderr, flush=True)


def pose_settings(out: Path) -> Any:
    """RTMPose-t of mmpose for the universal 25 keypoints on smaller crops, with the data below `out`."""
    from mmengine.config import Config

    from body.joints import KEYPOINTS_25, mirror_permutation
    from harvest.backends.mmlab_models import find_config

    config = Config.fromfile(str(find_config("rtmpose-t_8xb256-420e_coco-256x192.py")))
    width, height = POSE_SIZE
    codec = {**config.codec, "input_size": POSE_SIZE, "sigma": (4.9 * width / 192, 5.66 * height / 256)}
    mirrored = mirror_permutation(KEYPOINTS_25)
    places = {
        place: {"name": name, "id": place, "color": [0, 255, 0], "type": "",
                "swap": KEYPOINTS_25[mirrored[place]] if mirrored[place] != place else ""}
        for place, name in enumerate(KEYPOINTS_25)
    }  # fmt: skip
    metainfo = {"dataset_name": "films", "keypoint_info": places, "skeleton_info": {}, "joint_weights": [1.0] * 25,
                "sigmas": [0.05] * 25}  # fmt: skip
    head = {"type": "LoadImage"}, {"type": "GetBBoxCenterScale"}
    pipelines = {
        "train": [
            *head, {"type": "RandomFlip", "direction": "horizontal"},
            {"type": "RandomBBoxTransform", "scale_factor": [0.75, 1.35], "rotate_factor": 40},
            {"type": "TopdownAffine", "input_size": POSE_SIZE}, {"type": "mmdet.YOLOXHSVRandomAug"},
            {"type": "GenerateTarget", "encoder": codec}, {"type": "PackPoseInputs"},
        ],
        "val": [*head, {"type": "TopdownAffine", "input_size": POSE_SIZE}, {"type": "PackPoseInputs"}],
    }  # fmt: skip
    config.codec = codec
    config.model.backbone.update(init_cfg=None, norm_cfg={"type": "BN"})
    config.model.head.update(out_channels=25, input_size=POSE_SIZE, decoder=codec,
                             in_featuremap_size=tuple(side // 32 for side in POSE_SIZE))  # fmt: skip
    config.model.test_cfg = {"flip_test": False}
    dataset = {"type": "CocoDataset", "data_mode": "topdown", "metainfo": metainfo}
    evaluators = [{"type": "PCKAccuracy", "thr": 0.05, "norm_item": "bbox"}, {"type": "EPE"}]
    return _with_data(config, out, dataset, pipelines, batch=32, rate=1e-3, evaluators=evaluators)


def _with_data(
    config: Any, out: Path, dataset: dict[str, Any], pipelines: dict[str, Any], *, batch: int, rate: float,
    evaluators: Any,
) -> Any:  # fmt: skip
    """The model of a shipped config with our data, one thread, and nothing of its schedule but the optimizer's kind."""

    def loader(part: str) -> dict[str, Any]:
        data = {**dataset, "data_root": str(out / "data"), "ann_file": f"{part}.json", "data_prefix": {"img": ""},
                "pipeline": pipelines[part], "test_mode": part == "val"}  # fmt: skip
        shuffled = part == "train"
        sampler = {"type": "InfiniteSampler" if shuffled else "DefaultSampler", "shuffle": shuffled}
        return {"batch_size": batch, "num_workers": 0, "persistent_workers": False, "sampler": sampler, "dataset": data}

    config.merge_from_dict({"custom_hooks": [], "param_scheduler": None, "auto_scale_lr": None})
    for key in ("train_pipeline", "train_pipeline_stage2", "val_pipeline", "test_pipeline", "tta_model",
                "tta_pipeline"):  # fmt: skip
        config.pop(key, None)
    config.train_dataloader, config.val_dataloader = loader("train"), loader("val")
    config.test_dataloader = config.val_dataloader
    config.val_evaluator = config.test_evaluator = evaluators
    config.train_cfg = {"type": "IterBasedTrainLoop", "max_iters": 10**7, "val_interval": 10**7}
    config.optim_wrapper = {
        "type": "OptimWrapper", "optimizer": {"type": "AdamW", "lr": rate, "weight_decay": 0.05},
        "paramwise_cfg": {"norm_decay_mult": 0, "bias_decay_mult": 0, "bypass_duplicate": True},
        "clip_grad": {"max_norm": 35, "norm_type": 2},
    }  # fmt: skip
    config.default_hooks.pop("checkpoint")  # the shipped one keeps the best by a metric that is not measured here
    config.default_hooks.update(
        checkpoint={"type": "CheckpointHook", "by_epoch": False, "interval": 50, "max_keep_ckpts": 1},
        logger={"type": "LoggerHook", "interval": 10},
    )
    config.randomness = {"seed": 0}
    return config


def train(out: Path, minutes: float) -> Path:
    """Train until so many minutes of processor time are spent, earlier runs included; returns the checkpoint."""
    import torch
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    class UntilSpent(Hook):  # type: ignore[misc]
        """Ends the training when the time is spent; the learning rate follows the share of it that is gone: it rises in
        the first 2 %, then falls as half a cosine."""

        def before_train(self, runner: Any) -> None:
            """Earlier runs' time comes with the checkpoint."""
            self.before = float(runner.message_hub.runtime_info.get("cpu_s", 0.0))
            self.rates = [group["initial_lr"] for group in _groups(runner)]
            loop = runner.train_loop
            loop.dataloader.sampler.seed = runner.iter  # the data go on in another order
            loop.dataloader_iterator = _WithoutReplay(loop.dataloader_iterator, runner.iter)

        def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            """Set the rate."""
            gone = min(1.0, self._spent() / (60 * minutes))
            factor = min(1.0, gone / 0.02 + 0.01) * (0.01 + 0.99 * (1 + math.cos(math.pi * gone)) / 2)
            for group, rate in zip(_groups(runner), self.rates, strict=True):
                group["lr"] = rate * factor

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            """Keep the time, for the checkpoint; stop when it is spent."""
            spent = self._spent()
            runner.message_hub.update_info("cpu_s", spent)
            runner.train_loop.stop_training = spent >= 60 * minutes

        def _spent(self) -> float:
            return self.before + time.process_time()

    def _groups(runner: Any) -> Any:
        groups = runner.optim_wrapper.optimizer.param_groups
        for group in groups:
            group.setdefault("initial_lr", group["lr"])
        return groups

    torch.set_num_threads(1)
    # mmengine resumes with torch.load's old default: this folder's checkpoints are our own
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    config = pose_settings(out)
    config.dump(out / "pose.py")
    config.work_dir, config.resume, config.launcher = str(out / "pose-training"), True, "none"
    runner = Runner.from_cfg(config)
    runner.register_hook(UntilSpent(), priority="VERY_HIGH")
    runner.train()
    runner.save_checkpoint(str(out), "pose.pth", save_optimizer=False, save_param_scheduler=False)
    write_model_file(out)
    runner.logger.info(f"{runner.iter} steps of {config.train_dataloader.batch_size}; {runner.val_loop.run()}")
    return out / "pose.pth"


def write_model_file(out: Path) -> None:
    """mm.yaml, for --backend mmlab:mm.yaml. Weak detections confirm who is followed already."""
    (out / "mm.yaml").write_text("pose_config: pose.py\npose_checkpoint: pose.pth\nthreshold: 0.25\n")


class _WithoutReplay:
    """A loader's iterator. mmengine reads and drops the batches of all earlier steps when it resumes, which costs a
    quarter of the training again; these come empty and at once."""

    def __init__(self, batches: Iterator[Any], replayed: int) -> None:
        self._batches, self._left = batches, replayed

    def __next__(self) -> Any:
        if self._left > 0:
            self._left -= 1
            return None
        return next(self._batches)


def main() -> None:
    """See the file's head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("films", "pose"))
    parser.add_argument("--out", type=Path, default=Path("out/mmlab"), help="where films, data and checkpoints lie")
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--processes", type=int, default=1, help="that make films")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="processor time of the training")
    given = parser.parse_args()
    if given.step == "films":
        make_annotations(given.out, given.films, given.processes)
        return
    checkpoint = train(given.out.absolute(), given.minutes)
    _tell(f"{checkpoint}: {checkpoint.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
