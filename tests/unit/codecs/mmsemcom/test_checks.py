"""The best and the random choice, against the metric of links."""

from __future__ import annotations

import torch

from semsim.codecs.mmsemcom.checks import worth
from semsim.link.metrics import psnr_db


def test_worth_is_the_best_and_the_mean_psnr() -> None:
    image, pool = torch.rand(3, 3, 8, 8), torch.rand(5, 3, 8, 8)
    pool[4] = image[1]
    found = worth(image, (255 * pool).round().to(torch.uint8))
    each = torch.stack(
        [psnr_db(image, one.expand(3, -1, -1, -1)).double() for one in pool]
    )  # [5, 3]
    others = torch.tensor([0, 2])
    torch.testing.assert_close(found.best_db[others], each.amax(dim=0)[others], atol=1e-3, rtol=0)
    torch.testing.assert_close(found.random_db[others], each.mean(dim=0)[others], atol=1e-3, rtol=0)
    assert found.best_db[1] > 100
