"""Repositories as git and the Hub name their parts, kept in memory; [`hub_server`] serves them."""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml


MAIN = "main"


class HubError(Exception):
    """An answer that is no success.

    Args:
        status: of HTTP.
        code: what the client makes its exception from, in `X-Error-Code`.
        message: for a person.
        body: further fields of the answer.
    """

    def __init__(self, status: int, code: str | None = None, message: str = "", **body):
        super().__init__(message)
        self.status, self.code, self.message, self.body = status, code, message, body
        self.headers = {}


def git_oid(kind: str, content: bytes) -> str:
    """Name of an object in git."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()


@dataclass(frozen=True)
class File:
    """A file of one commit; of an LFS file git holds a pointer."""

    content: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        if not self.is_lfs:
            return git_oid("blob", self.content)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        return git_oid("blob", pointer.encode())

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.oid


def tree_oids(files: Mapping[str, File], folder: str = "") -> dict[str, str]:
    """The names in git of a folder and of all folders in it, by path."""
    oids, entries = {}, {}
    for path in (path for path in files if path.startswith(folder)):
        name, _, below = path[len(folder) :].partition("/")
        if below and name + "/" not in entries:
            oids |= tree_oids(files, f"{folder}{name}/")
            entries[name + "/"] = f"40000 {name}\0".encode() + bytes.fromhex(oids[f"{folder}{name}"])
        elif not below:
            entries[name] = f"100644 {name}\0".encode() + bytes.fromhex(files[path].oid)
    oids[folder.rstrip("/")] = git_oid("tree", b"".join(entries[name] for name in sorted(entries)))
    return oids


@dataclass
class Repository:
    """A model's repository: references to commits, and the files of each commit."""

    name: str
    private: bool
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    log: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def commit(self, ref: str, files: dict[str, File], title: str, parent: str | None) -> str:
        """Adds a commit and moves a reference to it."""
        lines = [f"tree {tree_oids(files)['']}", *([f"parent {parent}"] if parent else [])]
        person = f"hub <hub@localhost> {int(time.time())} +0000"
        text = "\n".join([*lines, f"author {person}", f"committer {person}", "", title])
        oid = git_oid("commit", text.encode())
        self.refs[ref], self.commits[oid], self.log[oid] = oid, files, (parent, title)
        return oid

    def resolve(self, revision: str) -> str:
        """The commit that a branch, a reference or a commit's own name stands for."""
        oid = self.refs.get(revision, revision)
        if oid not in self.commits:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return oid

    def card(self, oid: str) -> dict:
        """The metadata of the model card."""
        readme = self.commits[oid].get("README.md", File(b"", False)).content.decode()
        return front_matter(readme)


def front_matter(readme: str) -> dict:
    """What stands between the dashes at the top of a card."""
    parts = re.split(r"^---\s*$", readme, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else {}


def describe(path: str, file: File) -> dict:
    """A file as the listing of a tree shows it."""
    entry = {"type": "file", "path": path, "oid": file.oid, "size": len(file.content)}
    if file.is_lfs:
        entry["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": 127}
    return entry
