"""Both ResNets against published counts and shapes, and checkpoints in the forms that people have."""

from pathlib import Path

import numpy as np
import pytest
import torch

from harvest.phi.resnet import ResNetConfig, ResNetPhi, load_resnet
from harvest.phi.resnet_v1 import ResNet50V1
from harvest.phi.resnet_v2 import ResNet50V2, from_slim
from harvest.weights.safe_checkpoint import CheckpointError

CLASSIFIER = 2048 * 1000 + 1000


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_published_parameter_counts() -> None:
    assert parameters(ResNet50V1()) + CLASSIFIER == 25_557_032  # torchvision's documentation of resnet50
    second = ResNet50V2()
    statistics = sum(b.numel() for name, b in second.named_buffers() if "running" in name)
    assert parameters(second) + statistics == 23_564_800  # Keras' documentation of ResNet50V2 without its top


def torchvision_names() -> dict[str, tuple[int, ...]]:
    """Layer names and shapes of torchvision's resnet50, written down from its paper's table."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7)}

    def norm(name: str, width: int) -> None:
        shapes.update({f"{name}.{leaf}": (width,) for leaf in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{name}.num_batches_tracked"] = ()

    norm("bn1", 64)
    inputs = 64
    for layer, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
        for block in range(blocks):
            at = f"layer{layer}.{block}"
            shapes[f"{at}.conv1.weight"] = (width, inputs, 1, 1)
            shapes[f"{at}.conv2.weight"] = (width, width, 3, 3)
            shapes[f"{at}.conv3.weight"] = (4 * width, width, 1, 1)
            for number, size in ((1, width), (2, width), (3, 4 * width)):
                norm(f"{at}.bn{number}", size)
            if block == 0:
                shapes[f"{at}.downsample.0.weight"] = (4 * width, inputs, 1, 1)
                norm(f"{at}.downsample.1", 4 * width)
            inputs = 4 * width
    return shapes


def slim_names() -> dict[str, tuple[int, ...]]:
    """Variables of TF-slim's resnet_v2_50, kernels as (height, width, in, out)."""
    shapes: dict[str, tuple[int, ...]] = {"conv1/weights": (7, 7, 3, 64), "conv1/biases": (64,)}

    def norm(name: str, width: int) -> None:
        shapes.update({f"{name}/{leaf}": (width,) for leaf in ("gamma", "beta", "moving_mean", "moving_variance")})

    norm("postnorm", 2048)
    inputs = 64
    for block, (width, units) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
        for unit in range(1, units + 1):
            at = f"block{block}/unit_{unit}/bottleneck_v2"
            norm(f"{at}/preact", inputs)
            if unit == 1:
                shapes.update(
                    {f"{at}/shortcut/weights": (1, 1, inputs, 4 * width), f"{at}/shortcut/biases": (4 * width,)}
                )
            shapes[f"{at}/conv1/weights"] = (1, 1, inputs, width)
            shapes[f"{at}/conv2/weights"] = (3, 3, width, width)
            shapes.update({f"{at}/conv3/weights": (1, 1, width, 4 * width), f"{at}/conv3/biases": (4 * width,)})
            norm(f"{at}/conv1/BatchNorm", width)
            norm(f"{at}/conv2/BatchNorm", width)
            inputs = 4 * width
    return {f"resnet_v2_50/{name}": shape for name, shape in shapes.items()}


def random_tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    tensors = {}
    for name, shape in shapes.items():
        tensors[name] = 1 + 0.1 * torch.rand(shape) if len(shape) == 1 else 0.02 * torch.randn(shape)
    return {name: t if shapes[name] else torch.tensor(7) for name, t in tensors.items()}


def test_layers_are_torchvisions() -> None:
    assert {name: tuple(t.shape) for name, t in ResNet50V1().state_dict().items()} == torchvision_names()


