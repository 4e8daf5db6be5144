"""SketchQA: the text says nothing about the answer, the picture says it, and equal options give equal bytes."""

from __future__ import annotations

import io
import math
from collections import Counter, defaultdict
from dataclasses import fields
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmcot.data.sketchqa import (
    FAMILIES,
    SketchQAOptions,
    compose,
    contact_sheet,
    generate,
    load_sketchqa,
    parse_options,
)
from mmcot.data.sketchqa.dataset import encode_png
from mmcot.data.sketchqa.drawing import COLOURS


SPLITS = ("train", "validation", "test")
PICTURED = tuple(name for name, family in FAMILIES.items() if family.draw is not None)
# Families whose options are colours, which a rationale may name where they are seen.
SEEN_OPTIONS = {"balance"}


@pytest.fixture(scope="module")
def texts():
    """All rows of the default data set, without pictures."""
    return {split: list(compose(split, SketchQAOptions())) for split in SPLITS}


@pytest.fixture(scope="module")
def by_family(texts):
    rows = defaultdict(list)
    for row in texts["train"]:
        rows[row["family"]].append(row)
    return rows


@pytest.fixture(scope="module")
def tables():
    """A data set of 5,000, 200 and 1,000 rows, pictures still encoded."""
    data = load_sketchqa(SketchQAOptions(train=5000, validation=200, test=1000))
    return {split: data[split].data.table.to_pylist() for split in SPLITS}


def prompt(row):
    return row["question"], row["hint"], *row["choices"]


class TestReproducibility:
    def test_same_options_same_bytes(self):
        options = SketchQAOptions(train=60, validation=5, test=20)
        first, second = load_sketchqa(options), load_sketchqa(options)
        for split in SPLITS:
            assert first[split].data.table.equals(second[split].data.table)

    def test_another_seed_gives_other_texts_and_pictures(self):
        first, second = (list(generate("test", SketchQAOptions(test=50, seed=seed))) for seed in (0, 1))
        assert not {prompt(row) for row in first} & {prompt(row) for row in second}
        pictures = [{row["image"].tobytes() for row in rows if row["image"]} for rows in (first, second)]
        assert not pictures[0] & pictures[1]

    def test_split_sizes_change_no_row(self):
        small = list(generate("test", SketchQAOptions(train=1, validation=1, test=20)))
        large = list(generate("test", SketchQAOptions(train=9999, validation=99, test=40)))
        assert small == large[:20]

    def test_composing_alone_gives_the_same_texts(self, tables):
        options = SketchQAOptions(train=5000, validation=200, test=1000)
        drawn = [{key: value for key, value in row.items() if key not in ("image", "box")} for row in tables["test"]]
        assert drawn == list(compose("test", options))

    def test_picture_size_changes_only_the_resolution(self):
        options = {size: SketchQAOptions(test=40, size=size) for size in (64, 224)}
        for small, large in zip(generate("test", options[64]), generate("test", options[224]), strict=True):
            assert prompt(small) == prompt(large)
            if small["image"] is not None:
                assert large["image"].size == (224, 224)
                assert np.allclose(np.multiply(small["box"], 224 / 64), large["box"], atol=0.3)


class TestSplits:
    def test_no_text_is_in_two_splits(self, texts):
        prompts = {split: {prompt(row) for row in rows} for split, rows in texts.items()}
        assert not prompts["train"] & prompts["test"]
        assert not prompts["train"] & prompts["validation"]
        assert not prompts["validation"] & prompts["test"]

    def test_no_picture_occurs_twice(self, tables):
        pictures = [row["image"]["bytes"] for rows in tables.values() for row in rows if row["image"]]
        assert len({blake2b(picture).digest() for picture in pictures}) == len(pictures)

    def test_every_fact_of_the_test_texts_is_taught(self, texts):
        taught = {word for row in texts["train"] for word in row["solution"].split()}
        assert {word for row in texts["test"] for word in row["solution"].split()} <= taught

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 1.0])
    def test_share_of_problems_without_a_picture(self, share):
        rows = list(compose("train", SketchQAOptions(train=3000, text_only=share)))
        without = sum(row["family"] not in PICTURED for row in rows) / len(rows)
        assert abs(without - share) < 0.03

    @pytest.mark.parametrize("family", ["moon", "animals"])
    def test_a_single_family_ignores_the_share(self, family):
        rows = compose("train", SketchQAOptions(train=50, families=(family,)))
        assert {row["family"] for row in rows} == {family}


