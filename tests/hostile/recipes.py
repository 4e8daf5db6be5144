"""A seeded generator of recipes and overrides that people and programs get wrong, and what reading one comes to."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from mmcot.configuration import RecipeError, StageArguments, load_recipe
from mmcot.configuration.yaml_text import shortened


FILE = "recipe.yaml"
LONGEST_LINE = 1000
SETTINGS = {
    "output_dir": "run",
    "dataset": "sketchqa:train=10,validation=2,test=2",
    "seed": 3,
    "stages": "both",
    "formats": None,
    "answer_rationales": "generated",
    "folds": 3,
    "data": {"columns": {"why": "solution"}, "images": "pictures", "captions": "captions.json", "on_error": "skip"},
    "model": {
        "text_config": {"model_type": "t5", "d_model": 32, "num_layers": 1},
        "vision_config": {"model_type": "resnet", "hidden_sizes": [8, 8], "depths": [1, 1]},
        "image_size": 32,
        "vocab_size": 300,
        "fast_start": True,
        "config": {"freeze_vision": False, "gate_bias": -1.5},
    },
    "processor": {"max_length": 64, "max_target_length": 32, "newline": "space", "lecture": False},
    "lora": {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": "language_model.*q", "merge": False},
    "training": {
        "learning_rate": 1e-3,
        "max_steps": 7,
        "per_device_train_batch_size": 2,
        "lr_scheduler_type": "linear",
        "eval_strategy": "steps",
        "eval_steps": 5,
        "report_to": "none",
        "use_cpu": True,
    },
    "rationale": {"generation_max_length": 16},
    "answer": {"start_from": "rationale", "gate_bias": -4, "generation_num_beams": 2},
    "evaluation": {"split": "test", "by": ["family"], "batch_size": 4, "validation_limit": 10},
}
TEXT = yaml.safe_dump(SETTINGS, sort_keys=False)
SECTIONS = [key for key, value in SETTINGS.items() if isinstance(value, dict)] + ["joint", "one_stage"]
TRAINING_KEYS = [entry.name for entry in fields(StageArguments) if entry.init and entry.name != "output_dir"]
NUMBERS = [
    *("0", "-1", "1", "1.5", "7", "-0.0", "1e-3", "1e5", "1e999", "-1e999", ".nan", "nan", ".inf", "-.inf", "NaN"),
    *("0o17", "0x1F", "0b11", "010", "1_000", "12:30", "1.2.3", "99999999999999999999", "4294967296", "9" * 5000),
]
WORDS = [
    *("true", "True", "yes", "no", "on", "null", "~", "none", "x", "@x", "*x", "&a", "%x", "!", "!x", "`x", "|", ">"),
    *("-", "?", "=", "<<", "2024-01-01", "../../etc/passwd", "/dev/null", "--seed", "ünïcödé", "<<EOF", "💥💥", "'a'"),
    *('"a', "", " ", "a: b: c", "a #b", "x" * 100_000, "\t", "a\tb", "\u2028"),
]
NESTED = [
    *("[]", "{}", "[1, [2]]", "{a: 1}", "[{a: [b]}]", "{1: 2}", "{null: 1}", "{[a]: b}", "{true: 1}", "{a: 1, a: 2}"),
    *("[", "{", "]", "}", "- x\n- y", "{a: b", '"\\0"', '"\\ud800"', '"a\\nb"', '"\\x1b[31m"', "[" * 60 + "]" * 60),
    *("[" * 5000, "{a: " * 200 + "1" + "}" * 200, "&a [*a]", "&a {b: *a}", "{<<: 3}", "{<<: [{a: 1}, {a: 2}]}"),
    *("!!python/object/apply:os.system [x]", "!!python/name:os.system", "!!binary x", "!!set {a}", "!!omap [a: 1]"),
    *("!!int x", "!!float x", "!!bool x", "!!timestamp x", "!!null x", "!!str 5", "!own {a: 1}", "!!map [1]"),
]
OTHER_KEYS = ["1: 1", "null: 1", "[a]: 1", "2024-01-01: 1", "true: 1", "? x"]


@dataclass
class Case:
    """A recipe as it lies on the disk, and the words of the command line after it.

    Args:
        content: bytes of the file; `None` if a folder stands in its place.
        overrides: words of the command line.
        named: an error has to name one of these, so that its reader knows where to look.
    """

    content: bytes | None
    overrides: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=lambda: [FILE, "output_dir"])


def make_case(seed: int) -> Case:
    """The same case for the same seed."""
    rng = random.Random(seed)
    return rng.choice(MAKERS)(rng)


def text_of(settings: dict) -> str:
    return yaml.safe_dump(settings, sort_keys=False)


def any_value(rng: random.Random) -> str:
    return rng.choice(rng.choice([NUMBERS, WORDS, NESTED]))


def any_key(rng: random.Random) -> str:
    """A key that recipes have, with its sections."""
    section = rng.choice([None, *SECTIONS])
    if section is None:
        return rng.choice(list(SETTINGS))
    if section in ("training", "rationale", "answer", "joint", "one_stage"):
        return f"{section}.{rng.choice(TRAINING_KEYS)}"
    return f"{section}.{rng.choice(list(SETTINGS[section]))}"


def with_text(rng: random.Random, key: str, text: str) -> str:
    """The valid recipe with a YAML text, right or wrong, as the value of a key."""
    settings, mark = deepcopy(SETTINGS), "MARK"
    *sections, name = key.split(".")
    target = settings
    for section in sections:
        target = target.setdefault(section, {})
    target[name] = mark
    return text_of(settings).replace(mark, text)


def bad_value_in_file(rng: random.Random) -> Case:
    key = any_key(rng)
    content = with_text(rng, key, any_value(rng)).encode("utf-8", "surrogatepass")
    return Case(content, named=[FILE, *key.split(".")])


def bad_value_in_override(rng: random.Random) -> Case:
    key = any_key(rng)
    value = any_value(rng) + rng.choice(["", "", "", "\udcff"])
    words = [f"--{key}={value}"] if rng.random() < 0.5 else [f"--{key}", value]
    return Case(TEXT.encode(), words, key.split("."))


def bad_override(rng: random.Random) -> Case:
    key, other = any_key(rng), any_key(rng)
    words = rng.choice(
        [
            [f"--{key}.x", "1"],
            [f"--{key}.x.y", "1"],
            [f"--{key}"],
            [key, "1"],
            [f"-{key}", "1"],
            [f"--{key}", f"--{other}"],
            [f"--.{key}", "1"],
            [f"--{key}.", "1"],
            [f"--{key}..x", "1"],
            ["--", "1"],
            ["--=1"],
            ["1"],
            [f"--{key}x", "1"],
            [f"--{key[:-1]}", "1"],
            [f"--x{key}", "1"],
            [f"--{key} ", "1"],
            [f"--{key}\n", "1"],
            [f"--{'x' * 50_000}", "1"],
            [f"--{key}", "1", f"--{key}", "2"],
            [f"--{key.upper()}", "1"],
            [f"--{key}\udcff", "1"],
        ]
    )
    known = [part.lower() for word in words for part in word.strip("-").split(".") if part]
    return Case(TEXT.encode(), words, [*known, "--", "key"])


def wrong_section(rng: random.Random) -> Case:
    section = rng.choice(SECTIONS)
    return Case(with_text(rng, section, any_value(rng)).encode("utf-8", "surrogatepass"), named=[FILE, section])


def damaged_text(rng: random.Random) -> Case:
    """The valid recipe cut off, with characters changed, removed, doubled, or lines swapped."""
    text = TEXT
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(text))
        rest = text[place:]
        middle = rng.choice(
            ["\0", "\t", ":", "-", "'", '"', "\ufeff", "#", "&", "*", "!", "\x85", "\n", " ", "€", "{"]
        )
        lines = rest.splitlines(keepends=True)
        rng.shuffle(lines)
        choice = rng.randrange(6)
        text = text[:place] + ["", rest[1:], middle + rest, middle + rest[1:], rest[:1] + rest, "".join(lines)][choice]
        text = text or "a"
    return Case(text.encode("utf-8", "surrogatepass"), named=[FILE, "output_dir", "dataset", "model", *words_of(text)])


def words_of(text: str) -> list[str]:
    """Keys of a damaged recipe: what an error about a value may name instead of the file."""
    starts = [line.partition(":")[0].strip(" -\"'") for line in text.splitlines()]
    return [shortened(word) for word in starts if len(word) > 2]


def bad_bytes(rng: random.Random) -> Case:
    text = TEXT
    return Case(
        rng.choice(
            [
                None,
                b"",
                b"\n",
                b"#",
                b"---\n",
                b"a",
                b"- a",
                b"3",
                b"{}",
                b"\xff\xfe",
                b"\xef\xbb\xbf",
                rng.randbytes(rng.randint(1, 3000)),
                b"\x89PNG\r\n\x1a\n" + rng.randbytes(300),
                text.encode("utf-16"),
                text.encode("utf-32"),
                text.encode("utf-8-sig"),
                ("# é\n" + text).encode("latin-1"),
                text.replace("\n", "\r\n").encode(),
                text.replace("\n", "\r").encode(),
                text.replace("  ", "\t").encode(),
                (text + "---\n" + text).encode(),
                (text + text).encode(),
                (text + "...\n").encode(),
                b"%YAML 9.9\n---\n" + text.encode(),
                text.encode() + b"\0",
                text.encode() + b"# \xff",
                b"x: y\n" * 50_000,
                b"a" * 3_000_000,
            ]
        )
    )


def bomb(rng: random.Random) -> Case:
    """Aliases that are small in the file and large in memory, and ones that hold themselves."""
    depth, width = rng.randint(2, 12), rng.randint(2, 9)
    kind = rng.randrange(4)
    lines = ["a0: &a0 [x, x]" if kind < 2 else "a0: &a0 {x: y}"]
    for level in range(1, depth):
        items = ", ".join([f"*a{level - 1}"] * width)
        one = f"{{<<: [{items}], k{level}: 1}}" if kind == 2 else f"[{items}]"
        lines.append(f"a{level}: &a{level} {one}")
    nested = "\n  ".join(lines)
    place = rng.choice(["text_config", "quantization", "config", "columns"])
    if kind == 3:
        return Case(with_text(rng, f"model.{place}", "&a {b: [*a], c: {d: *a}}").encode(), named=[FILE, place])
    if rng.random() < 0.5:
        return Case("\n".join([*lines, TEXT]).encode(), named=[FILE, "a0"])
    text = text_of({**SETTINGS, "model": None}).replace("model: null", f"model:\n  {nested}\n  {place}: *a{depth - 1}")
    return Case(text.encode(), named=[FILE, "a0", place])


def shared_section(rng: random.Random) -> Case:
    """One section by anchor and alias in two places, and an override of one of them."""
    text = text_of({**SETTINGS, "rationale": "A", "answer": "B"})
    text = text.replace("rationale: A", "rationale: &r {max_steps: 3}")
    text = text.replace("answer: B", rng.choice(["answer: *r", "answer: {<<: *r, max_steps: 5}", "answer: *q"]))
    return Case(text.encode(), rng.choice([[], ["--answer.max_steps", "9"]]), [FILE])


def wrong_key(rng: random.Random) -> Case:
    """A key that no recipe has, at any depth."""
    key = any_key(rng)
    *sections, name = key.split(".")
    wrong = rng.choice(
        [name + "s", name[1:] + "x", name.upper(), name.replace("_", "-") + "-", f"{name}:", " ", "1", "null", "é"]
    )
    settings = deepcopy(SETTINGS)
    target = settings
    for section in sections:
        target = target.setdefault(section, {})
    target[wrong] = 1
    if sections and sections[0] in ("data", "model") and rng.random() < 0.3:
        settings[sections[0]]["text_config"] = None
    text = text_of(settings)
    if rng.random() < 0.3:
        text = text.replace(
            f"{wrong}: 1", rng.choice(["1: 1", "null: 1", "[a]: 1", "2024-01-01: 1", "true: 1", "? x"])
        )
        return Case(text.encode(), named=[FILE, wrong, "1", "x", "a", "null"])
    return Case(text.encode(), named=[FILE, wrong, wrong.strip(), repr(wrong), *sections])


MAKERS: list[Callable[[random.Random], Case]] = [
    *[bad_value_in_file] * 4,
    *[bad_value_in_override] * 4,
    *[bad_override] * 2,
    *[damaged_text] * 2,
    wrong_section,
    wrong_key,
    bad_bytes,
    bomb,
    shared_section,
]


def outcome(case: Case, folder: Path) -> str:
    """What reading a case comes to: `recipe`, `refused` in one line that names the place, or what is wrong with it."""
    path = folder / FILE
    if case.content is None:
        path = folder / "folder.yaml"
        path.mkdir(exist_ok=True)
        case.named.append(path.name)
    else:
        path.write_bytes(case.content)
    try:
        recipe = load_recipe(path, case.overrides)
    except RecipeError as error:
        return judge(str(error), case.named)
    except Exception as error:  # whatever it is, it would end in a traceback
        return f"traceback {type(error).__name__}"
    path.write_text(yaml.safe_dump(recipe.settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    try:
        return "recipe" if load_recipe(path) == recipe else "read back as another"
    except Exception as error:
        return f"not read back: {error}"


def judge(message: str, named: list[str]) -> str:
    """Whether a refusal is one line of bounded length that names the place."""
    if len(message.splitlines()) != 1 or not message.isprintable():
        return "not one line"
    if len(message) > LONGEST_LINE:
        return "long"
    return "refused" if any(name.lower() in message.lower() for name in named if name) else "nameless"
