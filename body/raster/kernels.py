"""The loops of the rasteriser: vertex normals, shading, filling triangles, averaging samples over a background.

Shapes: V vertices, F triangles, H W pixels, S samples a side of a pixel (so buffers are H*S x W*S).
Camera frame: x right, y down, z forward, metres. A buffer of depth holds 1/z; 0 is "nothing there".
"""

import numpy as np
import numpy.typing as npt

from body.raster.jit import compiled

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

NEAREST_M = 0.1
"""Triangles with a corner nearer than this, or behind the camera, are left out: no clipping is done."""


@compiled
def vertex_normals(vertices_V3: Floats, faces_F3: Ints) -> Floats:
    """Unit normals (V, 3), each the area-weighted mean of its triangles' normals."""
    normals = np.zeros_like(vertices_V3)
    for f in range(faces_F3.shape[0]):
        a, b, c = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2]
        ux = vertices_V3[b, 0] - vertices_V3[a, 0]
        uy = vertices_V3[b, 1] - vertices_V3[a, 1]
        uz = vertices_V3[b, 2] - vertices_V3[a, 2]
        wx = vertices_V3[c, 0] - vertices_V3[a, 0]
        wy = vertices_V3[c, 1] - vertices_V3[a, 1]
        wz = vertices_V3[c, 2] - vertices_V3[a, 2]
        x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for k in (a, b, c):
            normals[k, 0] += x
            normals[k, 1] += y
            normals[k, 2] += z
    for v in range(vertices_V3.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + np.float32(1e-12)
        normals[v, 0] /= length
        normals[v, 1] /= length
        normals[v, 2] /= length
    return normals


@compiled
def shade(vertices_V3: Floats, normals_V3: Floats, albedo_V3: Floats, sun_3: Floats, colours_33: Floats) -> Floats:
    """Colours (V, 3) in [0, 1] for the screen: sun, sky-to-ground ambient, a weak highlight and a rim.

    sun_3 is the unit vector towards the sun in the camera frame; colours_33 holds the sun's, the sky's and the
    ground's linear colours. The square root stands for the screen's gamma.
    """
    lit = np.empty_like(albedo_V3)
    for i in range(vertices_V3.shape[0]):
        nx, ny, nz = normals_V3[i, 0], normals_V3[i, 1], normals_V3[i, 2]
        x, y, z = vertices_V3[i, 0], vertices_V3[i, 1], vertices_V3[i, 2]
        distance = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
        vx, vy, vz = -x / distance, -y / distance, -z / distance
        facing = max(nx * vx + ny * vy + nz * vz, np.float32(0))
        sunlit = max(nx * sun_3[0] + ny * sun_3[1] + nz * sun_3[2], np.float32(0))
        hx, hy, hz = sun_3[0] + vx, sun_3[1] + vy, sun_3[2] + vz
        half = (nx * hx + ny * hy + nz * hz) / (np.sqrt(hx * hx + hy * hy + hz * hz) + np.float32(1e-6))
        shine = max(half, np.float32(0))
        shine = shine * shine * shine * shine
        shine = np.float32(0.06) * shine * shine * shine * shine
        rim = np.float32(0.08) * (1 - facing) * (1 - facing) * (1 - facing)
        up = np.float32(0.5) - np.float32(0.5) * ny
        for k in range(3):
            ambient = colours_33[2, k] + (colours_33[1, k] - colours_33[2, k]) * up
            light = albedo_V3[i, k] * (ambient + colours_33[0, k] * sunlit)
            light += colours_33[0, k] * shine + colours_33[1, k] * rim
            lit[i, k] = np.sqrt(min(max(light, np.float32(0)), np.float32(1)))
    return lit


@compiled
def project(vertices_V3: Floats, focal: float, cx: float, cy: float) -> Floats:
    """Screen x, y and 1/z of each vertex (V, 3); 1/z is 0 for a vertex that is too near or behind."""
    screen = np.empty_like(vertices_V3)
    for i in range(vertices_V3.shape[0]):
        z = vertices_V3[i, 2]
        if z < NEAREST_M:
            screen[i, 0] = screen[i, 1] = screen[i, 2] = 0
            continue
        screen[i, 2] = 1 / z
        screen[i, 0] = vertices_V3[i, 0] / z * focal + cx
        screen[i, 1] = vertices_V3[i, 1] / z * focal + cy
    return screen


@compiled
def fill(screen_V3: Floats, colours_V3: Floats, faces_F3: Ints, colour_buffer: Floats, depth_buffer: Floats) -> None:
    """Draw every triangle that faces the camera into the two buffers, nearest surface first.

    Sample (x, y) lies at (x + 0.5, y + 0.5). Colours are interpolated linearly on the screen: triangles are so
    small that perspective inside one cannot be seen.
    """
    height, width = depth_buffer.shape
    for f in range(faces_F3.shape[0]):
        a, b, c = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2]
        za, zb, zc = screen_V3[a, 2], screen_V3[b, 2], screen_V3[c, 2]
        if za == 0 or zb == 0 or zc == 0:
            continue
        xa, ya, xb, yb, xc, yc = (
            screen_V3[a, 0], screen_V3[a, 1], screen_V3[b, 0], screen_V3[b, 1], screen_V3[c, 0], screen_V3[c, 1]
        )  # fmt: skip
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area >= np.float32(-1e-9):  # seen from behind: outward triangles turn the other way with y down
            continue
        left = max(int(np.ceil(min(xa, xb, xc) - 0.5)), 0)
        right = min(int(np.floor(max(xa, xb, xc) - 0.5)), width - 1)
        top = max(int(np.ceil(min(ya, yb, yc) - 0.5)), 0)
        bottom = min(int(np.floor(max(ya, yb, yc) - 0.5)), height - 1)
        for py in range(top, bottom + 1):
            for px in range(left, right + 1):
                x, y = np.float32(px + 0.5), np.float32(py + 0.5)
                wb = ((x - xa) * (yc - ya) - (xc - xa) * (y - ya)) / area
                wc = ((xb - xa) * (y - ya) - (x - xa) * (yb - ya)) / area
                wa = 1 - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                nearness = wa * za + wb * zb + wc * zc
                if nearness > depth_buffer[py, px]:
                    depth_buffer[py, px] = nearness
                    for k in range(3):
                        colour_buffer[py, px, k] = wa * colours_V3[a, k] + wb * colours_V3[b, k] + wc * colours_V3[c, k]


@compiled
def resolve(colour_buffer: Floats, depth_buffer: Floats, background_HW3: Bytes, samples: int) -> Bytes:
    """The picture (H, W, 3) uint8: the mean over each pixel's samples, with the background where nothing was drawn."""
    height, width = background_HW3.shape[:2]
    picture = np.empty_like(background_HW3)
    share = np.float32(1.0 / (samples * samples))
    for y in range(height):
        for x in range(width):
            red = green = blue = covered = np.float32(0)
            for j in range(y * samples, (y + 1) * samples):
                for i in range(x * samples, (x + 1) * samples):
                    if depth_buffer[j, i] > 0:
                        red += colour_buffer[j, i, 0]
                        green += colour_buffer[j, i, 1]
                        blue += colour_buffer[j, i, 2]
                        covered += 1
            bare = 1 - covered * share
            picture[y, x, 0] = np.uint8(red * share * 255 + bare * background_HW3[y, x, 0])
            picture[y, x, 1] = np.uint8(green * share * 255 + bare * background_HW3[y, x, 1])
            picture[y, x, 2] = np.uint8(blue * share * 255 + bare * background_HW3[y, x, 2])
    return picture