class TestTexts:
    def test_columns(self, texts):
        row = next(iter(generate("test", SketchQAOptions())))
        assert texts["test"][17]["id"] == "sketchqa-test-000017"
        assert set(row) - set(texts["test"][0]) == {"image", "box"}
        for name, rows in Counter(row["family"] for row in texts["train"]).items():
            family = FAMILIES[name]
            assert rows > 800
            assert family.subject in ("natural science", "social science", "language science")
            assert family.grade in {f"grade{grade}" for grade in range(1, 13)}

    def test_options_are_distinct_and_few(self, texts):
        for row in texts["train"]:
            assert 2 <= len(row["choices"]) <= 4
            assert len(set(row["choices"])) == len(row["choices"])
            assert 0 <= row["answer"] < len(row["choices"])

    def test_rationale_is_short_and_ends_in_the_right_option(self, texts):
        for row in texts["train"]:
            right, words = row["choices"][row["answer"]], row["solution"].replace(",", "").replace(".", "").split()
            assert row["solution"].endswith(f" {right}."), row
            assert 8 <= len(words) <= 25, row
            assert words.count(right) == 1 or row["family"] in SEEN_OPTIONS, row

    @pytest.mark.parametrize("family", FAMILIES)
    def test_positions_are_balanced(self, by_family, family):
        for count in (2, 3, 4):
            places = Counter(row["answer"] for row in by_family[family] if len(row["choices"]) == count)
            total = places.total()
            for place in range(count if total else 0):
                assert abs(places[place] - total / count) < 4.5 * math.sqrt(total / count)

    @pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"animals"}))
    def test_every_option_is_right_as_often_as_chance(self, by_family, family):
        right, expected = Counter(), Counter()
        for row in by_family[family]:
            right[row["choices"][row["answer"]]] += 1
            for choice in row["choices"]:
                expected[choice] += 1 / len(row["choices"])
        for choice, chance in expected.items():
            assert abs(right[choice] - chance) < 4.5 * math.sqrt(chance)


class TestTextAlone:
    """A bag-of-words model of the text learns nothing about the answers of the families with pictures."""

    @pytest.mark.slow
    @pytest.mark.parametrize("family", PICTURED)
    def test_stays_at_chance(self, family):
        train, test = self.rows(family)
        chance = np.mean([1 / len(row["choices"]) for row in test])
        assert abs(bag_of_words_accuracy(train, test) - chance) < 0.05

    @pytest.mark.parametrize("family", ["moon", "map"])
    def test_would_notice_a_leak(self, family):
        train, test = ([leaky(row) for row in rows] for rows in self.rows(family))
        assert bag_of_words_accuracy(train, test) > 0.9

    @staticmethod
    def rows(family):
        options = SketchQAOptions(train=4000, test=2000, families=(family,))
        return [list(compose(split, options)) for split in ("train", "test")]


def leaky(row):
    return row | {"hint": f"{row['hint']} {row['choices'][row['answer']]}"}


