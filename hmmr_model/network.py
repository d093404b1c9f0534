"""HMMR: features φ of a window of frames to bodies, now and a few frames before and after.

    φ ─ Standardise ─ projection ─┬─ TemporalEncoder ─ movie strip ──────────────┬─ f_3D: camera, pose, betas of now
                                  └─ Hallucinator ─ strip guessed frame by frame ┴─ Δ regressors: poses of now ± 5

B windows, T frames, D numbers of φ, C channels of the movie strip, J 24 joints, K 10 betas, P pose numbers (72
axis-angle or 144 six-number), S numbers of a regressor's state, N samples. Rotations are matrices, the root's in camera
axes (x right, y down, z forward). The sizes, and the initialisers of the released code: docs/paper.md 1.3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from body.rotations import axis_angle_to_matrix, matrix_to_rot6d, rot6d_to_matrix
from hmmr_model.configs import ModelConfig, PoseForm


class Head(NamedTuple):
    """Which prediction: from the strip that was seen or the hallucinated one, and how many frames away."""

    hallucinated: bool
    delta: int

    @property
    def name(self) -> str:
        """Such as `now`, `future5`, `hallucinated_past5`."""
        when = "now" if self.delta == 0 else f"{'past' if self.delta < 0 else 'future'}{abs(self.delta)}"
        return f"hallucinated_{when}" if self.hallucinated else when


class BodyGuess(NamedTuple):
    """One head's answer. A Δ head's shape is the current one's; its camera is None, since none is predicted."""

    rotations_BTJ33: Tensor
    betas_BTK: Tensor
    camera_BT3: Tensor | None


class Strips(NamedTuple):
    """The movie strip, and the one guessed from single frames where the model has that branch."""

    seen_BTC: Tensor
    hallucinated_BTC: Tensor | None


BETAS = 10
MEAN_CAMERA = (0.9, 0.0, 0.0)
"""Scale and shift that the regressor starts from (docs/paper.md 1.3)."""


class HMMR(nn.Module):
    """The whole network. `phi_dim` is D; a preset without projection needs width = D.

    `turned`: the last of the D numbers is the turn of φ's crop, radians. The network works in that crop's axes, in
    which the trunk is upright whatever the camera's roll, and its answers are turned back.
    """

    mean: nn.Parameter

    def __init__(self, config: ModelConfig, phi_dim: int, turned: bool = False) -> None:
        super().__init__()
        self.turned = turned
        phi_dim -= turned
        if not config.projection and config.width != phi_dim:
            raise ValueError(f"without a projection the width is φ's: φ has {phi_dim} numbers, width is {config.width}")
        self.config, width = config, config.width
        pose = pose_numbers(config.pose_form)
        self.input = Standardise(phi_dim, config.phi_clamp, config.input_dropout, config.standardise)
        self.stem = _projection(phi_dim, width) if config.projection else nn.Identity()
        self.encoder = TemporalEncoder(width, config.groups, config.blocks)
        self.hallucinator = Hallucinator(width, config.hallucinator_layers) if config.hallucinate else None
        self.regressor = _regressor(config, 3 + pose + BETAS)
        self.delta_regressors = nn.ModuleDict({_delta_key(d): _regressor(config, pose) for d in config.deltas})
        with torch.device("cpu"):  # on the meta device the rotation would import torch's compiler: a second
            start = [torch.tensor(MEAN_CAMERA), mean_pose(config.pose_form), torch.zeros(BETAS)]
            mean = torch.cat(start)
        self.mean = nn.Parameter(mean.to(torch.get_default_device()))

    def forward(self, phi_BTD: Tensor, auxiliary: bool = True) -> tuple[Strips, dict[Head, BodyGuess]]:
        """Both strips and every head's answer; without `auxiliary`, the seen strip and the current body alone."""
        phi_BTD, turn_BT = (phi_BTD[..., :-1], phi_BTD[..., -1].float()) if self.turned else (phi_BTD, None)
        strips = self.strips(phi_BTD, auxiliary)
        guesses = self.heads(strips.seen_BTC, False, auxiliary)
        if strips.hallucinated_BTC is not None:
            guesses |= self.heads(strips.hallucinated_BTC, True)
        if turn_BT is not None:
            guesses = {head: turned_back(guess, turn_BT) for head, guess in guesses.items()}
        return strips, guesses

    def strips(self, phi_BTD: Tensor, hallucinate: bool = True) -> Strips:
        """Standardised φ through the encoder, and through the hallucinator."""
        x_BTC = self.stem(self.input(phi_BTD))
        guessed = self.hallucinator(x_BTC) if self.hallucinator is not None and hallucinate else None
        return Strips(self.encoder(self._with_blanks(x_BTC)), guessed)

    def _with_blanks(self, x_BTC: Tensor) -> Tensor:
        """Blanks some frames in training, for the encoder alone, which can infer them from their neighbours."""
        share = self.config.frame_dropout if self.training and self.config.blocks else 0.0
        return x_BTC * (torch.rand(*x_BTC.shape[:2], 1, device=x_BTC.device) >= share) if share else x_BTC

    def heads(self, strip_BTC: Tensor, hallucinated: bool, deltas: bool = True) -> dict[Head, BodyGuess]:
        """All predictions from one strip: the current body, and the poses `deltas` frames away."""
        form = self.config.pose_form
        state = self.regressor(strip_BTC, self.mean.expand(*strip_BTC.shape[:2], -1)).float()
        camera_BT3, pose_BTP, betas_BTK = state.split([3, pose_numbers(form), BETAS], dim=-1)
        guesses = {Head(hallucinated, 0): BodyGuess(pose_to_matrices(pose_BTP, form), betas_BTK, camera_BT3)}
        for delta in self.config.deltas if deltas else ():
            # The start is not detached: the Δ losses also teach the current pose (docs/paper.md 8.9).
            moved_BTP = self.delta_regressors[_delta_key(delta)](strip_BTC, pose_BTP)
            guesses[Head(hallucinated, delta)] = BodyGuess(pose_to_matrices(moved_BTP, form), betas_BTK, None)
        return guesses


