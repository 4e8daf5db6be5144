"""`explain=True`: what each place of a picture was worth to each word and option."""

import sys

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline
from mmcot.modeling_mmcot import hiding_mmcot
from mmcot.modeling_mmcot.hiding_mmcot import hide_windows

from ..towers import TOWERS


CELLS = 4
QUESTION = {"question": "Which colour?", "choices": ["red", "blue"]}
RATIONALE = "The ball is green."


def noise(width=16, height=16, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(autouse=True)
def few_cells(monkeypatch):
    """A quarter of the work."""
    monkeypatch.setattr(hiding_mmcot, "CELLS", CELLS)


@pytest.fixture
def make_pipe(tiny_processor, make_model, loosen):
    """Function of `MMCoTConfig` fields: random models that write few words, which depend on the picture."""

    def make(answer=True, **fields):
        second = {"answer_model": loosen(make_model(seed=2, **fields))} if answer else {}
        model = loosen(make_model(seed=1, **fields))
        return MMCoTPipeline(model=model, processor=tiny_processor, max_new_tokens=3, **second)

    return make


@pytest.fixture
def pipe(make_pipe):
    return make_pipe()


def explain(pipe, **question):
    return pipe({**QUESTION, **question}, explain=True)["explanation"]


def all_maps(explanation):
    return np.array([seen.maps for seen in explanation.words + explanation.options])


def probability(pipe, images, text):
    """How probable stage 1 finds a beginning of a text."""
    inputs = pipe.processor(images=[images], text=[pipe.processor.build_prompt(QUESTION, "rationale")])
    labels = pipe.processor.encode_targets([text])
    with torch.no_grad():
        logits = pipe.model(**inputs, labels=labels).logits
    return logits.log_softmax(-1).gather(-1, labels[:, :, None])[0, :-1].sum().exp().item()


@pytest.mark.parametrize(("position", "before"), [(0, "Solution:"), (3, "Solution: The ball is")])
def test_word_falls_as_far_as_hidden_pictures_make_it(position, before, pipe):
    image = noise()
    word = explain(pipe, image=image, rationale=RATIONALE).words[position]
    assert word.text == RATIONALE.split()[position]

    def chance(images):
        return probability(pipe, images, f"{before} {word.text}") / probability(pipe, images, before)

    whole = chance([image])
    assert word.probability == pytest.approx(whole, rel=1e-3)
    assert word.weight == pytest.approx(whole - chance([]), abs=1e-3 * whole)
    assert abs(word.weight) > 0.01 * whole
    hidden = list(hide_windows([image]))
    # The four windows over the cell of row 2 and column 1, of five in a row.
    falls = [whole - chance(hidden[row * 5 + column]) for row in (2, 3) for column in (1, 2)]
    assert word.maps[0].shape == (CELLS, CELLS)
    assert word.maps[0][2, 1] == pytest.approx(np.mean(falls), abs=1e-3 * whole)


def test_options_are_those_of_a_question_asked_anew(pipe):
    image = noise()
    answer = pipe(**QUESTION, image=image, explain=True, return_all=True)
    options, [written, _] = answer["explanation"].options, answer["texts"].values()
    # The random model writes until it is stopped, here at about twice what it wrote.
    limit = 2 * len(pipe.tokenizer(written)["input_ids"]) + 8
    whole, without = (
        np.array(pipe(**QUESTION, image=images, max_new_tokens=limit)["scores"]) for images in ([image], [])
    )
    assert [option.text for option in options] == QUESTION["choices"]
    assert [option.probability for option in options] == pytest.approx(whole, abs=1e-4)
    assert [option.weight for option in options] == pytest.approx(whole - without, abs=1e-4)
    # What speaks for one of two options, speaks against the other.
    assert options[0].maps[0] == pytest.approx(-options[1].maps[0], abs=1e-5)
    assert np.abs(options[0].maps[0]).max() > 0


def test_nothing_is_seen_in_an_even_picture(pipe):
    explanation = explain(pipe, image=Image.new("RGB", (16, 16), (200, 30, 90)), rationale=RATIONALE)
    assert np.abs(all_maps(explanation)).max() < 1e-5
    # That it is there counts all the same.
    assert any(abs(word.weight) > 0.01 * word.probability for word in explanation.words)


def test_sum_over_the_words_is_where_the_rationale_comes_from(pipe):
    explanation = explain(pipe, image=[noise(), noise(32, 16, seed=1)])
    assert [heat.shape for heat in explanation.maps] == [(4, 4), (2, 4)]
    for position, heat in enumerate(explanation.maps):
        assert heat == pytest.approx(sum(word.maps[position] for word in explanation.words))
        assert np.abs(heat).max() > 0


def test_copies_of_a_photograph_do_not_fill_the_memory(pipe):
    explanation = explain(pipe, image=[noise(2500, 500), noise()])
    assert [picture.size for picture in explanation.pictures] == [(1024, 205), (16, 16)]
    assert [heat.shape for heat in explanation.maps] == [(1, 4), (4, 4)]


def test_heat_keeps_the_colours_of_what_counted(pipe):
    explanation = explain(pipe, image=Image.new("RGB", (40, 20), "red"), rationale=RATIONALE)
    explanation.words[1].maps = [np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])]
    (heat,) = explanation.heat(1)
    assert heat.size == (800, 400)
    assert heat.getpixel((60, 60)) == (255, 0, 0)
    assert len(set(heat.getpixel((700, 350)))) == 1
    # The whole rationale weighs its words together.
    assert explanation.heat()[0].size == (800, 400)


