"""All settings of a training run as frozen dataclasses, the presets that ran, and both as JSON.

Defaults are the `open` preset's where it and the paper differ. Checkpoints and rows of `runs` hold a configuration as
JSON; reading it back checks every name and type.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from storage.json_text import BadJsonError, number, read_json
from storage.labels.key import absent_values, added_field, identity
from storage.tables import TURN

PoseForm = Literal["rot6d", "axis_angle"]


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network: width and depth are numbers, the flow is always the paper's (docs/paper.md 1.3)."""

    width: int = 192
    """Channels of the movie strip."""
    projection: bool = True
    """Linear-ReLU-Linear from φ to `width`; False feeds φ itself, as the paper does, and needs width = D."""
    blocks: int = 2
    """Residual blocks of the temporal encoder; 0 is the single-frame model."""
    groups: int = 12
    """Groups of each GroupNorm; the paper's code has 32 groups of 64 channels."""
    regressor_width: int = 192
    iterations: int = 3
    dropout: float = 0.2
    """After each hidden layer of a regressor; the paper has 0.5."""
    input_dropout: float = 0.2
    """Share of φ's entries zeroed in training, after standardising, frame by frame: noise that neighbours can undo."""
    frame_dropout: float = 0.15
    """Share of frames blanked in training, so that a frame must also be told from its neighbours; the paper has 0."""
    standardise: bool = True
    """Standardise φ by the training set's statistics; the paper's network takes φ as it is."""
    phi_clamp: float = 5.0
    """Standardised φ is clamped to plus or minus this."""
    pose_form: PoseForm = "rot6d"
    """What the regressor adds to: the paper's axis-angle, or six numbers a joint, which have no jump at pi."""
    deltas: tuple[int, ...] = (-5, 5)
    """Frames away that the pose-only heads predict; empty for none."""
    hallucinate: bool = True
    """Whether there is a branch that guesses the movie strip from one frame."""
    hallucinator_layers: int = 3
    """As in the released code; the paper's text says 2."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms of docs/paper.md 2.1, which carry their own halves and means."""

    keypoints_2d: float = 60.0
    joints_3d: float = 600.0
    rotations: float = 60.0
    betas: float = 3.0
    acceleration: float = 0.0
    """Weight of the labelled joints' acceleration error in the current head; the paper has no such term."""
    adversarial: float = 0.3
    """The paper has 1; with few films less of it was better on dev (docs/LOG.md)."""
    beta_prior: float = 0.1
    constant_shape: float = 1.0
    hallucination: float = 1.0
    auxiliary: float = 1.0
    """Factor on the 2D, 3D and body terms of every head but the current one; the paper has 1."""
    pseudo_start: float = 0.1
    pseudo_full: float = 0.4
    """Shares of the training between which the pseudo-labelled windows' weight in the 2D terms grows from 0 to 1; the
    paper has 0 and 0. From the first step on, 2D alone can turn bodies to their mirror images (docs/LOG.md)."""
    auxiliary_every: int = 4
    """Those heads take part in every n-th step; the paper has 1. Six heads cost six times one."""
    detach_hallucination_target: bool = False
    """True stops the hallucination loss from pulling the encoder; the released code lets it."""
    prior_every: int = 2
    """Every n-th frame of a window goes to the pose prior; the paper takes all."""
    prior_hidden: int = 128
    """Width of the prior's whole-pose layers; the paper has 1024."""


@dataclass(frozen=True)
class OptimiserConfig:
    """Generator and discriminator optimisers and the weights' moving average."""

    learning_rate: float = 1e-3
    discriminator_rate: float = 5e-4
    weight_decay: float = 1e-2
    warmup: int = 100
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float = 1.0
    """Largest gradient norm; 0 switches clipping off, as in the paper."""
    discriminator_betas: tuple[float, float] = (0.5, 0.99)
    ema: float = 0.995
    """Decay of the moving average that is kept as the result; 0 keeps the raw weights, as the paper does."""


