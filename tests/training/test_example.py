"""The problem on a card: which it is, its picture, and that the card's snippets answer it as the card says."""

import datasets
import pytest
from PIL import Image

from mmcot.hub_card.card import name_repository
from mmcot.training.example import choose_example
from mmcot.training.two_stage import run_recipe

from ..remote_process import run_snippets, snippets


SIZES = {"none": [], "wide": [(2000, 500)], "small": [(9, 7)], "two": [(9, 7), (5, 5)]}


@pytest.fixture
def scored():
    """Function of the pictures of each problem; the right answer is always the second option."""

    def make(*pictures):
        images = [[Image.new("CMYK", size) for size in SIZES[name]] for name in pictures]
        columns = {"id": list(pictures), "question": ["Which?"] * len(pictures), "answer": [1] * len(pictures)}
        columns |= {"choices": [["a", "b"]] * len(pictures), "hint": [""] * len(pictures), "image": images}
        return datasets.Dataset.from_dict(columns).cast_column("image", datasets.List(datasets.Image()))

    return make


def predict(*choices):
    return [{"rationale": "It is so.", "choice_index": choice} for choice in choices]


@pytest.mark.parametrize(
    ("pictures", "choices", "sees", "chosen"),
    [
        (["none", "small", "wide"], [1, 0, 1], True, "wide"),
        (["none", "small", "wide"], [1, 0, None], True, "small"),
        (["two", "none"], [1, 0], True, "none"),
        (["two", "none"], [1, 0], False, "two"),
    ],
)
def test_it_is_answered_right_and_has_one_picture_if_possible(pictures, choices, sees, chosen, scored, tmp_path):
    example = choose_example(scored(*pictures), predict(*choices), sees, tmp_path)
    assert (example["id"], example["choices"], example["rationale"]) == (chosen, ["a", "b"], "It is so.")
    assert example["picture"] == (tmp_path / "example_picture.png").exists() == (sees and chosen != "none")
    assert not {"context", "caption"} & example.keys()


def test_answer_in_words(scored, tmp_path):
    free = {"choices": [[], []], "answer": [None, None], "accepted_answers": [["red"], ["four", "4"]]}
    problems = scored("none", "none").remove_columns(["choices", "answer"])
    problems = datasets.concatenate_datasets([problems, datasets.Dataset.from_dict(free)], axis=1)
    rows = [{"rationale": "So.", "choice_index": None, "answer": answer} for answer in ("blue", "4.0")]
    example = choose_example(problems, rows, False, tmp_path)
    assert (example["choice"], example["choices"]) == ("4.0", [])


def test_picture_is_one_that_a_page_can_show(scored, tmp_path):
    choose_example(scored("wide"), predict(1), True, tmp_path)
    picture = Image.open(tmp_path / "example_picture.png")
    assert (picture.mode, picture.size) == ("RGB", (1024, 256))


def test_there_may_be_none(scored, tmp_path):
    assert choose_example(scored("two"), predict(1), True, tmp_path) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", [[], ["--stages", "joint"], ["--formats", "rationale_answer"], ["--formats", "direct"]]
)
def test_snippets_of_a_run_print_what_its_card_says(way, tiny_recipe, tmp_path):
    folder = tmp_path / "run"
    run_recipe(tiny_recipe(folder, *way), print)
    card = name_repository((folder / "README.md").read_text(encoding="utf-8"), str(folder))
    claimed = card.partition("```text\n")[2].partition("\n```")[0]
    by_pipeline, by_hand = run_snippets(snippets(card), tmp_path)
    assert by_pipeline.strip() == claimed.strip()
    assert claimed.partition(" -> ")[0] in by_hand