def test_question_without_picture(pipe):
    explanation = explain(pipe)
    assert explanation.maps == []
    seen = explanation.words + explanation.options
    assert not any(part.maps for part in seen)
    # With several threads the last digits of a row depend on the rows beside it.
    assert [part.weight for part in seen] == pytest.approx([0.0] * len(seen), abs=1e-6)
    assert explanation.gates == {"rationale": 0.0, "answer": 0.0}
    explanation.figure()


def test_model_without_tower(make_pipe):
    explanation = explain(make_pipe(vision_config=None, image_feature_size=24))
    assert explanation.maps == []
    assert len(explanation.words) > 0


@pytest.mark.parametrize("tower", ["clip", "detr", "resnet"])
def test_map_lies_over_the_picture_whatever_the_tower_makes_of_it(tower, make_pipe, tiny_processor):
    # A class token, and queries that are no places.
    vision, _, _ = TOWERS[tower]
    tiny_processor.image_processor.size = {"height": 32, "width": 32}
    explanation = explain(make_pipe(vision_config=vision()), image=noise(32, 24))
    assert [heat.shape for heat in explanation.maps] == [(3, 4)]
    assert np.abs(all_maps(explanation)).max() > 0


def test_one_stage_that_only_answers_has_options_alone(make_pipe):
    explanation = explain(make_pipe(answer=False, stages={"direct": "."}), image=noise())
    assert explanation.words == []
    best = max(explanation.options, key=lambda option: option.probability)
    assert explanation.maps[0] is not best.maps[0]
    assert (explanation.maps[0] == best.maps[0]).all()
    explanation.figure()


@pytest.mark.parametrize("stage", ["rationale_answer", "answer_rationale"])
def test_one_text_has_words_alone(stage, make_pipe):
    pipe = make_pipe(answer=False, stages={stage: "."})
    answer = pipe(**QUESTION, image=noise(), explain=True, return_all=True)
    assert [word.text for word in answer["explanation"].words] == answer["texts"][stage].split()
    assert answer["explanation"].options == []
    assert answer["explanation"].gates.keys() == {stage}
    answer["explanation"].figure()


def test_answer_stage_alone_explains_options(make_pipe):
    pipe = make_pipe(answer=False, stages={"answer": "."})
    explanation = explain(pipe, image=noise(), rationale=RATIONALE)
    assert explanation.words == []
    assert len(explanation.options) == 2


def test_gate_is_the_mean_over_what_each_stage_read(pipe):
    image = noise()
    answer = pipe(**QUESTION, image=image, explain=True, return_all=True)
    for stage in ("rationale", "answer"):
        inputs = pipe.processor(images=[image], text=[answer["prompts"][stage]])
        with torch.no_grad():
            gate = pipe.stages[stage].get_encoder()(**inputs, output_attentions=True).gate
        assert answer["explanation"].gates[stage] == pytest.approx(gate.mean().item(), abs=1e-6)


