"""The page in a real browser, headless."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from PIL import Image


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("gradio") is None, reason="the page needs the extra `demo`"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]

SECONDS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_processor, make_two_stages):
    """A trained folder of random models, calibrated, and a picture."""
    folder = tmp_path_factory.mktemp("page") / "model"
    pipe = make_two_stages(new_processor(), temperature=2.0)
    for model, length in ((pipe.model, 40), (pipe.answer_model, 12)):
        model.generation_config.max_new_tokens = length
    pipe.save_pretrained(folder)
    picture = Image.new("RGB", (64, 48), "red")
    picture.paste("blue", (0, 0, 20, 48))
    picture.save(folder.parent / "picture.png")
    (folder.parent / "notes.png").write_text("This is no picture.")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Of the page, served by the command in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mmcot.cli", "demo", "--model", str(folder), "--port", str(port), "--mcp"]
    with (folder.parent / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def wait_for(url, process):
    for _ in range(10 * SECONDS):
        try:
            urllib.request.urlopen(url)
            return
        except OSError:
            assert process.poll() is None
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def page(browser, address):
    page = browser.new_page()
    page.set_default_timeout(1000 * SECONDS)
    page.goto(address)
    page.wait_for_selector("#ask-button")
    yield page
    page.close()


def fill(page, question="Which?", options="red\nblue"):
    page.fill("#question textarea", question)
    page.fill("#options textarea", options)


def open_tab(page, name):
    # The row of tabs is drawn twice, once to measure it.
    page.locator(f"button[role=tab][data-tab-id={name}]").last.click()


def ask(page):
    page.click("#ask-button")
    page.wait_for_function("/\\([AB]\\)|No answer/.test(document.querySelector('#answer').innerText)")


def test_upload_ask_change_the_rationale_and_ask_again(page, folder):
    page.set_input_files("#picture input[type=file]", str(folder.parent / "picture.png"))
    page.wait_for_selector("#picture img")
    fill(page)
    ask(page)
    rationale = page.input_value("#rationale textarea")
    assert rationale
    assert "(A) red" in page.inner_text("#shares")
    before = page.inner_text("#shares")
    page.fill("#rationale textarea", "The ball is blue. " * 5)
    page.click("#again-button")
    page.wait_for_function(f"document.querySelector('#shares').innerText != {json.dumps(before)}")
    assert page.input_value("#rationale textarea").startswith("The ball is blue.")


def test_where_it_looked_word_by_word(page, folder):
    page.set_input_files("#picture input[type=file]", str(folder.parent / "picture.png"))
    page.wait_for_selector("#picture img")
    fill(page)
    page.fill("#rationale textarea", "The ball is red.")
    page.click("#look-button")
    whole = page.wait_for_selector("#heat img").get_attribute("src")
    assert page.inner_text("#words").split()[-4:] == ["The", "ball", "is", "red."]
    page.click("#words >> text=ball")
    page.wait_for_function(f"document.querySelector('#heat img').src != {json.dumps(whole)}")


def test_looking_needs_a_picture(page):
    fill(page)
    page.click("#look-button")
    page.wait_for_selector("text=There is no picture to look at")


@pytest.mark.parametrize(
    ("question", "options", "fault"),
    [("", "a\nb", "There is no question yet"), ("Which?", "a", "Write two options or more")],
)
def test_what_cannot_be_asked_is_said(page, question, options, fault):
    fill(page, question, options)
    page.click("#ask-button")
    page.wait_for_selector(f"text={fault}")


def test_file_that_is_no_picture_is_said_and_the_next_question_goes_on(page, folder):
    page.set_input_files("#picture input[type=file]", str(folder.parent / "notes.png"))
    fill(page)
    page.wait_for_timeout(500)
    page.click("#ask-button")
    page.wait_for_selector("text=notes.png")
    page.reload()
    page.wait_for_selector("#ask-button")
    fill(page)
    ask(page)


def test_file_of_questions(page, tmp_path):
    rows = [{"question": f"Which is number {n}?", "choices": ["red", "blue"]} for n in range(5)]
    rows += [{"question": "Which number?"}, {"question": "Which?", "choices": "red"}]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    open_tab(page, "many")
    page.set_input_files("#questions-file input[type=file]", str(tmp_path / "q.jsonl"))
    page.wait_for_selector("#answers-table >> text=Which is number 4?")
    with page.expect_download() as download:
        page.click("#answers-file a[download]")
    answers = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert [row["question"] for row in answers] == [row["question"] for row in rows]
    assert ["error" in row for row in answers] == [False] * 6 + [True]
    assert isinstance(answers[5]["answer_text"], str)


def test_quality_and_licence(page):
    assert "licence" in page.inner_text("#headline")
    open_tab(page, "quality")
    assert "metrics.json" in page.inner_text("#quality")


def test_thirty_at_once_and_three_hundred_in_all(address, folder):
    from gradio_client import Client

    client = Client(address, verbose=False, download_files=False)

    def ask(number):
        row = {"question": f"Which is {number}?", "options": ["red", "blue"], "context": "", "image": ""}
        return client.predict(**row, api_name="/ask")

    with ThreadPoolExecutor(30) as pool:
        at_once = list(pool.map(ask, range(30)))
    assert at_once == [ask(number) for number in range(30)]
    before = memory(address)
    with ThreadPoolExecutor(10) as pool:
        assert len(list(pool.map(ask, range(240)))) == 240
    assert memory(address) - before < 60


def memory(address):
    """Megabytes of the process that serves an address."""
    import psutil

    port = int(address.rpartition(":")[2])
    served = next(each for each in psutil.net_connections() if each.laddr and each.laddr.port == port and each.pid)
    return psutil.Process(served.pid).memory_info().rss / 2**20


@pytest.mark.parametrize("path", ["/etc/passwd", "config.json", "{folder}/config.json"])
def test_no_file_of_the_server_can_be_read(address, folder, path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{address}/gradio_api/file={path.format(folder=folder)}")
    assert refused.value.code in (403, 404)


def test_tool_for_programs_says_what_it_takes(address):
    (tool,) = json.load(urllib.request.urlopen(f"{address}/gradio_api/mcp/schema"))
    assert tool["name"] == "ask"
    assert tool["inputSchema"]["properties"].keys() == {"question", "options", "context", "image"}
