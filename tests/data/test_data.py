"""Data sets from anywhere: the same problems are the same examples, whichever file or folder they came from."""

import csv
import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcot.configuration import DataArguments
from mmcot.data import load_data, load_splits, pick_split
from mmcot.modeling_mmcot.prompt_mmcot import letter


COLUMNS = ["id", "image", "question", "choices", "answer", "hint", "lecture", "solution"]
OFFICIAL_SPLITS = ("train", "val", "test")
QUOTES = ["plain", 'with "quotes", commas', "with a\nnew line", "(A) brackets", "ünïcode — 猫", "", "1"]


def make_problem(number):
    """A ScienceQA problem with text that is hard on file formats."""
    return {
        "question": f"Which is number {number}?",
        "choices": ["first", 'the "second"', "third, the last"][: 2 + number % 2],
        "answer": number % 2,
        "hint": QUOTES[number % len(QUOTES)],
        "image": "image.png" if number % 3 == 0 else None,
        "task": "closed choice",
        "grade": f"grade{number % 12 + 1}",
        "subject": "natural science",
        "lecture": QUOTES[-1 - number % len(QUOTES)],
        "solution": f"It says so: {number}.",
        "split": OFFICIAL_SPLITS[number % 3],
    }


@pytest.fixture
def official(tmp_path):
    """A small folder in the layout of ScienceQA: pictures are beside `problems.json`."""
    problems = {str(number): make_problem(number) for number in range(18)}
    for name, problem in problems.items():
        if problem["image"]:
            path = tmp_path / "scienceqa" / "images" / problem["split"] / name / "image.png"
            path.parent.mkdir(parents=True)
            Image.new("RGB", (4 + int(name), 5), (10 * int(name), 0, 99)).save(path)
    write_official(tmp_path / "scienceqa", problems)
    return tmp_path / "scienceqa"


def write_official(folder, problems):
    splits = {split: [name for name in problems if problems[name]["split"] == split] for split in OFFICIAL_SPLITS}
    (folder / "problems.json").write_text(json.dumps(problems))
    (folder / "pid_splits.json").write_text(json.dumps({**splits, "trainval": splits["train"] + splits["val"]}))


def plain_rows(folder):
    """The problems as rows of a table, in their splits' order; pictures as paths under the folder of pictures."""
    problems = json.loads((folder / "problems.json").read_text())
    splits = json.loads((folder / "pid_splits.json").read_text())
    for split in OFFICIAL_SPLITS:
        for name in splits[split]:
            problem = problems[name]
            yield {**problem, "id": name, "image": problem["image"] and f"{split}/{name}/{problem['image']}"}


