"""The cache of vision features: the same as the tower itself, nothing twice, nothing stale, nothing half."""

import pickle
import sys
from types import SimpleNamespace

import datasets
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import ResNetConfig, ViTImageProcessorPil

from mmcot.inference import feature_files, features
from mmcot.inference.feature_files import SHARDS
from mmcot.inference.features import FeatureCache
from mmcot.inference.image_hashes import image_hashes
from mmcot.modeling_mmcot import MMCoTProcessor

from ..images import image_rows, png


TEXTS = ["one", "two", "none", "same"]


@pytest.fixture
def several():
    """Rows with one picture, with two, with none, and with one that an earlier row has, too."""
    rows = [[png(0)], [png(1), png(2)], None, [png(1)]]
    rows = [row and [{"bytes": content, "path": None} for content in row] for row in rows]
    return datasets.Dataset.from_dict(
        {"image": rows}, datasets.Features(image=datasets.List(datasets.Image(mode="RGB")))
    )


@pytest.fixture
def count_pictures(monkeypatch):
    """Function of a model: a list that grows by the number of pictures of each call of its tower."""

    def watch(model):
        counts, encode = [], model.get_image_features

        def counted(pixel_values):
            counts.append(len(pixel_values))
            return encode(pixel_values)

        monkeypatch.setattr(model, "get_image_features", counted)
        return counts

    return watch


@pytest.mark.parametrize("missing_image", ["skip", "zeros"])
def test_cached_features_give_what_the_pictures_give(
    make_model, loosen, tiny_processor, several, tmp_path, missing_image
):
    model = loosen(make_model(missing_image=missing_image))
    cache = FeatureCache.open(model, tiny_processor, tmp_path)
    assert cache.fill(several, batch_size=2, progress=False) == 3
    texts = tiny_processor(text=TEXTS, text_target=TEXTS)
    direct = tiny_processor.encode_images(several["image"][:])
    cached = cache.inputs(image_hashes(several))
    assert cached["image_features"].shape == (4, 10, 24)
    assert cached["image_attention_mask"].sum(-1).tolist() == [5, 10, 0, 5]
    with torch.inference_mode():
        logits = [model(**texts, **images).logits for images in (direct, cached)]
        ids = [model.generate(texts["input_ids"], max_new_tokens=12, **images) for images in (direct, cached)]
    torch.testing.assert_close(*logits, atol=1e-5, rtol=1e-5)
    assert torch.equal(*ids)


def test_batches_without_any_picture_have_no_image_inputs(tiny_model, tiny_processor, tmp_path):
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    textual = datasets.Dataset.from_dict({"question": ["why?", "when?"]})
    for dataset in (textual, image_rows([None, None])):
        assert cache.fill(dataset, progress=False) == 0
        assert image_hashes(dataset) == [[], []]
        assert cache.inputs(image_hashes(dataset)) == {}


def test_equal_pictures_are_computed_once(tiny_model, tiny_processor, count_pictures, tmp_path):
    (tmp_path / "one.png").write_bytes(png(0))
    (tmp_path / "two.png").write_bytes(png(0))
    stored = [{"bytes": None, "path": str(tmp_path / name)} for name in ("one.png", "two.png")]
    stored += [{"bytes": png(0), "path": None}, {"bytes": png(1), "path": "one.png"}]
    dataset = datasets.Dataset.from_dict({"image": stored}, datasets.Features(image=datasets.Image()))
    cache, counts = FeatureCache.open(tiny_model, tiny_processor, tmp_path / "cache"), count_pictures(tiny_model)
    names = [row[0] for row in image_hashes(dataset)]
    assert names[0] == names[1] == names[2] != names[3]
    assert cache.fill(dataset, progress=False) == sum(counts) == 2
    assert cache.fill(dataset, progress=False) == 0
    assert image_hashes(dataset.select([3, 0])) == [[names[3]], [names[0]]]


