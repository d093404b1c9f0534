"""Laws of error against hours, and their least-squares fits, to one curve or to thousands at once.

    saturating   E_inf + A (h + h0)^-alpha        power      A (h + h0)^-alpha
    logarithm    a - b ln(h + h0)                 constant   a

Given the shape (alpha, h0), each law is linear in the rest, so the fit is a search over a grid of shapes with the
linear part solved exactly (variable projection; Golub and Pereyra 1973). Bounds: A >= 0, E_inf >= 0. b may be negative,
so that one law can follow a curve that rises.

Legend: B curves, H sizes, G shapes of the grid, X places where a law is evaluated.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.study.table import Float

LAWS = ("saturating", "power", "logarithm", "constant")

FREE = {"saturating": 4, "power": 3, "logarithm": 3, "constant": 1}
"""Parameters of each law."""

ALPHA_RANGE = (0.02, 3.0)
"""Exponents that are tried; published scaling exponents lie between 0.05 and 1."""

_COARSE = (25, 19)
"""Exponents and offsets of the first grid, equally spaced in their logarithms."""

_ZOOMS = 3
_FINE = np.linspace(-1.0, 1.0, 7)
"""Each zoom looks at so many places either side of the best one, and narrows threefold."""


@dataclass(frozen=True)
class Fits:
    """Fits of one law to B curves: error = floor + scale * basis(h)."""

    law: str
    floor_B: Float
    scale_B: Float
    alpha_B: Float
    offset_B: Float
    rss_B: Float
    """Weighted residual sum of squares."""

    def first(self, count: int) -> "Fits":
        """The first rows alone."""
        columns = (self.floor_B, self.scale_B, self.alpha_B, self.offset_B, self.rss_B)
        return Fits(self.law, *[column[:count] for column in columns])

    def at(self, hours_X: Float) -> Float:
        """(B, X) values of the fitted laws."""
        basis_BX = _basis(self.law, self.alpha_B[:, None], self.offset_B[:, None], np.asarray(hours_X)[None])
        return np.asarray(self.floor_B[:, None] + self.scale_B[:, None] * basis_BX)

    def parameters(self) -> dict[str, Float]:
        """The law's parameters by name, (B) each."""
        if self.law == "constant":
            return {"a": self.floor_B}
        if self.law == "logarithm":
            return {"a": self.floor_B, "b": self.scale_B, "h0": self.offset_B}
        named = {"A": self.scale_B, "alpha": self.alpha_B, "h0": self.offset_B}
        return {"E_inf": self.floor_B, **named} if self.law == "saturating" else named


def fit(law: str, hours_H: Float, value_BH: Float, weight_H: Float) -> Fits:
    """Weighted least squares of one law to each row."""
    count = len(value_BH)
    if law == "constant":
        mean_B = (value_BH * weight_H).sum(axis=1) / weight_H.sum()
        rss_B = (weight_H * (value_BH - mean_B[:, None]) ** 2).sum(axis=1)
        return Fits(law, mean_B, np.zeros(count), np.ones(count), np.ones(count), rss_B)
    axes = _axes(law, hours_H)
    grid = np.meshgrid(*axes, indexing="ij")
    best = _best(law, hours_H, value_BH, weight_H, grid[0].reshape(1, -1), grid[1].reshape(1, -1))
    pace = [axis[1] - axis[0] if len(axis) > 1 else 0.0 for axis in axes]
    for zoom in range(_ZOOMS):
        near = np.meshgrid(*[_FINE * step / 3**zoom for step in pace], indexing="ij")
        alpha_BG, offset_BG = (
            np.clip(np.log(centre_B)[:, None] + shift.reshape(1, -1), axis[0], axis[-1])
            for centre_B, shift, axis in zip((best.alpha_B, best.offset_B), near, axes, strict=True)
        )
        best = _best(law, hours_H, value_BH, weight_H, alpha_BG, offset_BG)
    return best


def _axes(law: str, hours_H: Float) -> tuple[Float, Float]:
    """Logarithms of the exponents and offsets of the first grid."""
    positive = hours_H[hours_H > 0]
    low, high = (positive[0], positive[-1]) if len(positive) else (1.0, 1.0)
    least, most = (float(np.log(end)) for end in ALPHA_RANGE)
    alphas = np.zeros(1) if law == "logarithm" else np.linspace(least, most, _COARSE[0])
    return alphas, np.linspace(np.log(0.01 * low), np.log(3.0 * high), _COARSE[1])


def _best(law: str, hours_H: Float, value_BH: Float, weight_H: Float, alpha_G: Float, offset_G: Float) -> Fits:
    """The best shape of each row; the shapes' logarithms are (1, G) for all rows, or (B, G)."""
    basis_BGH = _basis(law, np.exp(alpha_G)[..., None], np.exp(offset_G)[..., None], hours_H)
    floor_BG, scale_BG = _linear(law, basis_BGH, value_BH, weight_H)
    rss_BG = np.zeros_like(floor_BG)
    for size, weight in enumerate(weight_H):
        rss_BG += weight * (value_BH[:, size, None] - floor_BG - scale_BG * basis_BGH[..., size]) ** 2
    row, best_B = np.arange(len(value_BH)), rss_BG.argmin(axis=1)
    shape = [np.exp(np.broadcast_to(grid, rss_BG.shape)[row, best_B]) for grid in (alpha_G, offset_G)]
    return Fits(law, floor_BG[row, best_B], scale_BG[row, best_B], shape[0], shape[1], rss_BG[row, best_B])


def _basis(law: str, alpha: Float, offset: Float, hours: Float) -> Float:
    if law == "constant":
        return np.zeros(np.broadcast_shapes(alpha.shape, offset.shape, hours.shape))
    shifted = hours + offset
    return np.asarray(-np.log(shifted) if law == "logarithm" else shifted**-alpha)


def _linear(law: str, basis_BGH: Float, value_BH: Float, weight_H: Float) -> tuple[Float, Float]:
    """The best floor and scale (B, G) for every row and shape, within their bounds."""
    mass = weight_H.sum()
    product_BG = _dot(basis_BGH, value_BH * weight_H)
    square_BG = (basis_BGH**2 * weight_H).sum(axis=-1)
    if law == "power":
        scale_BG = np.maximum(product_BG / square_BG, 0.0)
        return np.zeros_like(scale_BG), scale_BG
    mean_BG, mean_B1 = basis_BGH @ weight_H / mass, (value_BH @ weight_H / mass)[:, None]
    spread_BG = square_BG - mass * mean_BG**2
    varies_BG = spread_BG > 1e-12 * square_BG
    scale_BG = np.where(varies_BG, (product_BG - mass * mean_B1 * mean_BG) / np.where(varies_BG, spread_BG, 1.0), 0.0)
    if law == "saturating":
        scale_BG = np.maximum(scale_BG, 0.0)
    floor_BG = mean_B1 - scale_BG * mean_BG
    if law == "saturating":
        below = floor_BG < 0
        scale_BG, floor_BG = np.where(below, product_BG / square_BG, scale_BG), np.where(below, 0.0, floor_BG)
    return floor_BG, scale_BG


def _dot(basis_BGH: Float, value_BH: Float) -> Float:
    if len(basis_BGH) == 1:
        return np.asarray(value_BH @ basis_BGH[0].T)
    return np.asarray(np.einsum("bgh,bh->bg", basis_BGH, value_BH))