def bag_of_words_accuracy(train, test, steps=120, batch=1000, rate=0.5):
    """Accuracy of a conditional logit (Adagrad) on option, position and option x word features."""
    numbers = defaultdict(lambda: len(numbers))
    numbers["none"]
    train_features, test_features = feature_numbers(train, numbers), feature_numbers(test, numbers)
    answers = np.array([row["answer"] for row in train])
    weights, squares = np.zeros(len(numbers)), np.full(len(numbers), 1e-6)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        chosen = rng.integers(len(train), size=batch)
        features = train_features[chosen]
        slopes = option_probabilities(weights, features)
        slopes[np.arange(batch), answers[chosen]] -= 1
        per_feature = np.broadcast_to(slopes[..., None], features.shape)
        gradient = np.bincount(features.ravel(), per_feature.ravel(), len(numbers)) / batch
        squares += gradient**2
        weights -= rate * gradient / np.sqrt(squares)
        weights[0] = 0
    guesses = option_probabilities(weights, test_features).argmax(1)
    return np.mean(guesses == [row["answer"] for row in test])


def option_probabilities(weights, features):
    """Softmax over the options; an option that does not exist has no features."""
    scores = np.where(features.any(2), weights[features].sum(2), -np.inf)
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)


def feature_numbers(rows, numbers, width=28):
    """The features of every option, (rows, 4 options, width), filled up with the feature 0."""
    features = np.zeros((len(rows), 4, width), dtype=np.int64)
    for row, per_option in zip(rows, features, strict=True):
        words = (row["question"] + " " + row["hint"]).split()
        for place, choice in enumerate(row["choices"]):
            names = [("place", place, len(row["choices"])), ("option", choice)]
            names += [(choice, word) for word in words]
            names += [("beside", choice, other) for other in row["choices"] if other != choice]
            per_option[place, : len(names)] = [numbers[name] for name in names]
    return features


class TestPictures:
    def test_are_rgb_of_the_asked_size_with_a_box_inside(self, tables):
        for row in tables["test"]:
            if row["family"] not in PICTURED:
                assert row["image"] is None
                assert row["box"] is None
                continue
            x0, y0, x1, y1 = row["box"]
            assert 0 <= x0 < x1 <= 64
            assert 0 <= y0 < y1 <= 64
            assert (x1 - x0) * (y1 - y0) >= 40

    def test_png_is_lossless(self):
        row = next(row for row in generate("test", SketchQAOptions()) if row["image"])
        decoded = Image.open(io.BytesIO(encode_png(row["image"])))
        assert decoded.mode == "RGB"
        assert decoded.tobytes() == row["image"].tobytes()

    def test_loaded_rows_are_the_generated_rows(self):
        options = SketchQAOptions(train=5, validation=5, test=25)
        for loaded, row in zip(load_sketchqa(options)["test"], generate("test", options), strict=True):
            assert set(loaded) == set(row)
            assert loaded["choices"] == row["choices"]
            if row["image"] is not None:
                assert loaded["image"].tobytes() == row["image"].tobytes()
                assert np.allclose(loaded["box"], row["box"])

    def test_compass_tip_lies_on_the_named_side(self):
        for row, pixels in drawn("compass"):
            away = middle(pixels, COLOURS["red"]) - middle(pixels, (176, 184, 196), 12)
            sides = {"north": -away[1], "south": away[1], "east": away[0], "west": -away[0]}
            assert max(sides, key=sides.get) == right_option(row)

    def test_flag_stripe_has_the_named_colour(self):
        for row, pixels in drawn("flag"):
            place = row["question"].rstrip("?.").split(" stripe")[0].split()[-1]
            axis = 1 if place in ("top", "middle", "bottom") else 0
            ordered = sorted(row["choices"], key=lambda colour: middle(pixels, COLOURS[colour])[axis])
            index = {"top": 0, "left": 0, "middle": 1, "centre": 1, "bottom": 2, "right": 2}[place]
            assert ordered[index] == right_option(row)

    def test_bars_have_clear_heights(self):
        for row, pixels in drawn("bars"):
            heights = {colour: tallest_column(pixels, COLOURS[colour]) for colour in row["choices"]}
            *others, last = sorted(heights, key=heights.get, reverse="least" in row["question"])
            assert last == right_option(row)
            assert all(abs(heights[last] - heights[other]) > 6 for other in others)

    def test_balance_sinks_on_the_heavier_side(self):
        for row, pixels in drawn("balance"):
            heights = {colour: middle(pixels, COLOURS[colour])[1] for colour in row["choices"] if colour != "neither"}
            lowest, difference = max(heights, key=heights.get), np.ptp(list(heights.values()))
            assert (lowest if difference > 3 else "neither") == right_option(row)

    def test_map_puts_the_right_town_farthest(self):
        signs = {"north": (0, -1), "south": (0, 1), "east": (1, 0), "west": (-1, 0)}
        for row, pixels in drawn("map"):
            sign = signs[row["question"].rstrip("?").split()[-1]]
            along = {colour: middle(pixels, COLOURS[colour]) @ sign for colour in row["choices"]}
            assert max(along, key=along.get) == right_option(row)

    def test_litmus_box_shows_the_paper(self):
        paper = {"acid": "red", "neutral": "green", "base": "blue"}
        for row, pixels in drawn("litmus"):
            x0, y0, x1, y1 = row["box"]
            seen = pixels[round(y0 + 0.7 * (y1 - y0)), round((x0 + x1) / 2)]
            nearest = min(COLOURS, key=lambda name: np.linalg.norm(seen - COLOURS[name]))
            assert nearest == paper[right_option(row)]