@dataclass(frozen=True)
class DataConfig:
    """Which windows are drawn. Half of each batch has 3D labels, always (docs/design.md, data walk 10)."""

    phi_name: str = "blazepose_penultimate"
    window: int = 20
    batch: int = 16
    """Windows a step and process; even."""
    target_margin: int = 5
    """Frames that targets reach past both ends of a window, so that a Δ head also learns what lies beyond what the
    encoder sees; the paper's targets end with the window (0)."""
    min_fps: float = 20.0
    max_fps: float = 30.0
    """Tracklets outside are left out: Δ and the filters of time mean nothing at another rate."""
    held_out: tuple[str, ...] = ("dev", "val", "validation", "test", "mocap")
    """Tracklets whose 3D label names one of these splits never train, whichever lake they come from."""
    min_score: float = 0.1
    """A detected keypoint counts as visible from this score on; binary, as in the paper."""
    flip: float = 0.5
    box_scale: float = 0.15
    box_shift: float = 0.1
    """Mirroring, and jitter of the crop as log-scale and shift in crop units: where φ can follow (data.augment)."""
    joint_dropout: float = 0.05
    """Share of input joints hidden where φ is the keypoints themselves."""
    pseudo3d: str = added_field("")
    """Label round (rounds.py) whose 3D the added tracklets bring along; empty: they bring 2D alone."""
    pseudo3d_share: float = added_field(0.5)
    """Share of the windows with 3D that come from that round; true labels keep the rest."""

    @property
    def turned(self) -> bool:
        """Whether φ's last number is the turn of its crop, so that the network's answers are turned back by it.

        BadConfigError where `turn` stands elsewhere in φ's name."""
        *others, last = self.phi_name.split("+")
        if TURN in others:
            raise BadConfigError(f"phi {self.phi_name}: turn must come last")
        return last == TURN


@dataclass(frozen=True)
class TrainConfig:
    """One training run; a frozen value, written whole into its checkpoint."""

    preset: str = "open"
    steps: int = 3000
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    """CPU threads of the process: two runs of one thread beat one of two (docs/scaling_pilot.md 2). 0 leaves it."""
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    save_every: int = 500
    """Steps between states that a killed run can go on from."""
    log_every: int = 50
    prior_poses: str | None = None
    """Files of real poses for the prior (prior.py); None takes the labelled windows' own."""
    warm_start: str | None = None
    """A checkpoint whose regressor and mean parameters to start from, as HMMR starts from HMR's."""
    initial: str | None = added_field(None)
    """A checkpoint all of whose weights and statistics of φ to start from, for fine-tuning; `released` is the one that
    comes with the package. None: random weights."""
    body: str | None = None
    """SMPL-format body file with a keypoint regressor; None is open24."""
    body_name: str = "open24"
    """Rotations and betas of 3D labels count only where they belong to a body of this name."""
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    data: DataConfig = field(default_factory=DataConfig)


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
T = TypeVar("T")
LATER = {
    "config.data.target_margin": 0,
    "config.loss.pseudo_start": 0.0,
    "config.loss.pseudo_full": 0.0,
    "config.loss.acceleration": 0.0,
}
"""Settings that came after the first checkpoints were written, and what those did. They are part of every run id;
settings that came after them are declared with `added_field`."""


class BadConfigError(ValueError):
    """A configuration that is not ours; the message names the field."""


def to_json(config: TrainConfig) -> str:
    """The configuration as text, for checkpoints, `runs` rows and run ids; equal configurations give equal text.

    A later field that holds its recorded value is left out (storage/labels/key.py), so that ids stay."""
    return json.dumps(identity(config), sort_keys=True)


def from_json(text: str) -> TrainConfig:
    """The configuration that `to_json` wrote. Raises BadConfigError on unknown, missing or mistyped fields."""
    try:
        value = read_json(text)
    except BadJsonError as error:
        raise BadConfigError(f"configuration is not JSON: {error}") from error
    return _build(TrainConfig, value, "config")


def _build(kind: type[T], value: Any, where: str) -> T:
    if not isinstance(value, dict):
        raise BadConfigError(f"{where} is {type(value).__name__}, not an object")
    hints = typing.get_type_hints(kind)
    early = {name: LATER[f"{where}.{name}"] for name in hints if f"{where}.{name}" in LATER}
    value = early | {name: absent for name, absent in absent_values(kind).items() if name not in value} | value
    if set(value) != set(hints):
        strange = ", ".join(sorted(set(value) ^ set(hints)))
        raise BadConfigError(f"{where}: fields differ from this version's: {strange}")
    return kind(**{name: _read(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type[Any], hint), value, where)
    if origin is tuple and isinstance(value, list):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) == len(value):
            return tuple(_read(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if origin is typing.Literal and value in arguments:
        return value
    if origin is types.UnionType and (value is None or isinstance(value, str)):
        return value
    if hint is float:
        return _float(value, where)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise BadConfigError(f"{where}: {value!r} is not {hint}")


def _float(value: Any, where: str) -> float:
    try:
        return number(value)
    except BadJsonError as error:
        raise BadConfigError(f"{where}: {error}") from error
