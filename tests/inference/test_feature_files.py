"""Files of cached features: one that was cut off, spoilt or put in the wrong place is never read."""

import resource
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers.modeling_outputs import BaseModelOutput

from mmcot.inference import feature_files
from mmcot.inference.feature_files import SHARDS, find_shard_fault, open_shard
from mmcot.inference.features import FeatureCache
from mmcot.inference.image_hashes import image_hashes

from ..images import image_rows, png


def spoil(path, change):
    """Rewrites a file of cached features with other content under the same names."""
    with safe_open(path, framework="pt") as shard:
        content = {name: change(shard.get_tensor(name)) for name in shard.keys()}  # noqa: SIM118
        metadata = shard.metadata()
    save_file(content, path, metadata)


DAMAGE = {
    "NaN": lambda path: spoil(path, lambda tensor: tensor.fill_(float("nan"))),
    "one infinite number": lambda path: spoil(
        path, lambda tensor: tensor.index_fill_(1, torch.tensor([3]), torch.inf)
    ),
    "other shape": lambda path: spoil(path, lambda tensor: tensor[:, :7].contiguous()),
    "one number": lambda path: spoil(path, lambda tensor: tensor.sum()),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "empty": lambda path: path.write_bytes(b""),
    "header of nonsense": lambda path: path.write_bytes(b"x" * 100),
    "without mark": lambda path: save_file({"a": torch.zeros(2, 24)}, path),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_computed_again(damage, tiny_model, tiny_processor, monkeypatch, tmp_path):
    monkeypatch.setattr(feature_files, "SHARD_SIZE", 2)
    dataset = image_rows([png(seed) for seed in range(4)])
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    cache.fill(dataset, batch_size=2, progress=False)
    expected = cache.inputs(image_hashes(dataset))["image_features"].clone()
    # What another process finds: nothing is mapped here yet, nothing looked through.
    open_shard.cache_clear()
    find_shard_fault.cache_clear()
    DAMAGE[damage](sorted(cache.folder.glob(SHARDS))[-1])
    for computed in (2, 0):
        found = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
        assert found.fill(dataset, progress=False) == computed
        torch.testing.assert_close(found.inputs(image_hashes(dataset))["image_features"], expected)


def test_features_of_another_tower_are_computed_again(make_model, tiny_processor, tmp_path):
    """A file that was copied from the cache of another model."""
    dataset = image_rows([png(0)])
    own, other = (FeatureCache.open(make_model(seed=seed), tiny_processor, tmp_path) for seed in (0, 1))
    other.fill(dataset, progress=False)
    (stranger,) = other.folder.glob(SHARDS)
    shutil.copy(stranger, own.folder)
    assert own.fill(dataset, progress=False) == 1
    assert not torch.equal(own.inputs(image_hashes(dataset))["image_features"], other[image_hashes(dataset)[0][0]])


def test_picture_that_overflows_is_named_and_not_kept(tiny_model, tiny_processor, monkeypatch, tmp_path):
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    overflow = BaseModelOutput(torch.full((1, 5, 24), torch.inf))
    monkeypatch.setattr(tiny_model.vision_tower, "forward", lambda *args, **kwargs: overflow)
    with pytest.raises(ValueError, match="not finite for the picture with SHA-256 [0-9a-f]{16}, .* leave the picture"):
        cache.fill(image_rows([png(0)]), progress=False)
    assert list(cache.folder.glob(SHARDS)) == []


def test_full_disk_is_said_and_leaves_nothing_half(tiny_model, tiny_processor, tmp_path):
    """A limit on the size of files stands for the disk."""
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="cannot be written .* make room there, or .*HF_HOME"):
            cache.fill(image_rows([png(seed) for seed in range(4)]), progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in cache.folder.iterdir()] == ["probe.safetensors"]
    assert cache.fill(image_rows([png(seed) for seed in range(4)]), progress=False) == 4
