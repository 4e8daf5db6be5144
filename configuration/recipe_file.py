"""The settings of a recipe file and of the command line, read as plain data. Importing this is quick."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .annotations import RecipeError, shown
from .yaml_text import parse_yaml, shortened


LARGEST_FILE = 200_000  # bytes
# The key that names a trained folder to go on from, and the keys of `model` for what that brings along.
ORIGIN = "model.from"
BROUGHT_ALONG = (
    *("text_model", "text_config", "tokenizer", "vocab_size", "vision_model", "vision_config", "image_size"),
    "fast_start",
)


def read_settings(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The settings in a recipe file, of today or older, as plain data; only their YAML is checked.

    Args:
        path: YAML file.
        overrides: words of the command line, `--section.key value`, which replace what the file says.

    Raises:
        RecipeError: for a file that is absent, unreadable, no YAML, or holds something else than settings.
    """
    name = shortened(str(path), 300)
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise RecipeError(f"There is no recipe {name}; give the path of a YAML file.") from None
    except IsADirectoryError:
        raise RecipeError(f"{name} is a folder; give the path of a YAML file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"Cannot read the recipe {name}: {reason}. Give the path of a YAML file.") from error
    if len(content) > LARGEST_FILE:
        raise RecipeError(f"{name} is larger than {LARGEST_FILE // 1000} kB, so it is no recipe; give a YAML file.")
    try:
        settings = parse_yaml(content)
    except ValueError as error:
        raise RecipeError(f"{name} is not valid YAML: {error}.") from None
    if not isinstance(settings, dict):
        raise RecipeError(f"{name} must hold 'key: value' lines.")
    apply_overrides(settings, overrides)
    return settings


def apply_overrides(settings: dict[str, Any], overrides: Sequence[str]) -> None:
    """Puts `--section.key value` words into the settings; a value is read as YAML.

    A trained folder named there takes the place of all parts of a model that the file names.
    """
    pairs = list(override_pairs(overrides))
    if ORIGIN in dict(pairs) and isinstance(settings.get("model"), dict):
        settings["model"] = {key: value for key, value in settings["model"].items() if key not in BROUGHT_ALONG}
    for key, text in pairs:
        *sections, name = key.split(".")
        target = settings
        for depth, section in enumerate(sections, start=1):
            if target.get(section) is None:
                target[section] = {}
            target = target[section]
            if not isinstance(target, dict):
                parent = ".".join(sections[:depth])
                raise RecipeError(f"--{shortened(key)}: {parent} is {shown(target)}, no section with keys in it.")
        try:
            target[name] = parse_yaml(text)
        except ValueError as error:
            example = f"--{key} '\"some text\"'"
            raise RecipeError(f"--{key} {shown(text)}: not valid YAML: {error}. Quote a text: {example}.") from None


def override_pairs(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Key and value of each override, which come as `--key value` or as `--key=value`."""
    words = iter(overrides)
    for word in words:
        key, equals, value = word.partition("=")
        text = value if equals else next(words, "--")
        if not key.startswith("--") or not all(key[2:].split(".")) or (not equals and text.startswith("--")):
            given = shown(" ".join(overrides))
            raise RecipeError(f"Overrides come as --key value pairs; cannot read {given} from {shown(word)} on.")
        yield key[2:], text
