"""Self-ensembles: the mean over views, each put back as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from translators import weights_file

from img2img.errors import UserError
from img2img.inference import load
from img2img.inference.ensemble import SelfEnsemble


def views(count: int) -> list:
    """Of an array (H, W), independently of torch: (there, back)."""
    all_views = []
    for turned in (False, True):
        for rows in (1, -1):
            for columns in (1, -1):

                def there(a, turned=turned, rows=rows, columns=columns):
                    return (a.T if turned else a)[::rows, ::columns]

                def back(a, turned=turned, rows=rows, columns=columns):
                    return a[::rows, ::columns].T if turned else a[::rows, ::columns]

                all_views.append((there, back))
    return all_views[:count]


class Ramp(nn.Module):
    """Adds the column's number and ten times the row's: no view of it is like another."""

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
        return x + columns.float() + 10 * rows.float()[:, None]


@pytest.mark.parametrize("count", [2, 4, 8])
def test_mean_of_views_put_back(count):
    picture = np.random.default_rng(0).normal(size=(3, 5))

    def ramp(a):
        return a + np.arange(a.shape[1]) + 10 * np.arange(a.shape[0])[:, None]

    wanted = np.mean([back(ramp(there(picture))) for there, back in views(count)], axis=0)
    given = SelfEnsemble(Ramp(), count)(torch.from_numpy(picture)[None, None].float())
    np.testing.assert_allclose(given[0, 0].numpy(), wanted, rtol=1e-5)


def test_a_mirrored_picture_gives_the_mirrored_result(tmp_path):
    weights = weights_file(tmp_path / "w.safetensors", "l1", "derain")
    picture = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    plain, both = load(weights), load(weights, ensemble=2)
    assert (plain(picture)[:, ::-1] != plain(picture[:, ::-1])).any()
    assert (both(picture)[:, ::-1] == both(np.ascontiguousarray(picture[:, ::-1]))).all()


@pytest.mark.parametrize("count", [0, 3, 16])
def test_other_counts_are_refused(tmp_path, count):
    with pytest.raises(UserError, match="1 \\(none\\), 2, 4 or 8"):
        load(weights_file(tmp_path / "w.safetensors", "l1", "derain"), ensemble=count)