def turned_back(guess: BodyGuess, turn_BT: Tensor) -> BodyGuess:
    """A body in the axes of a crop that is turned by `turn_BT` radians, in the camera's axes and the upright crop."""
    cos, sin, zero = turn_BT.cos(), turn_BT.sin(), torch.zeros_like(turn_BT)
    back_BT9 = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1], dim=-1)
    back_BT33 = back_BT9.reshape(*turn_BT.shape, 3, 3)
    root_BT133 = (back_BT33 @ guess.rotations_BTJ33[:, :, 0])[:, :, None]
    camera = guess.camera_BT3
    if camera is not None:
        shift_BT2 = (back_BT33[..., :2, :2] @ camera[..., 1:, None])[..., 0]
        camera = torch.cat([camera[..., :1], shift_BT2], dim=-1)
    return BodyGuess(torch.cat([root_BT133, guess.rotations_BTJ33[:, :, 1:]], dim=2), guess.betas_BTK, camera)


def _projection(phi_dim: int, width: int) -> nn.Sequential:
    return nn.Sequential(xavier(nn.Linear(phi_dim, width)), nn.ReLU(), xavier(nn.Linear(width, width)))


def _regressor(config: ModelConfig, state: int) -> IterativeRegressor:
    return IterativeRegressor(config.width, state, config.regressor_width, config.iterations, config.dropout)


def _delta_key(delta: int) -> str:
    return f"past{-delta}" if delta < 0 else f"future{delta}"


MIN_STD = 1e-3
"""Entries of φ that hardly vary are divided by this instead: a dead unit must not become pure noise."""


class Standardise(nn.Module):
    """Holds the statistics as buffers, so that a checkpoint carries them and no φ is scaled twice."""

    mean_D: Tensor
    std_D: Tensor

    def __init__(self, dim: int, clamp: float, dropout: float, enabled: bool) -> None:
        super().__init__()
        self.clamp, self.enabled = clamp, enabled
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean_D", torch.zeros(dim))
        self.register_buffer("std_D", torch.ones(dim))

    def fit(self, mean_D: Tensor, std_D: Tensor) -> None:
        """Take the training set's mean and standard deviation."""
        self.mean_D.copy_(mean_D)
        self.std_D.copy_(std_D.clamp_min(MIN_STD))

    def forward(self, phi_BTD: Tensor) -> Tensor:
        """Any float type in, float32 out, same shape."""
        x_BTD = phi_BTD.float()
        if self.enabled:
            x_BTD = ((x_BTD - self.mean_D) / self.std_D).clamp(-self.clamp, self.clamp)
        dropped: Tensor = self.dropout(x_BTD)
        return dropped


NORM_EPS = 1e-6
"""TF contrib group_norm's default (docs/paper.md 1.3)."""
SECOND_CONV_FACTOR = 0.001
"""Variance-scaling factor of each block's second convolution: the encoder starts as the identity."""


