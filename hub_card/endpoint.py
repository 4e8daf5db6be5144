"""What an Inference Endpoint of the Hub needs of a repository to serve it: a handler, and the packages to install."""

from pathlib import Path

from ..configuration.repository import Repository


HANDLER = Path(__file__).with_name("handler.py")
NEEDED = ["transformers>=5.20", "torch", "pillow"]


def add_endpoint(repository: Repository) -> None:
    """Puts both into a folder."""
    for name, content in endpoint_files(repository).items():
        (repository.folder / name).write_bytes(content)


def own_endpoint_files(repository: Repository) -> list[str]:
    """Names of those that are in a folder as this package writes them, not of another hand."""
    folder = repository.folder
    return [
        name
        for name, content in endpoint_files(repository).items()
        if (folder / name).is_file() and (folder / name).read_bytes() == content
    ]


def endpoint_files(repository: Repository) -> dict[str, bytes]:
    """The content of both, by name."""
    needed = [*NEEDED, *(["peft"] if repository.has_adapters else [])]
    return {HANDLER.name: HANDLER.read_bytes(), "requirements.txt": "".join(f"{line}\n" for line in needed).encode()}
