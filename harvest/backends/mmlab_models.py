"""Builds OpenMMLab models from their configs, and loads checkpoints without running code from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvest.weights.safe_checkpoint import fill, load_state_dict

_WAY_OUT = (
    "the backend `mmlab` needs mmdet and mmpose, which do not install beside everything else. Make their environment "
    "with scripts/install_mmlab and call its hmmr: ~/.cache/hmmr/mmlab/bin/hmmr harvest run ..."
)


@dataclass(frozen=True)
class NdPipeline:
    """A model with its test pipeline for images in memory. `text` is its whole config."""

    model: Any
    prepare: Callable[[dict[str, Any]], Any]
    text: str
    joint_names: tuple[str, ...] = ()

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> list[Any]:
        """One OpenMMLab data sample for each item, from one batch."""
        import torch
        from mmengine.dataset import pseudo_collate

        extra = self.model.dataset_meta if self.joint_names else {}
        prepared = [self.prepare({**item, **extra}) for item in items]
        with torch.no_grad():
            return list(self.model.test_step(pseudo_collate(prepared)))


def build_detector(config: str, checkpoint: Path | None, device: str) -> NdPipeline:
    """A detector of mmdet. ImportError says how to get mmdet; CheckpointError names a checkpoint that does not fit."""
    try:
        from mmcv.transforms import Compose
        from mmdet.apis import init_detector
        from mmdet.utils import get_test_pipeline_cfg
    except ImportError as error:
        raise ImportError(_WAY_OUT) from error
    model = init_detector(str(find_config(config)), None, device=device)
    _load(model, checkpoint)
    pipeline = get_test_pipeline_cfg(model.cfg.copy())
    pipeline[0].type = "mmdet.LoadImageFromNDArray"
    return NdPipeline(model, Compose(pipeline), model.cfg.pretty_text)


def build_pose_estimator(config: str, checkpoint: Path | None, device: str) -> NdPipeline:
    """A top-down estimator of mmpose; errors as for `build_detector`."""
    try:
        from mmcv.transforms import Compose
        from mmengine.registry import init_default_scope
        from mmpose.apis import init_model
    except ImportError as error:
        raise ImportError(_WAY_OUT) from error
    model = init_model(str(find_config(config)), None, device=device)
    _load(model, checkpoint)
    init_default_scope(model.cfg.get("default_scope", "mmpose"))
    names = model.dataset_meta["keypoint_id2name"]
    prepare = Compose(model.cfg.test_dataloader.dataset.pipeline)
    return NdPipeline(model, prepare, model.cfg.pretty_text, tuple(names[i] for i in sorted(names)))


def find_config(config: str) -> Path:
    """The config at this path, or the file of that name that mmpose or mmdet ships. ValueError if there is none."""
    if Path(config).is_file():
        return Path(config)
    import mmdet
    import mmpose

    for package in (mmpose, mmdet):
        found = sorted((Path(package.__file__).parent / ".mim").rglob(Path(config).name))
        if found:
            return found[0]
    raise ValueError(f"{config}: neither a file nor a config that mmdet or mmpose ships")


def _load(model: Any, checkpoint: Path | None) -> None:
    if checkpoint is None:
        return
    tensors = load_state_dict(checkpoint)
    # the checkpoint may also hold averaged weights (ema_) or the constants of the preprocessing
    own = model.state_dict().keys()
    beside = ("ema_", "data_preprocessor.")
    kept = {name: tensor for name, tensor in tensors.items() if name in own or not name.startswith(beside)}
    fill(model, kept, checkpoint, "this config")
