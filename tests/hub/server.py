"""A small Hub on loopback: what the client of the Hub asks for, answered as the Hub answers it, and kept in memory.

Models only, over plain HTTP and basic LFS: clients need `HF_HUB_DISABLE_XET=1`. As on the Hub, the objects of LFS lie
on another origin (here, another port), and every answer about a file belongs to one commit.
"""

import base64
import json
import re
import threading
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml

from .repository import MAIN, File, HubError, Repository, describe, front_matter, tree_oids
from .storage import Handler, StorageHandler


# Token -> whose it is and what it may do; organisation -> who writes there.
USERS = {"hf_owner": ("owner", "write"), "hf_reader": ("owner", "read"), "hf_other": ("other", "write")}
ORGANISATIONS = {"org": {"owner"}}
LFS_SUFFIXES = (".safetensors", ".bin", ".png")


class HubServer:
    """The server, in threads of the process that makes it; a context manager.

    Attributes:
        url: what a client's `HF_ENDPOINT` has to be.
        requests: method and path of everything that was asked, storage included.
        repositories: by name.
        objects: what was uploaded to the storage of LFS, by sha256.
        refusals: what to answer to requests below a path, in place of what they ask for.
        interrupted: set when a transfer was cut.
    """

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.refusals: dict[str, HubError] = {}
        self.interrupted = threading.Event()
        self.lock = threading.RLock()
        self._cut: tuple[str, int] | None = None
        self._servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"hub": self}))
            for handler in (HubHandler, StorageHandler)
        ]
        self.url, self.storage_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def __enter__(self) -> "HubServer":
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.close_storage()
        self._servers[0].shutdown()
        self._servers[0].server_close()

    def close_storage(self) -> None:
        """Ends the second port for good."""
        self._servers[1].shutdown()
        self._servers[1].server_close()

    def cut(self, method: str, after: int = 0) -> None:
        """Cuts a transfer (`PUT` or `GET`) of the storage half-way, once, when `after` others went through."""
        self.interrupted.clear()
        self._cut = (method, after)

    def is_cut(self, method: str) -> bool:
        """Whether the transfer that begins now is to be cut."""
        with self.lock:
            if self._cut is None or self._cut[0] != method:
                return False
            after = self._cut[1]
            self._cut = (method, after - 1) if after else None
            return after == 0

    def files(self, name: str, revision: str = MAIN) -> dict[str, bytes]:
        """The files of a commit as they are, for a test to look at."""
        repository = self.repositories[name]
        return {path: file.content for path, file in repository.commits[repository.resolve(revision)].items()}


