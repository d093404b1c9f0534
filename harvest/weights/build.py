"""Builds the bytes of each cached network from the files of its package: which part of which graph, and the names.

Makes a translated ONNX graph take images of any size, where the original was frozen at one.

A detector frozen at 416 x 416 spends 38 % of its work on the black bars of a 16:9 frame. Its convolutions do not
care about the size; only the targets of resizes and the shapes of reshapes are written down as numbers.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_MOVENET_TOP = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1/conv2d/BiasAdd"


def nanodet_onnx(files: Sequence[bytes]) -> bytes:
    """Input images (N, 3, H, W), H and W multiples of 32. Outputs per stride s: scores_s (N, cells, 80 COCO
    classes) and distances_s (N, cells, 4 sides x 11 bins of a distribution over 0..10 cells)."""
    scores = {"scores_8": "Identity", "scores_16": "Identity_1", "scores_32": "Identity_2"}
    distances = {"distances_8": "Identity_3", "distances_16": "Identity_4", "distances_32": "Identity_5"}
    return free_size(_translated(files, {"images": ("input_1", ("N", 3, 416, 416))}, {**scores, **distances}))


def blazepose_onnx(files: Sequence[bytes]) -> bytes:
    """Input crops (N, 256, 256, 3), RGB in [0, 1]. Outputs landmarks (N, 195 = 39 x (x, y px, z, visibility,
    presence)), world (N, 117 = 39 x metres), presence (N, 1), penultimate (N, 2, 2, 288).

    The graph's heatmaps and segmentation mask are left out: they are half of its work and nothing here reads them.
    """
    outputs = {
        "landmarks": "Identity_2",
        "world": "Identity_4",
        "presence": "Identity_3",
        "penultimate": "StatefulPartitionedCall/model/re_lu_63/Relu6",
    }
    return _translated(files, {"crops": ("input_1", ("N", 256, 256, 3))}, outputs)


def movenet_features_onnx(files: Sequence[bytes]) -> bytes:
    """Input crops (N, 192, 192, 3), RGB in [0, 255]. Output features (N, 6, 6, 64): the top of the feature pyramid,
    from which all of MoveNet's heads are computed. Its training data holds 2D keypoints only."""
    inputs = {"crops": ("StatefulPartitionedCall/stack", ("N", 192, 192, 3))}
    return _translated(files, inputs, {"features": _MOVENET_TOP})


def _translated(
    files: Sequence[bytes], inputs: Mapping[str, tuple[str, tuple[int | str, ...]]], outputs: Mapping[str, str]
) -> bytes:
    """ONNX bytes of a TensorFlow.js graph. The package onnx is imported here: only `weights fetch` builds networks."""
    from harvest.weights.tfjs import read_tfjs
    from harvest.weights.tfjs_ops import translate

    return translate(read_tfjs(*files), inputs, outputs)


def only_file(files: Sequence[bytes]) -> bytes:
    """The package's file as it is."""
    return files[0]


def free_size(model: bytes, image: str = "images") -> bytes:
    """ONNX bytes whose NCHW input `image` has free height and width (multiples of the network's stride).

    Resizes keep their ratio instead of their target; a reshape gets -1 where it wrote the number of pixels.
    """
    import onnx

    graph_model = onnx.load_from_string(model)
    shapes = _shapes(graph_model)
    constants = {tensor.name: tensor for tensor in graph_model.graph.initializer}
    for node in graph_model.graph.node:
        if node.op_type == "Resize":
            _keep_ratio(node, shapes[node.input[0]], constants[node.input[3]])
        elif node.op_type == "Reshape":
            _free_pixels(shapes[node.input[0]], constants[node.input[1]])
    for place, name in ((2, "H"), (3, "W")):
        dimension = next(i for i in graph_model.graph.input if i.name == image).type.tensor_type.shape.dim[place]
        dimension.Clear()
        dimension.dim_param = name
    return bytes(graph_model.SerializeToString(deterministic=True))


def _shapes(model: "onnx.ModelProto") -> dict[str, list[int]]:
    """Shape of every tensor at the frozen size; a free dimension counts as 0."""
    from onnx import shape_inference

    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    infos = [*inferred.value_info, *inferred.input, *inferred.output]
    return {info.name: [d.dim_value for d in info.type.tensor_type.shape.dim] for info in infos}


def _keep_ratio(node: "onnx.NodeProto", source_NCHW: list[int], target: "onnx.TensorProto") -> None:
    from onnx import numpy_helper

    ratios = numpy_helper.to_array(target) / np.asarray(source_NCHW[2:])
    target.CopyFrom(numpy_helper.from_array(ratios.astype(np.float32), target.name))
    node.input[2], node.input[3] = node.input[3], ""
    del node.input[3:]


def _free_pixels(source: list[int], target: "onnx.TensorProto") -> None:
    """Replaces the one target dimension that is the number of pixels of an NCHW or NHWC source by -1."""
    from onnx import numpy_helper

    shape = numpy_helper.to_array(target).copy()
    if -1 in shape:
        return
    counts = {prod(source[2:]), prod(source[1:3])}
    places = [place for place, size in enumerate(shape) if size in counts]
    if len(source) != 4 or len(places) != 1:
        raise ValueError(f"cannot free the size of a reshape from {source} to {shape.tolist()}")
    shape[places[0]] = -1
    target.CopyFrom(numpy_helper.from_array(shape, target.name))
