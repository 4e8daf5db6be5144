"""Damaged folders: whatever is wrong, each reader says in one line which file it is, its fault and the remedy."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from mmcot import MMCoTForConditionalGeneration
from mmcot.conversion.export import export
from mmcot.hub_card.contents import planned_files
from mmcot.hub_card.info import describe
from mmcot.inference.load import load_trained


READERS = {
    "info": describe,
    "push": planned_files,
    "export": lambda folder: export(folder, folder.with_name("exported"), say=lambda text: None),
    "predict": load_trained,
}
ALL = tuple(READERS)
DESCRIBERS, LOADERS = ALL[:2], ALL[2:]


def write(content):
    return lambda path: path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change(**fields):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def lose_a_parameter(path):
    weights = load_file(path)
    del weights[sorted(weights)[0]]
    save_file(weights, path, metadata={"format": "pt"})


def shorten_a_parameter(path):
    weights = load_file(path)
    name = max(weights, key=lambda name: weights[name].numel())
    save_file(weights | {name: weights[name][:3].clone()}, path, metadata={"format": "pt"})


NOT_JSON = {
    "cut": cut,
    "empty": write(b""),
    "list": write(b"[]"),
    "binary": write(b"\xff\xfe"),
    "deep": write(b"[" * 9999),
}
NOT_YAML = {"open": write(b"a: ["), "list": write(b"- 1"), "tag": write(b"a: !!python/x {}"), "binary": write(b"\xff")}
NO_WEIGHTS = {
    "cut": cut,
    "empty": write(b""),
    "pointer": write(b"version https://git-lfs"),
    "huge": write(b"\xff" * 9),
}
NO_CONFIG = {
    "stages are a list": change(stages=["rationale"]),
    "stages are none": change(stages={}),
    "stage in a number": change(stages={"rationale": 3}),
    "stage of another": change(stages={"poem": "."}),
    "size is a text": change(image_feature_size="x"),
    "text_config is a list": change(text_config=[]),
    "unknown language model": change(text_config={"model_type": "nothing"}),
    "another model": change(model_type="t5"),
}
NO_CODE = {
    "of a path": change(auto_map={"AutoModel": "../../x.Y"}),
    "of a list": change(auto_map=["modeling_mmcot.X"]),
}
NO_ADAPTER = {"type": change(peft_type="X"), "rank": change(r=7), "targets": change(target_modules="nothing")}
NO_SCORES = {"number": write(b'{"accuracy": 3}'), "empty": write(b'{"accuracy": {"average": {}}}')}
NO_CARD = {"yaml": write(b"---\na: [\n---\n"), "binary": write(b"\xff\xfe")}
NO_PYTHON = {"cut": write(b"class Broken(:"), "binary": write(b"\xff\xfe\x00")}
PARAMETERS = {"absent": lose_a_parameter, "short": shorten_a_parameter}
# File, what may happen to it, who must notice.
WHOLE_MODELS = [
    ("config.json", NOT_JSON | NO_CONFIG, ALL),
    ("config.json", NO_CODE, DESCRIBERS),
    ("answer/config.json", NOT_JSON, ALL),
    ("metrics.json", NOT_JSON, DESCRIBERS),
    ("metrics.json", NO_SCORES, ("info",)),
    ("recipe.yaml", NOT_YAML, DESCRIBERS),
    ("README.md", NO_CARD, DESCRIBERS),
    ("modeling_mmcot.py", NO_PYTHON, DESCRIBERS),
    ("model.safetensors", NO_WEIGHTS, ALL),
    ("model.safetensors", PARAMETERS, LOADERS),
    ("answer/model.safetensors", NO_WEIGHTS, ALL),
    ("answer/model.safetensors", PARAMETERS, LOADERS),
    ("tokenizer.json", NOT_JSON, ALL),
    ("processor_config.json", NOT_JSON, ALL),
    ("generation_config.json", {"cut": cut}, ALL),
]
ADAPTERS = [
    ("answer/adapter_config.json", NOT_JSON, ALL),
    ("answer/adapter_config.json", NO_ADAPTER, LOADERS),
    ("answer/adapter_model.safetensors", NO_WEIGHTS, ALL),
    ("answer/adapter_model.safetensors", {"absent": lose_a_parameter}, LOADERS),
]
# They notice when they load, and name the folder.
BY_FOLDER = (NO_ADAPTER, PARAMETERS, {"absent": lose_a_parameter})


def cases(table):
    """One case for each kind of damage."""
    return [
        pytest.param(name, damage, readers, kinds in BY_FOLDER, id=f"{name}: {kind}")
        for name, kinds, readers in table
        for kind, damage in kinds.items()
    ]


@pytest.fixture(scope="module")
def whole(make_folder, make_adapters, tmp_path_factory):
    """Undamaged folders: of whole models, and of adapters."""
    root = tmp_path_factory.mktemp("whole")
    return {"models": make_folder(root / "models"), "adapters": make_adapters(root / "adapters")}


def expect_one_line(folder, readers, told):
    for reader in readers:
        with pytest.raises((ValueError, OSError)) as error:
            READERS[reader](folder)
        message = str(error.value)
        assert told in message, reader
        assert "\n" not in message, reader


@pytest.mark.parametrize(("name", "damage", "readers", "by_folder"), cases(WHOLE_MODELS))
def test_whole_models(name, damage, readers, by_folder, whole, tmp_path):
    folder = shutil.copytree(whole["models"], tmp_path / "run")
    damage(folder / name)
    expect_one_line(folder, readers, str((folder / name).parent if by_folder else folder / name))


@pytest.mark.parametrize(("name", "damage", "readers", "by_folder"), cases(ADAPTERS))
def test_adapters(name, damage, readers, by_folder, whole, tmp_path):
    folder = shutil.copytree(whole["adapters"], tmp_path / "run")
    damage(folder / name)
    expect_one_line(folder, readers, str(folder if by_folder else folder / name))


def test_shards(whole, tmp_path):
    folder = shutil.copytree(whole["models"], tmp_path / "run")
    model = MMCoTForConditionalGeneration.from_pretrained(folder / "answer")
    (folder / "answer" / "model.safetensors").unlink()
    model.save_pretrained(folder / "answer", max_shard_size="20KB")
    index = folder / "answer" / "model.safetensors.index.json"
    shard = sorted((folder / "answer").glob("model-*.safetensors"))[1]
    intact = index.read_bytes()
    assert describe(folder)
    for damage in (*NOT_JSON.values(), write(b"{}"), change(weight_map={"x": "../../x.safetensors"})):
        damage(index)
        expect_one_line(folder, ALL, str(index))
        index.write_bytes(intact)
    cut(shard)
    expect_one_line(folder, ALL, str(shard))
    shard.unlink()
    expect_one_line(folder, ("push", *LOADERS), f"{shard.parent} lacks weights of the answer model")
