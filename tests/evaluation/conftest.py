"""Examples that several tests of this folder score."""

import pytest

from mmcot.data import load_splits

from .labelled import make_examples_with_images


@pytest.fixture(scope="module")
def test_split():
    return load_splits("sketchqa:train=1,validation=1,test=12,size=32")["test"]


@pytest.fixture(scope="module")
def several_images():
    return make_examples_with_images()