class TemporalEncoder(nn.Module):
    """A stack of blocks; with none it is the single-frame model."""

    def __init__(self, width: int, groups: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TemporalBlock(width, groups) for _ in range(blocks))

    def forward(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) to the movie strip (B, T, C)."""
        h_BCT = x_BTC.transpose(1, 2)
        for block in self.blocks:
            h_BCT = block(h_BCT)
        return h_BCT.transpose(1, 2)


class TemporalBlock(nn.Module):
    """GroupNorm, ReLU, convolution, twice, and add: pre-activation, with nothing after the sum."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width, eps=NORM_EPS)
        self.norm2 = nn.GroupNorm(groups, width, eps=NORM_EPS)
        self.conv1 = xavier(nn.Conv1d(width, width, 3, padding=1))
        self.conv2 = near_zero(nn.Conv1d(width, width, 3, padding=1), SECOND_CONV_FACTOR)

    def forward(self, x_BCT: Tensor) -> Tensor:
        """Same shape out."""
        h_BCT = self.conv1(torch.relu(self.norm1(x_BCT)))
        change_BCT: Tensor = self.conv2(torch.relu(self.norm2(h_BCT)))
        return x_BCT + change_BCT


HALLUCINATOR_LAST_FACTOR = 0.001
"""Variance-scaling factor of the last layer: the guess starts as the feature itself."""


class Hallucinator(nn.Module):
    """Layers of the strip's width, added to the feature: three as in the released code, where the text says two."""

    def __init__(self, width: int, layers: int = 3) -> None:
        super().__init__()
        hidden = [part for _ in range(layers - 1) for part in (xavier(nn.Linear(width, width)), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, near_zero(nn.Linear(width, width), HALLUCINATOR_LAST_FACTOR))

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Frame by frame: no frame sees another."""
        guessed: Tensor = x_BTC + self.layers(x_BTC)
        return guessed


REGRESSOR_LAST_FACTOR = 0.01
"""Variance-scaling factor of the last layer (docs/paper.md 1.3): the first guess stays near the start."""


class IterativeRegressor(nn.Module):
    """state <- state + MLP([feature, state]), a few times with the same weights; losses see the last state only.

    f_3D's state is camera (3), pose, shape (10), and starts at a trained mean; a Δ regressor's is the pose alone, and
    starts at the current prediction. Who calls says where it starts.
    """

    def __init__(self, channels: int, state: int, hidden: int, iterations: int, dropout: float) -> None:
        super().__init__()
        self.iterations = iterations
        self.layers = nn.Sequential(
            xavier(nn.Linear(channels + state, hidden)), nn.ReLU(), nn.Dropout(dropout),
            xavier(nn.Linear(hidden, hidden)), nn.ReLU(), nn.Dropout(dropout),
            near_zero(nn.Linear(hidden, state), REGRESSOR_LAST_FACTOR),
        )  # fmt: skip

    def forward(self, feature_NC: Tensor, start_NS: Tensor) -> Tensor:
        """The last state (N, S)."""
        state_NS = start_NS
        for _ in range(self.iterations):
            state_NS = state_NS + self.layers(torch.cat([feature_NC, state_NS], dim=-1))
        return state_NS


JOINTS = 24
_NUMBERS: dict[PoseForm, int] = {"rot6d": 6, "axis_angle": 3}


def pose_numbers(form: PoseForm) -> int:
    """How many numbers 24 joints take."""
    return JOINTS * _NUMBERS[form]


def pose_to_matrices(pose_NP: Tensor, form: PoseForm) -> Tensor:
    """(..., P) to rotation matrices (..., 24, 3, 3), always in float32."""
    joints = pose_NP.float().reshape(*pose_NP.shape[:-1], JOINTS, _NUMBERS[form])
    return rot6d_to_matrix(joints) if form == "rot6d" else axis_angle_to_matrix(joints)


def mean_pose(form: PoseForm) -> Tensor:
    """Where the regressor starts: the rest pose with the root turned by pi about x, as image y points down."""
    axis_angle_J3 = torch.zeros(JOINTS, 3)
    axis_angle_J3[0, 0] = torch.pi
    if form == "axis_angle":
        return axis_angle_J3.flatten()
    return matrix_to_rot6d(axis_angle_to_matrix(axis_angle_J3)).flatten()


def xavier(layer: nn.Linear | nn.Conv1d) -> nn.Linear | nn.Conv1d:
    """Glorot uniform weights and zero bias: what TF-slim gives to a layer that asks for nothing."""
    nn.init.xavier_uniform_(layer.weight)
    _zero(layer.bias)
    return layer


def near_zero(layer: nn.Linear | nn.Conv1d, factor: float) -> nn.Linear | nn.Conv1d:
    """TF's variance scaling, FAN_AVG, uniform: U(-l, l) with l = sqrt(3 factor / mean(fan_in, fan_out)); zero bias."""
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
    limit = math.sqrt(3.0 * factor / ((fan_in + fan_out) / 2))
    nn.init.uniform_(layer.weight, -limit, limit)
    _zero(layer.bias)
    return layer


def _zero(bias: Tensor | None) -> None:
    if bias is not None:
        nn.init.zeros_(bias)
