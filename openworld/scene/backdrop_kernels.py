"""The loops behind a backdrop: rays into a room or a field with boxes, turning the picture, shadows, sensor noise."""

import numpy as np
import numpy.typing as npt

from body.raster.jit import compiled
from body.raster.kernels import Bytes, Floats
from openworld.scene.noise import value_noise

Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

FAR_M = 60.0
"""Where the floor of an open field has faded into the horizon."""


@compiled
def _exit_distance(origin_3: Doubles, ray_3: Doubles, room_6: Doubles) -> tuple[float, int]:
    """How far a ray from inside a box goes, and the axis of the wall it meets (0 x, 1 y, 2 z)."""
    nearest, axis = 1e9, 1
    for k in range(3):
        if ray_3[k] == 0.0:
            continue
        wall = room_6[k + 3] if ray_3[k] > 0 else room_6[k]
        distance = (wall - origin_3[k]) / ray_3[k]
        if distance < nearest:
            nearest, axis = distance, k
    return nearest, axis


@compiled
def _entry_distance(origin_3: Doubles, ray_3: Doubles, box_6: Doubles) -> tuple[float, int]:
    """How far outside a box a ray meets it, and the axis of the side it meets; 1e9 if it does not."""
    near, far, axis = 0.0, 1e9, 0
    for k in range(3):
        slope = ray_3[k] if ray_3[k] != 0.0 else 1e-12
        to_lower, to_upper = (box_6[k] - origin_3[k]) / slope, (box_6[k + 3] - origin_3[k]) / slope
        low, high = min(to_lower, to_upper), max(to_lower, to_upper)
        if low > near:
            near, axis = low, k
        far = min(far, high)
    return (near, axis) if 0.0 < near < far else (1e9, axis)


@compiled
def _grain(point_3: Doubles, scale: float, pattern: int, seed: int) -> float:
    """Brightness, about 1, of a surface at a point. Pattern 0 plain, 1 tiles, 2 planks, 3 mottled."""
    x, y, z = point_3[0] * scale, point_3[1] * scale, point_3[2] * scale
    rough = 0.86 + 0.28 * (0.6 * value_noise(x, y, z, seed) + 0.4 * value_noise(5 * x, 5 * y, 5 * z, seed + 1))
    if pattern == 1 and (int(np.floor(x)) + int(np.floor(y)) + int(np.floor(z))) % 2 == 0:
        return rough * 0.8
    if pattern == 2:
        return rough * (0.82 + 0.3 * value_noise(np.floor(3 * x) + 0.5, np.floor(0.5 * z), np.floor(2 * y), seed + 2))
    if pattern == 3:
        return rough * (0.75 + 0.5 * value_noise(0.4 * x, 0.4 * y, 0.4 * z, seed + 3))
    return rough