def test_interrupted_filling_goes_on_where_it_was(tiny_model, tiny_processor, count_pictures, monkeypatch, tmp_path):
    dataset = image_rows([png(seed) for seed in range(7)])
    interrupted = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    counts, encode = count_pictures(tiny_model), tiny_model.get_image_features

    def stop_at_the_third(pixel_values):
        if len(counts) == 2:
            raise KeyboardInterrupt
        return encode(pixel_values)

    with monkeypatch.context() as patch:
        patch.setattr(tiny_model, "get_image_features", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            interrupted.fill(dataset, batch_size=2, progress=False)
    resumed = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    counts.clear()
    assert resumed.fill(dataset, batch_size=2, progress=False) == 3
    assert counts == [2, 1]


def test_only_whole_files_count(tiny_model, tiny_processor, count_pictures, monkeypatch, tmp_path):
    monkeypatch.setattr(feature_files, "SHARD_SIZE", 2)
    dataset = image_rows([png(seed) for seed in range(6)])
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    cache.fill(dataset, batch_size=1, progress=False)
    expected = cache.inputs(image_hashes(dataset))["image_features"].clone()
    first, second, third = sorted(cache.folder.glob(SHARDS))
    # As a kill leaves them: a file that was cut off, and one that had not got its name yet.
    whole = second.read_bytes()
    second.unlink()
    second.with_stem("cut").write_bytes(whole[: len(whole) // 2])
    third.rename(third.with_suffix(".partial"))
    resumed = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    counts = count_pictures(tiny_model)
    assert resumed.fill(dataset, progress=False) == sum(counts) == 4
    torch.testing.assert_close(resumed.inputs(image_hashes(dataset))["image_features"], expected)
    assert {path for path in resumed.index.values() if path != first} <= set(resumed.folder.glob("0*.safetensors"))


def test_workers_and_later_runs_read_the_same_file(tiny_model, tiny_processor, several, tmp_path):
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    cache.fill(several, progress=False)
    rows = image_hashes(several)
    expected = cache.inputs(rows)["image_features"]
    copy = pickle.loads(pickle.dumps(cache))
    assert copy.model is None
    assert copy.processor is None
    for reader in (copy, FeatureCache(cache.folder)):
        torch.testing.assert_close(reader.inputs(rows)["image_features"], expected, atol=0, rtol=0)
    loader = DataLoader(rows, batch_size=2, num_workers=2, collate_fn=copy.inputs)
    first, second = (batch["image_features"] for batch in loader)
    assert torch.equal(torch.cat([first, torch.nn.functional.pad(second, (0, 0, 0, 5))]), expected)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists what is mapped")
def test_features_are_mapped_not_loaded(tiny_model, tiny_processor, tmp_path):
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    cache.fill(image_rows([png(0), png(1)]), progress=False)
    (path,) = cache.folder.glob(SHARDS)
    tensors = [cache[name] for name in cache.index]
    with open("/proc/self/maps") as maps:
        ranges = [line.split()[0].split("-") for line in maps if line.rstrip().endswith(str(path))]
    for tensor in tensors:
        assert any(int(start, 16) <= tensor.data_ptr() < int(end, 16) for start, end in ranges)


def test_processes_share_the_work(tiny_model, tiny_processor, monkeypatch, tmp_path):
    dataset = image_rows([png(seed) for seed in range(8)])
    caches = [FeatureCache.open(tiny_model, tiny_processor, tmp_path) for _ in range(2)]

    def become(rank, wait):
        state = SimpleNamespace(process_index=rank, num_processes=2, is_main_process=not rank, wait_for_everyone=wait)
        monkeypatch.setattr(features, "PartialState", lambda: state)

    def second_process():
        become(1, lambda: None)
        shares.append(caches[1].fill(dataset, progress=False))

    shares = []
    become(0, second_process)
    shares.append(caches[0].fill(dataset, progress=False))
    assert sum(shares) == 8
    assert 0 < shares[0] < 8
    assert len(caches[0].index) == 8


def test_pictures_that_keep_their_proportions(make_model, tiny_tokenizer, tmp_path):
    tower = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    model = make_model(vision_config=tower)
    processor = MMCoTProcessor(ViTImageProcessorPil(do_resize=False), tiny_tokenizer)
    dataset = image_rows([png(0, (32, 32)), png(1, (64, 32)), png(2, (32, 32)), None])
    cache = FeatureCache.open(model, processor, tmp_path)
    assert cache.fill(dataset, progress=False) == 3
    inputs = cache.inputs(image_hashes(dataset))
    assert inputs["image_attention_mask"].sum(-1).tolist() == [16, 32, 16, 0]
    for row, features_of_row in zip(dataset, inputs["image_features"], strict=True):
        if row["image"]:
            alone = model.get_image_features(processor.encode_images([row["image"]])["pixel_values"]).pooler_output[0]
            torch.testing.assert_close(features_of_row[: len(alone)], alone, atol=1e-5, rtol=0)


def test_towers_without_fixed_features_are_refused(make_model, tiny_processor, tmp_path):
    with pytest.raises(ValueError, match="no vision tower.*vision_config"):
        FeatureCache.open(make_model(vision_config=None), tiny_processor, tmp_path)
    with pytest.raises(ValueError, match="freeze_vision is false.*true"):
        FeatureCache.open(make_model(freeze_vision=False), tiny_processor, tmp_path)


def test_unreadable_picture_is_named_and_the_rest_kept(tiny_model, tiny_processor, tmp_path):
    contents = [png(0), png(1), png(2)[:100], png(3)]
    cache = FeatureCache.open(tiny_model, tiny_processor, tmp_path)
    with pytest.raises(ValueError, match="picture of row 2 cannot be read"):
        cache.fill(image_rows(contents), batch_size=1, progress=False)
    assert FeatureCache(cache.folder).index.keys() >= {image_hashes(image_rows(contents))[0][0]}


def test_default_folder_is_the_hugging_face_cache(tiny_model, tiny_processor, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", str(tmp_path))
    assert FeatureCache.open(tiny_model, tiny_processor).folder.is_relative_to(tmp_path / "mmcot")
