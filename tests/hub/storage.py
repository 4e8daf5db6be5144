"""The storage of large files beside the small Hub, and what the handlers of both have in common."""

import hashlib
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    """What both ports share: whole bodies in, whole answers out."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class StorageHandler(Handler):
    """The second port: objects by their sha256, as on the Hub's content network."""

    def do_PUT(self):  # noqa: N802
        self.hub.requests.append((self.command, self.path))
        oid, size = urlsplit(self.path).path.strip("/"), int(self.headers["Content-Length"])
        with self.hub.lock:  # one after the other, so that `cut` knows what went through
            if self.hub.is_cut("PUT"):
                self.rfile.read(size // 2)
                return self._break()
            content = self.rfile.read(size)
            if hashlib.sha256(content).hexdigest() != oid:  # the client is gone
                self.close_connection = True
                return None
            self.hub.objects[oid] = content
        return self.reply(200, b"", {"ETag": f'"{oid}"'})

    def do_GET(self):  # noqa: N802
        self.hub.requests.append((self.command, f"{self.path} {self.headers.get('Range', '')}".strip()))
        content = self.hub.objects[urlsplit(self.path).path.strip("/")]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        start, end = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
        headers = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end}/{len(content)}"}
        if self.hub.is_cut("GET"):
            self.reply(200, content[: len(content) // 2], {"Content-Length": str(len(content))})
            return self._break()
        is_part = start > 0 or end < len(content) - 1
        return self.reply(206 if is_part else 200, content[start : end + 1], headers if is_part else {})

    do_HEAD = do_GET  # noqa: N815

    def _break(self):
        self.wfile.flush()
        self.close_connection = True
        self.hub.interrupted.set()
