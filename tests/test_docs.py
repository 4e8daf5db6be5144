"""The pages that show the way name nothing that is not there, and leave out no folder."""

import configparser
import re
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"]
# A path in back quotes: it has a slash or an ending, and is no command, address or place in somebody's own folder.
NAMED = re.compile(r"`((?:[\w*-]+/)+(?:[\w*-]+\.(?:py|yaml|md|png))?|[\w-]+\.(?:py|md|toml|cfg))`")
OF_USERS = ("answer/", "runs/")

pytestmark = pytest.mark.skipif(not PAGES[-1].is_file(), reason="needs the whole checkout, not the tests alone")


def folders():
    """The package's folders, as the installation knows them."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    packages = parser["options"]["packages"].split()
    return [name.partition(".")[2].replace(".", "/") for name in packages if "." in name]


def tree(page):
    """The entries of a page's file tree: what stands before two or more spaces, in a block without language."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    block = next(block for language, block in blocks if not language and "modeling_mmcot/  " in block)
    return [
        entry for line in block.splitlines() for entry in re.split(r"\s{2,}", line) if re.fullmatch(r"[\w-]+/", entry)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page):
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    lost = [path for path in sorted(named) if not path.startswith(OF_USERS) and not any(ROOT.glob(path))]
    assert not lost, f"{page.name} names {', '.join(lost)}"


@pytest.mark.parametrize("page", [PAGES[0], PAGES[-1]], ids=lambda page: page.name)
def test_the_file_tree_names_every_folder_and_no_other(page):
    named = tree(page)
    assert all((ROOT / entry).is_dir() for entry in named)
    assert {name for name in folders() if "/" not in name} <= {entry.rstrip("/") for entry in named}


def test_the_tests_mirror_the_folders():
    own = {"golden", "hub", "hostile", "kill", "library_suites"}
    there = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert there - own <= {name for name in folders() if "/" not in name}