class HubHandler(Handler):
    """The first port: the Hub's interface."""

    def answer(self):
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        with self.hub.lock:
            self.hub.requests.append((self.command, self.path))
            try:
                status, body, headers = self._route(url.path)
            except HubError as error:
                status, body = error.status, {"error": error.message, **error.body}
                headers = {"X-Error-Message": error.message, **error.headers}
                headers |= {"X-Error-Code": error.code} if error.code else {}
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        self.reply(status, body, headers)

    do_GET = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

    def _route(self, path: str):
        command = "GET" if self.command == "HEAD" else self.command
        for refused, error in self.hub.refusals.items():
            if path.startswith(refused):
                raise error
        for method, pattern, action in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == command:
                parts = {name: unquote(part) for name, part in match.groupdict().items() if part is not None}
                result = action(self, **parts)
                return result if isinstance(result, tuple) else (200, result, {})
        raise HubError(404, None, f"There is no {path}")

    # Who asks, and what they may do.

    def user(self) -> tuple[str, str] | None:
        """Name and right of who asks; nobody without a token."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in USERS:
            raise HubError(401, None, "Invalid credentials in Authorization header")
        return USERS.get(token)

    def writes_in(self, namespace: str) -> bool:
        """Whether who asks belongs to a namespace."""
        user = self.user()
        return user is not None and (user[0] == namespace or user[0] in ORGANISATIONS.get(namespace, ()))

    def require_write(self, namespace: str) -> None:
        if self.user() is None:
            raise HubError(401, None, "Invalid username or password.")
        if not self.writes_in(namespace) or self.user()[1] != "write":
            raise HubError(403, None, f"You don't have the rights to create a model under the namespace {namespace}")

    def repository(self, name: str, write: bool = False) -> Repository:
        """A repository that who asks may see, or change."""
        repository, namespace = self.hub.repositories.get(name), name.partition("/")[0]
        if repository is None or (repository.private and not self.writes_in(namespace)):
            raise HubError(401 if self.user() is None else 404, "RepoNotFound", "Repository not found")
        if write and "create_pr" not in self.query:
            self.require_write(namespace)
        return repository

    # Actions, one per route.

    def whoami(self):
        if self.user() is None:
            raise HubError(401, None, "Invalid username or password.")
        return {"type": "user", "name": self.user()[0], "orgs": [], "auth": {"accessToken": {"role": self.user()[1]}}}

    def validate_yaml(self):
        try:
            front_matter(json.loads(self.body)["content"])
        except yaml.YAMLError as error:
            raise HubError(400, None, "Bad card", errors=[{"message": str(error)}], warnings=[]) from error
        return {"errors": [], "warnings": []}

    def create(self):
        asked = json.loads(self.body)
        namespace = asked.get("organization") or (self.user() or ("",))[0]
        self.require_write(namespace)
        name = f"{namespace}/{asked['name']}"
        url = f"{self.hub.url}/{name}"
        if name in self.hub.repositories:
            raise HubError(409, None, "You already created this model repo", url=url)
        repository = Repository(name, private=asked.get("visibility") == "private")
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
        repository.commit(MAIN, {".gitattributes": File(attributes.encode(), False)}, "initial commit", None)
        self.hub.repositories[name] = repository
        return {"url": url, "name": name, "private": repository.private}

    def delete(self):
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or (self.user() or ('',))[0]}/{asked['name']}"
        self.repository(name, write=True)
        del self.hub.repositories[name]
        return {}

    def info(self, repo: str, revision: str = MAIN):
        repository = self.repository(repo)
        oid = repository.resolve(revision)
        card = repository.card(oid)
        return {
            "id": repo,
            "modelId": repo,
            "author": repo.partition("/")[0],
            "sha": oid,
            "private": repository.private,
            "gated": False,
            "disabled": False,
            "tags": card.get("tags", []),
            "pipeline_tag": card.get("pipeline_tag"),
            "library_name": card.get("library_name"),
            "cardData": card,
            "siblings": [{"rfilename": path} for path in sorted(repository.commits[oid])],
        }

    def list_refs(self, repo: str):
        refs = self.repository(repo).refs.items()
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": oid}
            for name, oid in refs
            if not name.startswith("refs/")
        ]
        requests = [{"name": name, "ref": name, "targetCommit": oid} for name, oid in refs if name.startswith("refs/")]
        return {"branches": branches, "converts": [], "tags": [], "pullRequests": requests}

    def list_commits(self, repo: str, revision: str):
        repository = self.repository(repo)
        oid, commits = repository.resolve(revision), []
        while oid:
            parent, title = repository.log[oid]
            date = "2026-01-01T00:00:00.000Z"
            commits.append({"id": oid, "title": title, "message": "", "authors": [], "date": date})
            oid = parent
        return 200, commits, {"X-Total-Count": str(len(commits))}

    def tree(self, repo: str, revision: str, path: str = ""):
        repository = self.repository(repo)
        files = repository.commits[repository.resolve(revision)]
        prefix = path.rstrip("/") + "/" if path else ""
        if prefix and not any(name.startswith(prefix) for name in files):
            raise HubError(404, "EntryNotFound", f"{path} does not exist on {revision}")
        recursive = self.query.get("recursive", ["false"])[0].lower() == "true"

        def shown(name: str) -> bool:
            return name.startswith(prefix) and name != prefix and (recursive or "/" not in name[len(prefix) :])

        folders = [
            {"type": "directory", "path": name, "oid": oid, "size": 0}
            for name, oid in sorted(tree_oids(files).items())
            if name and shown(name) and name + "/" != prefix
        ]
        return [*folders, *(describe(name, file) for name, file in sorted(files.items()) if shown(name))]

    def preupload(self, repo: str, revision: str):
        repository = self.repository(repo, write=True)
        files = repository.commits[repository.resolve(revision)]
        return {
            "files": [
                {
                    "path": asked["path"],
                    "uploadMode": "lfs" if asked["path"].endswith(LFS_SUFFIXES) else "regular",
                    "shouldIgnore": False,
                    "oid": files[asked["path"]].etag if asked["path"] in files else None,
                }
                for asked in json.loads(self.body)["files"]
            ]
        }

    def lfs_batch(self, repo: str):
        self.repository(repo)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            known = asked["oid"] in self.hub.objects
            actions = {} if known else {"upload": {"href": f"{self.hub.storage_url}/{asked['oid']}", "header": {}}}
            objects.append({**asked, "authenticated": True, **({"actions": actions} if actions else {})})
        return {"transfer": "basic", "objects": objects}

    def commit(self, repo: str, revision: str):
        repository = self.repository(repo, write=True)
        if revision not in repository.refs:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        parent = repository.refs[revision]
        header, *operations = (json.loads(line) for line in self.body.splitlines() if line.strip())
        if header["value"].get("parentCommit", parent) != parent:
            raise HubError(412, None, "A commit has happened since. Please refresh and try again.")
        files = dict(repository.commits[parent])
        for operation in operations:
            self._apply(operation["key"], operation["value"], files)
        requests = sum(name.startswith("refs/pr/") for name in repository.refs)
        ref = f"refs/pr/{requests + 1}" if "create_pr" in self.query else revision
        oid = repository.commit(ref, files, header["value"]["summary"], parent)
        answer = {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/{repo}/commit/{oid}"}
        if ref != revision:
            answer["pullRequestUrl"] = f"{self.hub.url}/{repo}/discussions/{requests + 1}"
        return answer

    def _apply(self, key: str, value: dict, files: dict[str, File]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = File(base64.b64decode(value["content"]), False)
        elif key == "lfsFile":
            if value["oid"] not in self.hub.objects:
                raise HubError(400, None, f"The object of {path} was never uploaded")
            files[path] = File(self.hub.objects[value["oid"]], True)
        else:
            gone = [name for name in files if name == path or (key == "deletedFolder" and name.startswith(path))]
            if not gone:
                raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
            for name in gone:
                del files[name]

    def branch(self, repo: str, revision: str):
        repository = self.repository(repo, write=True)
        if revision in repository.refs:
            raise HubError(409, None, "Reference already exists")
        if revision.startswith("refs/"):
            raise HubError(400, None, "Invalid reference for a branch")
        repository.refs[revision] = repository.resolve(json.loads(self.body or b"{}").get("startingPoint") or MAIN)
        return {}

    def resolve(self, repo: str, revision: str, path: str):
        repository = self.repository(repo)
        oid = repository.resolve(revision)
        headers = {"X-Repo-Commit": oid}
        file = repository.commits[oid].get(path)
        if file is None:
            error = HubError(404, "EntryNotFound", "Entry not found")
            error.headers = headers
            raise error
        if not file.is_lfs:
            return 200, file.content, {**headers, "ETag": f'"{file.etag}"'}
        linked = {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.content))}
        location = f"{self.hub.storage_url}/{file.sha256}?name={quote(path)}"
        return 302, b"", {**headers, **linked, "Location": location}


REPO, REVISION, PATH = r"(?P<repo>[^/]+/[^/]+)", r"(?P<revision>[^/]+)", r"(?P<path>.+)"
ROUTES = (
    ("GET", "/api/whoami-v2", HubHandler.whoami),
    ("POST", "/api/validate-yaml", HubHandler.validate_yaml),
    ("POST", "/api/repos/create", HubHandler.create),
    ("DELETE", "/api/repos/delete", HubHandler.delete),
    ("GET", f"/api/models/{REPO}", HubHandler.info),
    ("GET", f"/api/models/{REPO}/auth-check/write", lambda handler, repo: handler.repository(repo, write=True) and {}),
    ("GET", f"/api/models/{REPO}/revision/{REVISION}", HubHandler.info),
    ("GET", f"/api/models/{REPO}/refs", HubHandler.list_refs),
    ("GET", f"/api/models/{REPO}/commits/{REVISION}", HubHandler.list_commits),
    ("GET", f"/api/models/{REPO}/tree/{REVISION}(?:/{PATH})?", HubHandler.tree),
    ("POST", f"/api/models/{REPO}/preupload/{REVISION}", HubHandler.preupload),
    ("POST", f"/{REPO}\\.git/info/lfs/objects/batch", HubHandler.lfs_batch),
    ("POST", f"/api/models/{REPO}/commit/{REVISION}", HubHandler.commit),
    ("POST", f"/api/models/{REPO}/branch/{REVISION}", HubHandler.branch),
    ("GET", f"/{REPO}/resolve/{REVISION}/{PATH}", HubHandler.resolve),
)
