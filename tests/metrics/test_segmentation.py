"""Measures of label maps against confusion matrices written by hand."""

import math

import numpy as np
import pytest
import torch

from img2img.metrics import measure, read_protocol
from img2img.metrics.protocols import with_palette
from img2img.metrics.segmentation import class_accuracy, confusion, mean_iou, pixel_accuracy

TARGET = torch.tensor([[[0, 0, 0, 1], [1, 1, 2, 2]]])
RESULT = torch.tensor([[[0, 0, 1, 1], [1, 0, 2, 1]]])
# rows: target's class; the fourth class is in neither
COUNTS = [[2, 1, 0, 0], [1, 2, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
PALETTE = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255))


def test_counts():
    assert confusion(RESULT, TARGET, 4)[0].tolist() == COUNTS


def test_values():
    counts = torch.tensor(COUNTS)
    assert float(pixel_accuracy(counts)) == pytest.approx(5 / 8)
    assert float(class_accuracy(counts)) == pytest.approx((2 / 3 + 2 / 3 + 1 / 2) / 3)
    # over unions: 4 of class 0, 5 of class 1, 2 of class 2
    assert float(mean_iou(counts)) == pytest.approx((2 / 4 + 2 / 5 + 1 / 2) / 3)


def test_a_class_in_the_result_alone_counts_against_the_union_but_is_no_class_of_the_target():
    counts = torch.tensor([[3, 1], [0, 0]])
    assert float(class_accuracy(counts)) == pytest.approx(3 / 4)
    assert float(mean_iou(counts)) == pytest.approx((3 / 4 + 0) / 2)


def test_colours_stand_for_the_nearest_class():
    colours = np.array(PALETTE, np.uint8)
    result = colours[RESULT[0].numpy()].astype(int)
    blurred = np.clip(result + 20, 0, 255).astype(np.uint8)
    protocol = with_palette(read_protocol("rgb"), PALETTE)
    found = measure(protocol, ("pixel_accuracy", "mean_iou"), blurred, colours[TARGET[0].numpy()])
    assert found["pixel_accuracy"].value == pytest.approx(5 / 8)
    assert found["mean_iou"].value == pytest.approx((2 / 4 + 2 / 5 + 1 / 2) / 3)


def test_without_a_palette_classes_are_undefined():
    picture = np.zeros((4, 4, 3), np.uint8)
    value, reason = measure(read_protocol("rgb"), ("mean_iou",), picture, picture)["mean_iou"]
    assert math.isnan(value)
    assert "classes are unknown" in reason