@pytest.mark.parametrize("form", ["torchvision", "spin"])
def test_loads_what_people_have(tmp_path: Path, form: str) -> None:
    tensors = random_tensors(torchvision_names())
    if form == "torchvision":
        content = {**tensors, "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    else:
        head = {"fc1.weight": torch.zeros(9, 2048 + 157), "fc1.bias": torch.zeros(9), "init_pose": torch.zeros(1, 144)}
        head |= {f"{name}.weight": torch.zeros(2, 9) for name in ("fc2", "decpose", "decshape", "deccam")}
        content = {"model": {**tensors, **head}, "optimizer": {}, "epoch": np.float64(3)}
    torch.save(content, tmp_path / "net.pt")
    network = load_resnet(tmp_path / "net.pt", "v1")
    assert torch.equal(network.state_dict()["layer4.2.conv3.weight"], tensors["layer4.2.conv3.weight"])


def test_loads_slims_variables(tmp_path: Path) -> None:
    variables = {f"Encoder_resnet/{n}": t.numpy() for n, t in random_tensors(slim_names()).items()}
    extra = {"Encoder_resnet/resnet_v2_50/logits/weights": np.zeros((1, 1, 2048, 3), np.float32), "step": np.zeros(1)}
    np.savez(tmp_path / "hmr.npz", **variables, **extra)
    state = load_resnet(tmp_path / "hmr.npz", "v2").state_dict()
    kernel = variables["Encoder_resnet/resnet_v2_50/block2/unit_3/bottleneck_v2/conv2/weights"]
    np.testing.assert_array_equal(state["block2.unit_3.conv2.weight"].numpy(), kernel.transpose(3, 2, 0, 1))
    variance = variables["Encoder_resnet/resnet_v2_50/block2/unit_3/bottleneck_v2/conv2/BatchNorm/moving_variance"]
    np.testing.assert_array_equal(state["block2.unit_3.norm2.running_var"].numpy(), variance)


def test_v2_strides_and_shortcut() -> None:
    network = ResNet50V2().eval()
    sizes = []
    for number in range(1, 5):
        for unit in network.get_submodule(f"block{number}").children():
            unit.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 2048)
    assert sizes == [56, 56, 28, 28, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7]
    last = network.get_submodule("block1.unit_3")
    torch.nn.init.zeros_(last.conv3.weight)
    torch.nn.init.zeros_(last.conv3.bias)
    picture = torch.rand(1, 256, 8, 8)
    with torch.no_grad():
        assert torch.equal(last(picture), picture[:, :, ::2, ::2])


def test_features_of_crops(tmp_path: Path) -> None:
    torch.save(random_tensors(torchvision_names()), tmp_path / "net.pth")
    phi = ResNetPhi(ResNetConfig(tmp_path / "net.pth", batch=2))
    frames = [np.random.default_rng(i).integers(0, 255, (60, 80, 3), dtype=np.uint8) for i in range(3)]
    boxes = np.array([[0, 0, 60, 60], [10, 0, 70, 60], [-10, -10, 70, 70]], np.float32)
    features, world = phi.features(frames, boxes, np.zeros((3, 25, 3)))
    assert features.shape == (3, phi.dim)
    assert world is None
    alone, _ = phi.features(frames[2:], boxes[2:], np.zeros((1, 25, 3)))
    np.testing.assert_allclose(features[2], alone[0], rtol=1e-3, atol=1e-4)
    assert phi.features([], np.zeros((0, 4)), np.zeros((0, 25, 3)))[0].shape == (0, 2048)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_other_checkpoints_are_named(tmp_path: Path, version: str) -> None:
    torch.save({"conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=rf"other\.pth: not a checkpoint of ResNet-50 {version}"):
        load_resnet(tmp_path / "other.pth", version)  # type: ignore[arg-type]
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"bad\.npz"):
        load_resnet(tmp_path / "bad.npz", version)  # type: ignore[arg-type]


def test_slim_names_that_are_not_the_encoder_are_left_out() -> None:
    assert from_slim({"Regressor/fc1/weights": np.zeros((2, 2)), "resnet_v2_50/logits/biases": np.zeros(3)}) == {}
