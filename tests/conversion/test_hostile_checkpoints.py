"""Checkpoints that nobody vouches for: what is read of them is bounded, and every fault is one line."""

import json
import tracemalloc
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcot.conversion.checkpoint import LIMITS
from mmcot.conversion.convert import convert_checkpoint


CONFIG = json.dumps({"model_type": "t5", "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 1})


@pytest.fixture
def zip_file(tmp_path):
    """Function of names and contents: a zip file of a checkpoint with them."""

    def make(**contents):
        with zipfile.ZipFile(tmp_path / "checkpoint.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in {"config.json": CONFIG, **contents}.items():
                archive.writestr(f"checkpoint/{name}", content)
        return tmp_path / "checkpoint.zip"

    return make


def fault_of(source, output):
    with pytest.raises(ValueError, match=str(source)) as error:
        convert_checkpoint(source, output, say=lambda text: None)
    assert "\n" not in str(error.value)
    assert not output.exists()
    return str(error.value)


def test_memory_for_a_bomb_is_bounded(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("config.json", "w") as entry:
        for _ in range(300):
            entry.write(b" " * 2**20)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    said = fault_of(path, tmp_path / "out")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "config.json has 300 MB, and no such file of a checkpoint has more than 1 MB; do not trust it" in said
    assert most < 50e6


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "added_tokens.json"])
def test_large_file_of_a_folder_is_not_read_either(name, tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text(CONFIG)
    with (folder / name).open("ab") as file:
        file.truncate(LIMITS[name] + 1)
    assert f"{name} has " in fault_of(folder, tmp_path / "out")


def test_declared_size_that_is_a_lie(zip_file, tmp_path):
    path = zip_file(**{"config.json": CONFIG + " " * 5000})
    content = path.read_bytes()
    path.write_bytes(content.replace((len(CONFIG) + 5000).to_bytes(4, "little"), (9).to_bytes(4, "little")))
    assert "zip file" in fault_of(path, tmp_path / "out")


def test_encrypted_and_oddly_packed(zip_file, tmp_path):
    path = zip_file()
    with zipfile.ZipFile(path) as archive:
        place = archive.start_dir
    content = bytearray(path.read_bytes())
    content[place + 8] |= 1  # the flag of an encrypted entry, in the directory
    path.write_bytes(bytes(content))
    assert "is packed in a way that cannot be read" in fault_of(path, tmp_path / "out")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("config.json", CONFIG)
    assert "is packed in a way that cannot be read" in fault_of(path, tmp_path / "out")


def test_pickle_that_unpacks_to_more_than_it_has(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text(CONFIG)
    torch.save({"x": torch.zeros(10**6)}, tmp_path / "plain.bin")
    with (
        zipfile.ZipFile(tmp_path / "plain.bin") as plain,
        zipfile.ZipFile(folder / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    assert "pytorch_model.bin unpacks to more than it has" in fault_of(folder, tmp_path / "out")


@pytest.mark.parametrize("present", ["source", "answer"])
def test_missing_file_is_noticed_before_the_image_encoder_is_asked_for(present, zip_file, tmp_path, monkeypatch):
    def ask(name):
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr("mmcot.conversion.convert.load_vision_tower", ask)
    sources = {"source": tmp_path / "nowhere.zip", "answer": tmp_path / "nowhere.zip", present: zip_file()}
    with pytest.raises(ValueError, match=r"nowhere\.zip: there is no such file"):
        convert_checkpoint(output=tmp_path / "out", vision_model="google/vit-large-patch32-384", **sources)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.zip"]


NONSENSE = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=3), st.lists(st.none())
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(["d_model", "d_kv", "num_heads", "vocab_size", "feed_forward_proj", "pad_token_id"]),
    value=NONSENSE,
)
def test_configuration_that_makes_no_sense(field, value, tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(json.loads(CONFIG) | {field: value}))
    torch.save({"encoder.image_dense.weight": torch.ones(8, 4)}, folder / "pytorch_model.bin")
    fault_of(folder, tmp_path / "out")
