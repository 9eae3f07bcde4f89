"""A made array of rows of numbers, for generators of arrays: spectra of planets that nobody has seen."""

from __future__ import annotations

from typing import Any

import numpy as np

Values = np.ndarray[Any, Any]
# rows and columns of the array that the made one stands for
ROWS, COLUMNS = 3909, 4734
# waves of the continuum, where the lines are, their width as a share of the columns, the noise's deviation
WAVES, LINES, WIDTH, NOISE = 4, (0.15, 0.3, 0.45, 0.6, 0.75, 0.9), 0.01, 0.01


def planet_rows(rows: int = ROWS, columns: int = COLUMNS, seed: int = 0) -> Values:
    """Made spectra (rows, columns) float32 about 0.5: the same ones for the same arguments.

    With x from 0 to 1 along the columns, a row is 0.5 + sum over k = 1 .. 4 of a_k cos(pi k x), a_k of
    N(0, (0.1 / k)^2), less, for half of the rows, six Gaussian lines of width 0.01 whose depths are 0.3 times
    Beta(2, 5), plus noise of N(0, 0.01^2). Ten numbers and a choice decide a row but for its noise: two kinds of rows
    in a space of many columns.
    """
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, columns)
    waves = np.stack([np.cos(np.pi * k * x) for k in range(1, WAVES + 1)])
    lines = np.stack([np.exp(-(((x - centre) / WIDTH) ** 2) / 2) for centre in LINES])
    heights = rng.normal(0, 0.1 / np.arange(1, WAVES + 1), (rows, WAVES))
    depths = 0.3 * rng.beta(2, 5, (rows, len(LINES))) * rng.integers(0, 2, (rows, 1))
    noise = rng.normal(0, NOISE, (rows, columns)).astype(np.float32)
    made: Values = (0.5 + heights @ waves - depths @ lines).astype(np.float32) + noise
    return made