def drawn(family, rows=60):
    """Rows of one family, each with its pixels as (height, width, 3) floats."""
    for row in generate("test", SketchQAOptions(test=rows, families=(family,))):
        yield row, np.asarray(row["image"], dtype=float)


def right_option(row):
    return row["choices"][row["answer"]]


def of_colour(pixels, colour, distance=34):
    return np.linalg.norm(pixels - np.array(colour), axis=2) < distance


def middle(pixels, colour, distance=34):
    """Mean (x, y) of the pixels near a colour."""
    rows, columns = np.nonzero(of_colour(pixels, colour, distance))
    return np.array([columns.mean(), rows.mean()])


def tallest_column(pixels, colour):
    return of_colour(pixels, colour).sum(0).max()


class TestOptions:
    @given(
        st.builds(
            SketchQAOptions,
            train=st.integers(0, 10**6),
            validation=st.integers(0, 10**4),
            test=st.integers(0, 10**4),
            seed=st.integers(),
            size=st.integers(16, 512),
            families=st.lists(st.sampled_from(tuple(FAMILIES)), min_size=1, unique=True).map(tuple),
            text_only=st.floats(0, 1),
        )
    )
    def test_text_round_trip(self, options):
        values = {field.name: getattr(options, field.name) for field in fields(options)}
        values["families"] = "+".join(options.families)
        assert parse_options(",".join(f"{key}={value}" for key, value in values.items())) == options

    def test_empty_text_gives_the_defaults(self):
        assert parse_options("") == SketchQAOptions()
        assert parse_options(" train = 5 , ").train == 5

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("famlies=moon", ("option 'famlies'", "'families'", "text_only")),
            ("families=mon", ("family 'mon'", "'moon'", "weather")),
            ("families=", ("family ''", "moon")),
            ("train=many", ("train", "'many'")),
            ("train", ("train", "''")),
            ("test=-1", ("test", "-1")),
            ("size=4", ("size", "4")),
            ("text_only=1.5", ("text_only", "1.5")),
            ("text_only=nan", ("text_only", "nan")),
        ],
    )
    def test_errors_name_the_cause(self, text, words):
        with pytest.raises(ValueError, match="SketchQA") as caught:
            parse_options(text)
        assert all(word in str(caught.value) for word in words)


def test_contact_sheet_has_a_card_for_every_family():
    sheet = contact_sheet(SketchQAOptions(families=("moon", "map", "animals")), rows=3)
    assert sheet.mode == "RGB"
    assert sheet.width == 920
    assert sheet.height > 2 * 250
