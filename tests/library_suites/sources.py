"""transformers' own tests, out of the source archive of the version that is installed. None of them is kept here."""

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from PIL import Image


PACKAGE = "library_tests"
# Needed by their tests alone, so no dependency of ours.
PARAMETERIZED = "parameterized==0.9.0"
# What their tests import and the archive leaves out: two suites that are not run here, settings that no composite
# configuration is tried with, and a function that finds the pictures of their continuous integration.
STAND_INS = {
    f"{PACKAGE}/exporters/test_export.py": "class ExportTesterMixin:\n    pass\n",
    f"{PACKAGE}/generation/test_utils.py": "class GenerationTesterMixin:\n    pass\n",
    f"{PACKAGE}/utils/test_configuration_utils.py": "config_common_kwargs = {}\n",
    "utils/fetch_hub_objects_for_ci.py": (
        "from pathlib import Path\n\n\n"
        "def url_to_local_path(url):\n"
        "    return str(Path(__file__).with_name('picture.png'))\n"
    ),
}


class NoRegistryError(Exception):
    """The package registry has no such archive, or there is none."""


def fetch_library_tests(folder: Path) -> None:
    """Puts transformers' tests into `folder` as the package `library_tests`, with all that they import.

    Raises:
        NoRegistryError: with pip's last words.
    """
    # Nothing is built. Without isolation pip asks the archive for its version in seconds, and fetches nothing else.
    transformers = f"transformers=={version('transformers')}"
    pip("download", "--no-deps", "--no-build-isolation", "--no-binary=:all:", "--dest", str(folder), transformers)
    pip("install", "--no-deps", "--target", str(folder), PARAMETERIZED)
    archive = next(folder.glob("transformers-*.tar.gz"))
    with tarfile.open(archive) as opened:
        for member in opened:
            path = Path(member.name)
            if path.parts[1:2] == ("tests",) and path.suffix == ".py":
                write(folder / PACKAGE / Path(*path.parts[2:]), opened.extractfile(member).read().decode())
    for name, text in STAND_INS.items():
        write(folder / name, text)
    for package in {Path(name).parent for name in STAND_INS} | {Path(PACKAGE)}:
        write(folder / package / "__init__.py", "")
    Image.effect_noise((64, 48), 80).convert("RGB").save(folder / "utils" / "picture.png")


def pip(*arguments: str) -> None:
    """Runs pip, in silence."""
    done = subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise NoRegistryError(done.stderr.strip().splitlines()[-1])


def write(path: Path, text: str) -> None:
    """Writes a file, in a folder that may be new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
