"""Settings as YAML text: the numbers, words, lists and sections of YAML 1.2, of bounded size, and nothing else."""

import math
import re
from typing import Any

import yaml


MOST_VALUES = 10_000  # with every alias written out
DEEPEST = 50  # sections and lists inside each other
LARGEST = 2**63  # numbers are smaller than this
TAG = "tag:yaml.org,2002:"
# What an unquoted word means, and the characters it may begin with.
MEANINGS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|0b[01]+|[0-9][0-9_]*)", list("-+0123456789")),
    "float": (r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?", list("-+0123456789.")),
    "merge": (r"<<", ["<"]),
}


def parse_yaml(text: str | bytes) -> Any:
    """What a YAML text says, in dictionaries with text as keys, lists, texts, numbers, booleans and `None`.

    As in YAML 1.2, `1e-3` is a number, and `no`, `12:30` and `2024-01-01` are words. As in JSON, every key is a text.

    Raises:
        ValueError: for a text that is no YAML, is larger than a recipe can be, or says something twice; one line that
            begins with the place.
    """
    try:
        return without_sharing(SettingsLoader(text).get_single_data())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = ", ".join(filter(None, [error.context, error.problem]))
        raise ValueError(place + shortened(problem, 300)) from None
    except yaml.reader.ReaderError as error:
        raise ValueError(f"character {error.position + 1}: {error.reason}") from None
    except (ValueError, OverflowError):  # of an escape such as "\UFFFFFFFF"
        raise ValueError("a character that no text can hold") from None


def format_yaml(settings: dict[str, Any]) -> str:
    """Settings as a text that [`parse_yaml`] and every other YAML reader understand as the same settings."""
    return yaml.dump(settings, Dumper=SettingsDumper, sort_keys=False, allow_unicode=True)


def without_sharing(value: Any) -> Any:
    """A copy in which every alias has become a value of its own, so that a change of one does not change the other."""
    if isinstance(value, dict):
        return {key: without_sharing(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_sharing(entry) for entry in value]
    return value


def fault(problem: str, where: Any) -> yaml.MarkedYAMLError:
    """An error where an event or a node of the text begins."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


class SettingsLoader(yaml.SafeLoader):
    """Reads plain settings, and counts while it does so: a few lines of aliases can stand for terabytes."""

    yaml_implicit_resolvers: dict = {}

    def __init__(self, text: str | bytes):
        super().__init__(text)
        self.depth = 0
        self.values = 0
        self.sizes: dict[yaml.Node | None, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event, before = self.peek_event(), self.values
        if getattr(event, "tag", None) is not None:
            raise fault(f"the tag {event.tag} is not read here; leave it out, or put a text in quotes", event)
        if self.depth == DEEPEST:
            raise fault(f"more than {DEEPEST} sections and lists inside each other", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if not isinstance(event, yaml.AliasEvent):
            self.values += 1
            self.sizes[node] = self.values - before
        elif node in self.sizes:
            self.values += self.sizes[node]
        else:
            raise fault(f"the alias *{event.anchor} stands inside of what it repeats", event)
        if self.values > MOST_VALUES:
            raise fault(f"more than {MOST_VALUES} values, which no recipe has", event)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for position, (key, value) in enumerate(node.value):
            if not isinstance(key, yaml.ScalarNode):
                raise fault("a list or section cannot be a key; give a word", key)
            if key.value in seen:
                raise fault(f"the key {shortened(key.value)!r} is there twice; remove one", key)
            seen.add(key.value)
            if key.tag != TAG + "merge":
                node.value[position] = yaml.ScalarNode(TAG + "str", key.value, key.start_mark, key.end_mark), value
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if "\0" in node.value or re.search("[\ud800-\udfff]", node.value):
            raise fault("a character that no text can hold", node)
        return node

    def construct_word(self, node: yaml.ScalarNode) -> str:
        return node.value

    def construct_int(self, node: yaml.ScalarNode) -> int:
        text = node.value.replace("_", "")
        base = {"0x": 16, "0o": 8, "0b": 2}.get(text.lstrip("+-")[:2].lower(), 10)
        if len(text) > 70 or not -LARGEST < int(text, base) < LARGEST:
            raise fault(f"the number {shortened(text)} is too large", node)
        return int(text, base)

    def construct_float(self, node: yaml.ScalarNode) -> float:
        number = float(node.value)
        if not math.isfinite(number):
            raise fault(f"the number {shortened(node.value)} is too large", node)
        return number


class SettingsDumper(yaml.SafeDumper):
    """Quotes every text that readers of YAML 1.1 or 1.2 would take for something else."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        # Between other quotes, and without any, these line breaks would come back as spaces.
        style = '"' if re.search("[\x85\u2028\u2029]", text) else None
        return self.represent_scalar(TAG + "str", text, style=style)


def shortened(text: str, longest: int = 60) -> str:
    """A text as a message can show it: with dots in place of what is too long, with escapes for what is invisible."""
    text = text if len(text) <= longest else text[: longest - 3] + "..."
    return text if text.isprintable() else ascii(text)[1:-1]


for name, (pattern, beginnings) in MEANINGS.items():
    for reader in (SettingsLoader, SettingsDumper):
        reader.add_implicit_resolver(TAG + name, re.compile(f"^({pattern})$"), beginnings)
SettingsLoader.add_constructor(TAG + "int", SettingsLoader.construct_int)
SettingsLoader.add_constructor(TAG + "float", SettingsLoader.construct_float)
SettingsDumper.add_representer(str, SettingsDumper.represent_str)
SettingsLoader.add_constructor(TAG + "merge", SettingsLoader.construct_word)  # where it is no key
