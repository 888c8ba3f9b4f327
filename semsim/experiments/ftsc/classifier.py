"""The classifier of a data set's clean images (Fig. 7)."""

from __future__ import annotations

from torchvision.models import ResNet50_Weights, resnet50

from semsim.experiments.classifier import Classifier, learn
from semsim.experiments.definition import Setting
from semsim.experiments.ftsc.roles import DataSet
from semsim.shortcuts import load_source

_TRAINED_ON = {"small": 4000, "paper": 50_000}


def classifier(dataset: DataSet, setting: Setting) -> Classifier:
    """Train a classifier on the clean training images of ``dataset``; ImageNet's is torchvision's.

    Raises:
        DataError: if its images have no labels.
    """
    if dataset.name == "imagenet":
        weights = ResNet50_Weights.DEFAULT
        return Classifier(resnet50(weights=weights).to(setting.device), 224)
    images = load_source(dataset.source("train")).take(_TRAINED_ON[setting.scale])
    return learn(images, dataset.name, setting)
