"""Is a feature map a good label? What eq. (7) of LSDFT can and cannot see."""

from __future__ import annotations

import pandas as pd
import torch

from semsim.codecs.ftsc.config import FtscConfig
from semsim.experiments.definition import Setting
from semsim.experiments.ftsc.deployed import IDEAL, Deployed, codec_of, judged_images
from semsim.experiments.ftsc.roles import DataSet
from semsim.experiments.ftsc.systems import SCALING


@torch.inference_mode()
def labels(what: Deployed, sets: list[DataSet], setting: Setting) -> pd.DataFrame:
    """Compare, for every image, what eq. (7) gives to the decoded image and to the original.

    The label is the quantised bottom map z_q(x). The original's own features z_e(x) lie away from
    it by the quantisation error. Where the decoded image y lies nearer than that, lowering eq. (7)
    leads away from the original, not towards it.

    Returns:
        one row a data set: ``dataset, original, decoded, nearer`` (mean squared distances to the
        label, and the share of images whose decoded features are nearer to it).
    """
    config = FtscConfig.model_validate(codec_of(what, IDEAL))
    network = config.build(device=setting.device).network(SCALING)
    rows = []
    for dataset in sets:
        image, _ = judged_images(dataset, setting)
        label = network.look_up(*network.indices(image))
        decoded = network.reconstruct(*label).clamp(0.0, 1.0)
        own, again = (
            (network.features(x)[-1] - label[-1]).square().mean(dim=(1, 2, 3))
            for x in (image, decoded)
        )
        rows.append(
            {
                "dataset": dataset.name,
                "original": float(own.mean()),
                "decoded": float(again.mean()),
                "nearer": float((again < own).float().mean()),
            }
        )
    return pd.DataFrame(rows)
