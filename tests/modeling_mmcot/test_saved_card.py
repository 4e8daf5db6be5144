"""The card that a model leaves where it is saved by itself."""

import pytest
from huggingface_hub import ModelCard
from transformers import TrainingArguments
from transformers.trainer import Trainer

from mmcot import MMCoTPipeline


TAGS = ["mmcot", "multimodal-cot", "chain-of-thought"]


def test_pipeline_leaves_one_card(make_model, tiny_processor, tmp_path):
    stages = {"rationale": ".", "answer": "answer"}
    models = [make_model(seed=seed, stages=stages) for seed in (0, 1)]
    pipe = MMCoTPipeline(model=models[0], answer_model=models[1], processor=tiny_processor)
    pipe.save_pretrained(tmp_path / "tiny")
    card = ModelCard.load(tmp_path / "tiny" / "README.md")
    assert (card.data.tags, card.data.pipeline_tag, card.data.library_name) == (
        TAGS,
        "image-text-to-text",
        "transformers",
    )
    assert 'repository = "tiny"' in card.text
    assert "Its stages: rationale, answer." in card.text
    assert not (tmp_path / "tiny" / "answer" / "README.md").exists()


def test_plain_trainer_leaves_a_card_and_none_is_overwritten(make_model, tmp_path):
    model = make_model(vision_config=None, stages={"direct": "."})
    trainer = Trainer(model, TrainingArguments(str(tmp_path), use_cpu=True, report_to="none"))
    trainer.save_model(str(tmp_path / "saved"))
    card = ModelCard.load(tmp_path / "saved" / "README.md")
    assert (card.data.pipeline_tag, "image=" in card.text) == ("text-generation", False)
    (tmp_path / "saved" / "README.md").write_text("mine")
    trainer.save_model(str(tmp_path / "saved"))
    assert (tmp_path / "saved" / "README.md").read_text() == "mine"


@pytest.mark.parametrize("exists", [False, True])
def test_pushed_card_has_the_tags(exists, tiny_model, hub, logged_in):
    for _ in range(1 + exists):
        tiny_model.push_to_hub("org/tiny")
    card = ModelCard(hub.files("org/tiny")["README.md"].decode())
    assert card.data.tags == TAGS
