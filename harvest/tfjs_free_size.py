"""Makes a translated ONNX graph take images of any size, where the original was frozen at one.

A detector frozen at 416 x 416 spends 38 % of its work on the black bars of a 16:9 frame. Its convolutions do not
care about the size; only the targets of resizes and the shapes of reshapes are written down as numbers.
"""

from math import prod

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference


def free_size(model: bytes, image: str = "images") -> bytes:
    """ONNX bytes whose NCHW input `image` has free height and width (multiples of the network's stride).

    Resizes keep their ratio instead of their target; a reshape gets -1 where it wrote the number of pixels.
    """
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


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Shape of every tensor at the frozen size; a free dimension counts as 0."""
    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    infos = [*inferred.value_info, *inferred.input, *inferred.output]
    return {info.name: [d.dim_value for d in info.type.tensor_type.shape.dim] for info in infos}


def _keep_ratio(node: onnx.NodeProto, source_NCHW: list[int], target: onnx.TensorProto) -> None:
    ratios = numpy_helper.to_array(target) / np.asarray(source_NCHW[2:])
    target.CopyFrom(numpy_helper.from_array(ratios.astype(np.float32), target.name))
    node.input[2], node.input[3] = node.input[3], ""
    del node.input[3:]


def _free_pixels(source: list[int], target: onnx.TensorProto) -> None:
    """Replaces the one target dimension that is the number of pixels of an NCHW or NHWC source by -1."""
    shape = numpy_helper.to_array(target).copy()
    if -1 in shape:
        return
    counts = {prod(source[2:]), prod(source[1:3])}
    places = [place for place, size in enumerate(shape) if size in counts]
    if len(source) != 4 or len(places) != 1:
        raise ValueError(f"cannot free the size of a reshape from {source} to {shape.tolist()}")
    shape[places[0]] = -1
    target.CopyFrom(numpy_helper.from_array(shape, target.name))
