"""The three presets: the paper's numbers, a model for minutes on one core, and one for tens of seconds."""

from collections.abc import Callable

from hmmr_model.configs import DataConfig, LossConfig, ModelConfig, OptimiserConfig, TrainConfig


def paper() -> TrainConfig:
    """The released code's numbers (docs/paper.md 1.3 to 2.1); wants a φ of 2,048 numbers and a GPU."""
    model = ModelConfig(
        width=2048, projection=False, blocks=3, groups=32, regressor_width=1024, dropout=0.5, input_dropout=0.0,
        frame_dropout=0.0, standardise=False, pose_form="axis_angle",
    )  # fmt: skip
    loss = LossConfig(
        joints_3d=60.0,
        betas=60.0,
        adversarial=1.0,
        beta_prior=1.0,
        auxiliary_every=1,
        prior_every=1,
        prior_hidden=1024,
        pseudo_start=0.0,
        pseudo_full=0.0,
    )
    optimiser = OptimiserConfig(
        learning_rate=1e-5, discriminator_rate=1e-4, weight_decay=0.0, warmup=0, schedule="constant", clip=0.0,
        discriminator_betas=(0.9, 0.999), ema=0.0,
    )  # fmt: skip
    data = DataConfig(phi_name="resnet50_v2", batch=8, target_margin=0, flip=0.0, box_scale=0.0, box_shift=0.0)
    return TrainConfig(
        preset="paper", steps=560_000, save_every=2000, model=model, loss=loss, optimiser=optimiser, data=data
    )


def open_preset() -> TrainConfig:
    """All heads, as wide as trains in eight minutes on one thread (docs/scaling_pilot.md 5, docs/results/model.md)."""
    return TrainConfig(
        preset="open",
        steps=2500,
        model=ModelConfig(frame_dropout=0.05),
        loss=LossConfig(acceleration=40.0, auxiliary=0.5, auxiliary_every=2),
    )


def tiny() -> TrainConfig:
    """The quickstart's: the current head alone, tens of seconds on one thread."""
    return TrainConfig(
        preset="tiny",
        steps=600,
        save_every=200,
        model=ModelConfig(deltas=(), hallucinate=False),
        data=DataConfig(target_margin=0),
    )


PRESETS: dict[str, Callable[[], TrainConfig]] = {"paper": paper, "open": open_preset, "tiny": tiny}