@compiled
def cast_rays(
    size: tuple[int, int], focal: float, centre: tuple[float, float], axes_33: Doubles, origin_3: Doubles,
    room_6: Doubles, outdoors: bool, boxes_B6: Doubles, colours_C3: Doubles, patterns_C: Longs, seed: int,
) -> Bytes:  # fmt: skip
    """The empty scene (height, width, 3). colours_C3: floor, walls or horizon, ceiling or zenith, then the boxes'."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    local_3, ray_3, point_3 = np.empty(3), np.empty(3), np.empty(3)
    for row in range(height):
        for column in range(width):
            local_3[0] = (column + 0.5 - centre[0]) / focal
            local_3[1] = (row + 0.5 - centre[1]) / focal
            local_3[2] = 1.0
            for k in range(3):
                ray_3[k] = axes_33[0, k] * local_3[0] + axes_33[1, k] * local_3[1] + axes_33[2, k] * local_3[2]
            distance, axis = _exit_distance(origin_3, ray_3, room_6)
            surface = 0 if axis == 1 and ray_3[1] < 0 else 2 if axis == 1 else 1
            for b in range(boxes_B6.shape[0]):
                reach, side = _entry_distance(origin_3, ray_3, boxes_B6[b])
                if reach < distance:
                    distance, axis, surface = reach, side, 3 + b
            for k in range(3):
                point_3[k] = origin_3[k] + distance * ray_3[k]
            sky = outdoors and 1 <= surface <= 2
            light = 1.0 if axis == 1 else 0.9 if axis == 0 else 0.78
            scale = 1.0 if surface < 3 else 3.0
            tone = 255.0 * light * (1.0 if sky else _grain(point_3, scale, patterns_C[surface], seed + 7 * surface))
            length = np.sqrt(ray_3[0] ** 2 + ray_3[1] ** 2 + ray_3[2] ** 2)
            climb = min(max(ray_3[1] / length, 0.0) ** 0.5, 1.0) if sky else 0.0
            haze = min(distance * length / FAR_M, 1.0) if outdoors and not sky else 0.0
            for k in range(3):
                if sky:
                    value = 255.0 * (colours_C3[1, k] * (1 - climb) + colours_C3[2, k] * climb)
                else:
                    value = tone * colours_C3[surface, k] * (1 - haze) + 255.0 * colours_C3[1, k] * haze
                picture[row, column, k] = np.uint8(min(value, 255.0))
    return picture


@compiled
def turn(canvas: Bytes, homography_33: Doubles, size: tuple[int, int]) -> Bytes:
    """The part of a wide picture that a turned camera sees: bilinear, exact for turning on the spot.

    homography_33 takes homogeneous px of the result to homogeneous px of the canvas.
    """
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    last_row, last_column = canvas.shape[0] - 2, canvas.shape[1] - 2
    h = homography_33
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            w = h[2, 0] * x + h[2, 1] * y + h[2, 2]
            u = min(max((h[0, 0] * x + h[0, 1] * y + h[0, 2]) / w - 0.5, 0.0), last_column + 0.999)
            v = min(max((h[1, 0] * x + h[1, 1] * y + h[1, 2]) / w - 0.5, 0.0), last_row + 0.999)
            i, j = int(u), int(v)
            a, b = u - i, v - j
            for k in range(3):
                above = (1 - a) * canvas[j, i, k] + a * canvas[j, i + 1, k]
                below = (1 - a) * canvas[j + 1, i, k] + a * canvas[j + 1, i + 1, k]
                picture[row, column, k] = np.uint8((1 - b) * above + b * below + 0.5)
    return picture


@compiled
def splat_shadow(
    shadow_HW: Floats, vertices_V3: Floats, axes_33: Floats, origin_3: Floats, sun_3: Floats, focal: float
) -> None:
    """Marks where the floor is hidden from the sun: each world vertex thrown along the sun's rays onto y = 0."""
    height, width = shadow_HW.shape
    for i in range(0, vertices_V3.shape[0], 2):
        t = vertices_V3[i, 1] / sun_3[1]
        x = vertices_V3[i, 0] - t * sun_3[0] - origin_3[0]
        y = -origin_3[1]
        z = vertices_V3[i, 2] - t * sun_3[2] - origin_3[2]
        depth = axes_33[2, 0] * x + axes_33[2, 1] * y + axes_33[2, 2] * z
        if depth < 0.3:
            continue
        column = int((axes_33[0, 0] * x + axes_33[0, 1] * y + axes_33[0, 2] * z) / depth * focal + width * 0.5)
        row = int((axes_33[1, 0] * x + axes_33[1, 1] * y + axes_33[1, 2] * z) / depth * focal + height * 0.5)
        if 1 <= row < height - 1 and 1 <= column < width - 1:
            for a in range(row - 1, row + 2):
                for b in range(column - 1, column + 2):
                    shadow_HW[a, b] = min(shadow_HW[a, b] + np.float32(0.25), np.float32(1.0))


@compiled
def darken(picture: Bytes, shadow_HW: Floats, depth: float) -> None:
    """Darken a picture by its shadows, in place: a full shadow leaves `1 - depth` of the light."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            if shadow_HW[row, column] > 0:
                for k in range(3):
                    picture[row, column, k] = np.uint8(picture[row, column, k] * (1 - depth * shadow_HW[row, column]))


@compiled
def add_grain(picture: Bytes, grain: npt.NDArray[np.int8], row_offset: int, column_offset: int) -> None:
    """Add sensor noise in place, from a tile (G, G) that is shifted from frame to frame."""
    side = grain.shape[0]
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            noise = grain[(row + row_offset) % side, (column + column_offset) % side]
            for k in range(3):
                picture[row, column, k] = np.uint8(min(max(int(picture[row, column, k]) + noise, 0), 255))