def by_split(rows):
    splits = {}
    for row in rows:
        row = dict(row)
        splits.setdefault(row.pop("split"), []).append(row)
    return splits


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_csv(path, rows):
    """As a spreadsheet would have it: text in every cell, a list as JSON, the answer as a letter."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "choices": json.dumps(row["choices"]), "answer": letter(row["answer"])})


def save_lines(folder, rows, images):
    write_lines(folder / "all.jsonl", rows)
    return folder / "all.jsonl"


def save_json(folder, rows, images):
    (folder / "all.json").write_text(json.dumps(rows))
    return folder / "all.json"


def save_csv(folder, rows, images):
    write_csv(folder / "all.csv", rows)
    return folder / "all.csv"


def save_parquet(folder, rows, images):
    pq.write_table(pa.Table.from_pylist(rows), folder / "all.parquet")
    return folder / "all.parquet"


def save_files_of_splits(folder, rows, images):
    splits = by_split(rows)
    write_lines(folder / "train.jsonl", splits["train"])
    write_csv(folder / "val.csv", splits["val"])
    pq.write_table(pa.Table.from_pylist(splits["test"]), folder / "test.parquet")
    return folder


def save_imagefolder(folder, rows, images):
    for split, members in by_split(rows).items():
        (folder / split).mkdir()
        renamed = [{"file_name" if name == "image" else name: row[name] for name in row} for row in members]
        write_csv(folder / split / "metadata.csv", renamed)
    return folder


def make_dataset(rows, images):
    rows = [{**row, "image": row["image"] and str(images / row["image"])} for row in rows]
    return datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())


def save_to_disk(folder, rows, images):
    splits = {split: make_dataset(members, images) for split, members in by_split(rows).items()}
    datasets.DatasetDict(splits).save_to_disk(str(folder))
    return folder


def save_as_one_part(folder, rows, images):
    """A `Dataset` without splits, pictures as paths: here its splits are in the rows."""
    datasets.Dataset.from_list([{**row, "answer": str(row["answer"])} for row in rows]).save_to_disk(str(folder))
    return folder


WRITERS = [
    save_lines,
    save_json,
    save_csv,
    save_parquet,
    save_files_of_splits,
    save_imagefolder,
    save_to_disk,
    save_as_one_part,
]


def decoded(splits):
    """Everything a user sees of a data set."""
    return {
        split: [{**row, "image": row["image"] and (row["image"].size, row["image"].tobytes())} for row in dataset]
        for split, dataset in splits.items()
    }


def check_same_through(writer, folder, images, target):
    expected = load_splits(str(folder))
    target.mkdir()
    place = writer(target, list(plain_rows(folder)), images)
    splits = load_splits(str(place), DataArguments(images=str(images)))
    assert list(splits) == ["train", "validation", "test"]
    assert splits["train"].features == expected["train"].features
    assert decoded(splits) == decoded(expected)


@pytest.mark.parametrize("writer", WRITERS)
def test_same_problems_are_the_same_examples(writer, official, tmp_path):
    check_same_through(writer, official, official / "images", tmp_path / "copy")


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_real_problems_are_the_same_examples(writer, shared_dir, tmp_path):
    folder = shared_dir / "data" / "scienceqa"
    check_same_through(writer, folder / "scienceqa", folder / "images", tmp_path / "copy")


def test_real_problems_all_pass(shared_dir):
    folder = shared_dir / "data" / "scienceqa"
    data = load_data(str(folder / "scienceqa"), DataArguments(captions=str(folder / "captions.json")))
    assert data.skipped == []
    assert {split: len(dataset) for split, dataset in data.splits.items()} == {
        "train": 520,
        "validation": 180,
        "test": 361,
    }
    test = data.splits["test"]
    assert sum(row["image"] is not None for row in test) == 167 == sum(map(bool, test["caption"]))


def test_schema(official):
    data = load_splits(str(official))["train"]
    assert data.column_names == [*COLUMNS, "grade", "subject", "task"]
    assert data.features["image"] == datasets.Image()
    assert data.features["answer"] == datasets.Value("int64")
    assert data.features["choices"] == datasets.List(datasets.Value("string"))
    assert all(data.features[name] == datasets.Value("string") for name in data.column_names[-3:])


def test_problems_file_stands_for_its_folder(official):
    assert decoded(load_splits(str(official / "problems.json"))) == decoded(load_splits(str(official)))


def test_pictures_may_lie_one_level_above(official):
    expected = decoded(load_splits(str(official)))
    (official / "images").rename(official.parent / "images")
    assert decoded(load_splits(str(official))) == expected
    elsewhere = official.parent / "elsewhere"
    (official.parent / "images").rename(elsewhere)
    assert decoded(load_splits(str(official), DataArguments(images=str(elsewhere)))) == expected


def test_pictures_of_options_follow_that_of_the_question(official):
    folder = official / "images" / "train" / "3"
    for index in (10, 2, 0):
        Image.new("RGB", (100 + index, 5)).save(folder / f"choice_{index}.png")
    splits = load_splits(str(official))
    assert splits["train"].features["image"] == datasets.List(datasets.Image()) == splits["test"].features["image"]
    pictures = {row["id"]: row["image"] for row in splits["train"]}
    assert [picture.width for picture in pictures["3"]] == [7, 100, 102, 110]
    assert [picture.width for picture in pictures["0"]] == [4]
    assert splits["test"]["image"][:] == [None] * 6


def test_problem_that_is_only_listed(official):
    splits = json.loads((official / "pid_splits.json").read_text())
    splits["train"].append("99")
    (official / "pid_splits.json").write_text(json.dumps(splits))
    with pytest.raises(ValueError, match=r"problems.json, row 99 is not there, but pid_splits.json lists it"):
        load_splits(str(official))
    assert load_data(str(official), DataArguments(on_error="skip")).skipped[0]["row"] == "99"


@pytest.mark.parametrize("shape", ["wrapped", "flat", "lists"])
def test_captions(shape, official, tmp_path):
    captions = {"3": "A blue square.", "6": "Another one."}
    content = {
        "wrapped": {"captions": captions},
        "flat": captions,
        "lists": {name: text.split(" ", 1) for name, text in captions.items()},
    }[shape]
    (tmp_path / "captions.json").write_text(json.dumps(content))
    data = load_splits(str(official), DataArguments(captions=str(tmp_path / "captions.json")))["train"]
    assert dict(zip(data["id"], data["caption"], strict=True)) == dict.fromkeys(data["id"], "") | captions
    assert "caption" not in load_splits(str(official))["train"].column_names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"0', "not valid JSON"),
        ('["a"]', "holds no captions"),
        ('{"0": 5}', "holds no captions"),
        ('{"x": "A."}', "no id of its captions"),
    ],
)
def test_bad_captions(content, message, official, tmp_path):
    (tmp_path / "captions.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        load_splits(str(official), DataArguments(captions=str(tmp_path / "captions.json")))


def test_paths_start_from_the_file_that_names_them(tmp_path):
    (tmp_path / "mine" / "pictures").mkdir(parents=True)
    for width in (3, 4):
        Image.new("RGB", (width, 5)).save(tmp_path / "mine" / "pictures" / f"{width}.png")
    row = {"question": "What?", "choices": ["a", "b"]}
    several = ["pictures/3.png", str(tmp_path / "mine" / "pictures" / "4.png")]
    write_lines(tmp_path / "mine" / "a.jsonl", [{**row, "image": several}, {**row, "image": several[0]}, row])
    data = load_splits(str(tmp_path / "mine" / "a.jsonl"))["train"]
    widths = [[picture.width for picture in row["image"]] if row["image"] else None for row in data]
    assert widths == [[3, 4], [3], None]
    assert data["id"][:] == ["0", "1", "2"]
    write_csv(tmp_path / "mine" / "a.csv", [{**row, "answer": 0, "image": json.dumps(several)}])
    assert [picture.width for picture in load_splits(str(tmp_path / "mine" / "a.csv"))["train"][0]["image"]] == [3, 4]


def test_imagefolder_with_one_table(tmp_path):
    for width in (3, 4):
        Image.new("RGB", (width, 5)).save(tmp_path / f"{width}.png")
    row = {"question": "What?", "choices": ["a", "b"]}
    rows = [{**row, "file_names": ["3.png", "4.png"]}, {**row, "file_names": ["4.png"]}]
    write_lines(tmp_path / "metadata.jsonl", rows)
    pictures = load_splits(str(tmp_path))["train"]["image"][:]
    assert [[picture.width for picture in entry] for entry in pictures] == [[3, 4], [4]]


def test_columns_of_the_hub_copy_of_scienceqa(official, tmp_path):
    """`derek-thomas/ScienceQA`: no ids, embedded pictures, classes of any kind."""
    rows = [row for row in plain_rows(official) if row["split"] == "train"]
    hub = make_dataset(rows, official / "images").remove_columns(["id", "split"])
    hub = hub.cast_column("subject", datasets.ClassLabel(names=["natural science"]))
    hub.save_to_disk(str(tmp_path / "hub"))
    splits = load_splits(str(tmp_path / "hub"))
    expected = decoded({"train": load_splits(str(official))["train"]})
    for position, row in enumerate(expected["train"]):
        row["id"] = str(position)
    assert decoded(splits) == expected


def test_hub_id(official, monkeypatch):
    hub = datasets.DatasetDict(
        {"dev": make_dataset([row for row in plain_rows(official) if row["split"] == "val"], official / "images")}
    )
    monkeypatch.setattr(datasets, "load_dataset", {"org/name": hub}.__getitem__)
    assert decoded(load_splits("org/name")) == decoded({"validation": load_splits(str(official))["validation"]})


def test_hub_that_cannot_be_reached(monkeypatch):
    def load(name):
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub\n(offline)")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(ValueError, match=r"^There is no folder org/name here, and no .* on the Hub \(offline\)$"):
        load_splits("org/name")


@pytest.mark.parametrize("spec", ["nowhere", "some/file.jsonl", "a/b/c", "{folder}", "{folder}/notes.txt"])
def test_spec_that_names_nothing(spec, tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ValueError, match=r"sketchqa.*save_to_disk.*\.jsonl.*Hub id"):
        load_splits(spec.format(folder=tmp_path))


@pytest.mark.parametrize("option", ["images", "captions"])
def test_paths_of_options_must_exist(option, official):
    with pytest.raises(ValueError, match=f"data.{option} is .*/nowhere, which does not exist"):
        load_splits(str(official), DataArguments(**{option: "nowhere"}))


def test_two_files_of_one_split(tmp_path):
    for name in ("val.jsonl", "dev.jsonl"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="one split twice, among dev, val"):
        load_splits(str(tmp_path))


def test_unknown_split_says_which_there_are(official):
    splits = load_splits(str(official))
    assert pick_split(splits, "val") is pick_split(splits, "validation") is splits["validation"]
    with pytest.raises(ValueError, match="no split 'minival'; this data set has train, validation, test"):
        pick_split(splits, "minival")


def test_renamed_columns(tmp_path):
    rows = [{"q": "What?", "options": ["a", "b"], "label": 1, "why": "So.", "solution": "old", "level": 3}]
    write_lines(tmp_path / "a.jsonl", rows)
    columns = {"q": "question", "options": "choices", "label": "answer", "why": "solution", "solution": "other"}
    row = load_splits(str(tmp_path / "a.jsonl"), DataArguments(columns=columns))["train"][0]
    assert (row["question"], row["choices"], row["answer"], row["solution"]) == ("What?", ["a", "b"], 1, "So.")
    assert (row["other"], row["level"]) == ("old", "3")
    assert "why" not in row
    with pytest.raises(ValueError, match="two columns of .* one name .*solution.*columns are q, options, .* solution"):
        load_splits(str(tmp_path / "a.jsonl"), DataArguments(columns={"why": "solution"}))
    with pytest.raises(ValueError, match="one name .x.x00.;") as caught:
        load_splits(str(tmp_path / "a.jsonl"), DataArguments(columns={"why": "x\0", "q": "x\0"}))
    assert str(caught.value).isprintable()
    with pytest.raises(ValueError, match="renames 'reason', which .*a.jsonl does not have; its columns are label, "):
        load_splits(str(tmp_path / "a.jsonl"), DataArguments(columns={"reason": "solution"}))