def test_adapters_on_one_base(make_model, loosen, tiny_processor, tmp_path):
    stages = {"rationale": "rationale", "answer": "answer"}
    loosen(make_model(stages=stages)).save_pretrained(tmp_path)
    config = LoraConfig(r=2, target_modules=["q", "v"], modules_to_save=["fusion"], init_lora_weights=False)
    for seed, name in enumerate(stages):
        torch.manual_seed(seed)
        base = MMCoTForConditionalGeneration.from_pretrained(tmp_path)
        get_peft_model(base, config).save_pretrained(tmp_path / name)
    model = MMCoTForConditionalGeneration.from_pretrained(tmp_path)
    pipe = MMCoTPipeline(model=model, processor=tiny_processor, max_new_tokens=3)
    answer = pipe(**QUESTION, image=noise(), explain=True)
    assert answer["explanation"].gates["rationale"] != answer["explanation"].gates["answer"]
    assert [option.probability for option in answer["explanation"].options] == pytest.approx(answer["scores"], abs=0.2)
    assert np.abs(all_maps(answer["explanation"])).max() > 0


def test_batches_samples_and_errors(pipe):
    rows = [{**QUESTION, "image": noise()}, {"question": 5}, {**QUESTION, "rationale": RATIONALE}]
    alone = explain(pipe, image=noise())
    answers = pipe(rows, batch_size=3, explain=True, on_error="return")
    assert answers[0]["explanation"].maps[0] == pytest.approx(alone.maps[0], abs=1e-4)
    assert set(answers[1]) == {"error"}
    assert [word.text for word in answers[2]["explanation"].words] == RATIONALE.split()
    torch.manual_seed(0)
    answer = pipe(QUESTION, num_samples=3, explain=True)
    assert [word.text for word in answer["explanation"].words] == answer["rationale"].split()
    assert "explanation" not in pipe(QUESTION)


def test_stream_ends_with_it(pipe):
    *_, answer = pipe.stream(**QUESTION, image=noise(), explain=True)
    assert answer["explanation"].maps[0].shape == (4, 4)


class TestFigure:
    def test_is_saved_as_its_ending_says(self, pipe, tmp_path):
        explanation = explain(
            pipe,
            question="What costs $5 and _what_ costs $7?",
            choices=["red " * 40, "$\\frac{$", ""],
            image=[noise(40, 20), noise(1, 90)],
            rationale="The ball costs $5 and the cat $7. " * 9,
        )
        explanation.save(tmp_path / "shown.png")
        explanation.save(str(tmp_path / "shown.svg"))
        assert "<svg" in (tmp_path / "shown.svg").read_text()
        with Image.open(tmp_path / "shown.png") as shown:
            width, height = shown.size
        assert width > 1000
        # The text needs more lines than the picture is high.
        assert height > 700

    def test_shows_heat_in_colour_and_fades_the_rest(self, pipe):
        explanation = explain(pipe, image=Image.new("RGB", (64, 64), (0, 0, 255)), rationale="red")
        heat = np.zeros((8, 8))
        heat[2, 6] = 0.5
        explanation.words[0].maps = [heat]
        drawn = explanation.figure().axes[1].get_images()[0].get_array()
        side = len(drawn) // 8
        hot, cold = (
            drawn[(2 * row + 1) * side // 2, (2 * column + 1) * side // 2] for row, column in ((2, 6), (6, 1))
        )
        assert hot[2] - hot[0] > 230
        assert cold[2] - cold[0] < 10

    def test_without_matplotlib_says_what_to_install(self, pipe, monkeypatch):
        explanation = explain(pipe)
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(ImportError, match="needs matplotlib; pip install matplotlib"):
            explanation.figure()


def test_explain_is_yes_or_no(pipe):
    with pytest.raises(ValueError, match="explain is 'words'; give True or False"):
        pipe(QUESTION, explain="words")
