"""Checked data sets on the disk: written once, opened ever after, made again when anything they depend on changed."""

import json
import resource

import datasets
import pytest
from PIL import Image

from mmcot.configuration import DataArguments
from mmcot.data import load_data, load_splits, store


ROW = {"question": "What?", "choices": ["red", "blue"], "answer": 1, "solution": ["So.", "Thus."], "image": "a.png"}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of checked data sets, still missing."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "mmcot"


@pytest.fixture
def folder(tmp_path):
    """A data set of one picture and two splits."""
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.new("RGB", (3, 4), "red").save(folder / "a.png")
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps({**ROW, "id": str(i)}) + "\n" for i in range(3)))
    return folder


def plain(splits):
    return {split: [{**row, "image": row["image"].size} for row in data] for split, data in splits.items()}


def test_second_opening_reads_no_rows(folder, cache, monkeypatch):
    first = plain(load_splits(str(folder)))
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(store, "build", None)
    monkeypatch.chdir(folder)
    assert plain(load_splits(".")) == first


def test_changed_file_is_read_again(folder, cache):
    load_splits(str(folder))
    (folder / "test.jsonl").write_text(json.dumps(ROW))
    assert len(load_splits(str(folder))["test"]) == 1
    assert len(list(cache.iterdir())) == 2


def test_options_are_part_of_the_name(folder, cache):
    counts = [len(load_splits(str(folder), DataArguments(rationales=name))["test"]) for name in (None, "first", "all")]
    assert counts == [3, 3, 6]
    assert len(list(cache.iterdir())) == 3


def test_changed_captions_are_read_again(folder, cache):
    arguments = DataArguments(captions=str(folder / "captions.json"))
    for caption in ("A square.", "A red square."):
        (folder / "captions.json").write_text(json.dumps({"0": caption}))
        assert load_splits(str(folder), arguments)["test"]["caption"][:] == [caption, "", ""]


def test_saved_data_set_is_known_by_its_fingerprint(folder, cache):
    rows = {name: value for name, value in ROW.items() if name != "image"}
    for count in (2, 3):
        datasets.Dataset.from_list([rows] * count).save_to_disk(str(folder / "saved"))
        assert load_splits(str(folder / "saved"), DataArguments(rationales="first"))["train"].num_rows == count


def test_picture_files_are_not_copied(folder, cache):
    data = load_splits(str(folder))["test"].cast_column("image", datasets.Image(decode=False))
    assert data["image"][0] == {"bytes": None, "path": str(folder / "a.png")}


def test_interrupted_import_leaves_nothing(folder, cache, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mmcot.data.checking.sort_out", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_splits(str(folder))
    assert list(cache.iterdir()) == []


def test_full_disk_is_said_and_leaves_nothing(folder, cache):
    """A limit on the size of files stands for the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="data set cannot be written to .*; make room there, or .*HF_DATASETS_CACHE"):
            load_splits(str(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(cache.iterdir()) == []
    assert len(load_splits(str(folder))["test"]) == 3


def test_two_processes_may_import_the_same_data(folder, cache, monkeypatch):
    """The slower one finds, when it has finished, that the other was there first."""
    build = store.build

    def build_twice(*arguments):
        monkeypatch.setattr(store, "build", build)
        load_splits(str(folder))
        build(*arguments)

    monkeypatch.setattr(store, "build", build_twice)
    assert len(load_splits(str(folder))["test"]) == 3
    assert len(list(cache.iterdir())) == 1


def test_files_that_datasets_adds_are_no_splits(folder, cache):
    load_splits(str(folder))["train"].map(lambda row: {"new": row["question"]})
    assert len(list(cache.rglob("*.arrow"))) == 3
    assert list(load_splits(str(folder))) == ["train", "test"]


def test_sketchqa_is_not_stored(cache):
    assert len(load_data("sketchqa:train=2,validation=1,test=1").splits["train"]) == 2
    assert not cache.exists()
