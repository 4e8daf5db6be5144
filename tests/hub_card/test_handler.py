"""An Inference Endpoint: the handler of a folder serves it where `mmcot` cannot be imported, JSON in and JSON out."""

import base64
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import requires

import pytest
from PIL import Image

from mmcot.configuration.repository import open_folder
from mmcot.hub_card.contents import planned_files
from mmcot.hub_card.endpoint import NEEDED, add_endpoint

from ..remote_process import run_without_mmcot


SERVE = """
import importlib.util
spec = importlib.util.spec_from_file_location("handler", task["folder"] + "/handler.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
handler = module.EndpointHandler(task["folder"])
result["answers"] = []
for request in task["requests"]:
    try:
        result["answers"].append(json.loads(json.dumps(handler(request))))
    except ValueError as error:
        result["answers"].append(str(error))
"""
QUESTION = {"question": "Which colour has the ball?", "choices": ["green", "red"], "context": "Look at the ball."}
WRONG = [
    ([], "Send {'inputs': "),
    ({"question": "Which?"}, "Send {'inputs': "),
    ({"inputs": "Which colour?"}, "Each input is a mapping with 'question'"),
    ({"inputs": {"question": "Which?", "choices": "red"}}, "choices"),
    ({"inputs": QUESTION | {"image": "/etc/passwd"}}, "'image' is '/etc/passwd', neither base64 nor an address"),
    ({"inputs": QUESTION | {"image": "picture.png"}}, "neither base64 nor an address"),
    ({"inputs": QUESTION | {"image": base64.b64encode(b"no picture").decode()}}, "The picture of 10 bytes"),
    ({"inputs": QUESTION | {"image": {"path": "/etc/passwd"}}}, "'image' is a text: a picture file in base64"),
    ({"inputs": QUESTION, "parameters": [1]}, "'parameters' is a mapping"),
    ({"inputs": QUESTION, "parameters": {"custom_generate": "org/code"}}, "'custom_generate' is no parameter"),
    ({"inputs": QUESTION, "parameters": {"max_new_tokens": "many"}}, "max_new_tokens"),
    ({"inputs": [QUESTION, {"question": ""}]}, "inputs[1]: "),
]


@pytest.fixture(scope="module")
def picture():
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def address(picture):
    """Of a server on this machine that has the picture."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/picture.png"
        server.shutdown()


@pytest.fixture(scope="module")
def served(make_folder, picture, address, tmp_path_factory):
    """What the endpoint says to requests with the picture in each form, and to those that are wrong."""
    root = tmp_path_factory.mktemp("endpoint")
    folder = make_folder(root / "tiny")
    add_endpoint(open_folder(folder))
    plain = base64.b64encode(picture).decode()
    forms = [plain, f"data:image/png;base64,{plain}", address, [plain]]
    requests = [{"inputs": QUESTION | {"image": form}, "parameters": {"max_new_tokens": 4}} for form in forms]
    requests += [{"inputs": QUESTION}, {"inputs": [QUESTION, QUESTION | {"image": plain}]}]
    (root / "picture.png").write_bytes(picture)
    task = {"question": QUESTION, "picture": str(root / "picture.png"), "folder": str(folder)}
    home = tmp_path_factory.mktemp("home")
    return run_without_mmcot(SERVE, home, **task, requests=requests + [request for request, _ in WRONG])["answers"]


@pytest.mark.slow
def test_picture_comes_in_every_form(served):
    first = served[0]
    assert {"rationale", "answer", "choice", "scores", "parsed"} <= first.keys()
    assert all(answer == first for answer in served[1:4])


@pytest.mark.slow
def test_question_may_have_no_picture_and_be_one_of_many(served):
    assert isinstance(served[4]["answer_text"], str)
    assert len(served[5]) == 2
    assert served[5][0]["answer_text"] == served[4]["answer_text"]
    assert served[5][1]["rationale"].startswith(served[0]["rationale"])  # which had fewer tokens


@pytest.mark.slow
@pytest.mark.parametrize("position", range(len(WRONG)), ids=lambda position: WRONG[position][1])
def test_bad_request_is_answered_with_what_to_send(position, served):
    assert WRONG[position][1] in served[6 + position]
    assert "\n" not in served[6 + position]


def test_packages_are_those_that_mmcot_needs():
    assert NEEDED[0] in requires("mmcot")


def test_handler_is_published(make_folder, make_adapters, tmp_path):
    for make, packages in ((make_folder, "pillow\n"), (make_adapters, "pillow\npeft\n")):
        folder = make(tmp_path / make.__name__ / packages.strip().replace("\n", "-"))
        add_endpoint(open_folder(folder))
        assert {"handler.py", "requirements.txt"} <= dict(planned_files(folder)).keys()
        assert (folder / "requirements.txt").read_text().endswith(packages)
        (folder / "handler.py").write_text("print('of another hand')")
        assert "handler.py" not in dict(planned_files(folder))
