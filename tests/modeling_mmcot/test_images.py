"""What may be given as a picture, and the one line that names it where it cannot be read."""

import base64
import http.server
import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmcot.modeling_mmcot.images_mmcot import find_fault, to_rgb


RED, SIZE = (255, 0, 0), (16, 16)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def blank(width, height):
    return encode(Image.new("1", (width, height)))


RED_PNG = encode(Image.new("RGB", SIZE, RED))
NOISE_PNG = encode(Image.effect_noise((64, 64), 80))
HEIC = b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heic" + bytes(64)
BAD_FILES = {
    "empty.png": (b"", "is empty, 0 bytes; write it again"),
    "notes.txt": (b"not a picture", "is no picture that Pillow can read; save it as PNG or JPEG"),
    "page.pdf": (b"%PDF-1.7\n", "is a PDF document; save it as PNG or JPEG"),
    "figure.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is PostScript; save it as PNG or JPEG"),
    "icon.svg": (b'<?xml version="1.0"?>\n<svg width="9"></svg>', "is an SVG drawing; save it as PNG or JPEG"),
    "cut.png": (NOISE_PNG[:-500], r"is spoilt \(.*\); write it again"),
    "large.png": (blank(10000, 5001), "has more than 50 megapixels; make it smaller"),
    "bomb.png": (blank(20000, 20000), "has more than 50 megapixels; make it smaller"),
    "long.png": (blank(1, 201), "has 1 x 201 pixels; one side may be 200 times as long as the other, not more"),
}


def fault_of(image):
    with pytest.raises(ValueError, match=r"^The picture .*\.$") as caught:
        to_rgb(image)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def is_red(image):
    return image.mode == "RGB" and image.size == SIZE and image.getpixel((8, 8)) == RED


@pytest.mark.parametrize(("name", "content", "fault"), [(name, *entry) for name, entry in BAD_FILES.items()])
def test_bad_file_is_named_with_fault_and_remedy(name, content, fault, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    for given in (path, str(path), {"bytes": None, "path": str(path)}):
        pytest.raises(ValueError, to_rgb, given).match(rf"^The picture '.*{name}' {fault}\.$")
    pytest.raises(ValueError, to_rgb, content).match(
        rf"^The picture of {len(content)} bytes {fault}\.$" if content else fault
    )
    assert f"The picture {str(path)!r} {find_fault(path)}" == fault_of(path)


def test_heic_says_what_to_install_or_is_read(tmp_path):
    path = tmp_path / "phone.heic"
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        path.write_bytes(HEIC)
        assert "phone.heic' is a HEIC picture; install pillow-heif, or save it as PNG or JPEG." in fault_of(path)
    else:
        Image.new("RGB", (64, 64), RED).save(path, "HEIF", quality=100)
        assert to_rgb(path).getpixel((8, 8)) == pytest.approx(RED, abs=3)


def test_no_file(tmp_path):
    assert fault_of("nowhere.png").startswith("The picture 'nowhere.png' does not exist; give a path, an address")
    assert "does not exist" in fault_of(Path("no/where.png"))
    assert "does not exist" in fault_of("")
    assert "is a folder or a device" in fault_of(tmp_path)
    assert fault_of("a\0b\ud800\n.png").startswith(r"The picture 'a\x00b\ud800\n.png' does not exist")
    assert len(fault_of("x" * 10_000)) < 300


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    (tmp_path / "a.png").write_bytes(RED_PNG)
    (tmp_path / "a.png").chmod(0)
    assert "cannot be opened (Permission denied)" in fault_of(tmp_path / "a.png")


@pytest.mark.parametrize("value", [5, 1.5, True, object(), lambda: 0, ["a.png"], {"bytes": None, "path": None}])
def test_no_picture_at_all(value):
    assert "give a path, an address, bytes, or an image of PIL, NumPy or torch" in fault_of(value)


class TestBytesAndTexts:
    @pytest.mark.parametrize("text", ["data:image/png;base64,{}", "{}", "data:;base64,\n{}\n"])
    def test_base64(self, text):
        assert is_red(to_rgb(text.format(base64.b64encode(RED_PNG).decode())))

    def test_spoilt_base64(self):
        assert "is empty" in fault_of("data:image/png;base64,???")
        assert "is no picture" in fault_of("data:image/png;base64,abcd")

    def test_bytes_and_what_datasets_stores(self):
        assert is_red(to_rgb(RED_PNG))
        assert is_red(to_rgb({"bytes": RED_PNG, "path": "nowhere.png"}))


class TestArrays:
    @pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["numpy", "torch"])
    @pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "float64"])
    def test_numbers_and_orders(self, make, kind):
        pixels = np.asarray(Image.new("RGB", SIZE, RED)).astype(kind)
        fractions = [pixels / 255] if kind.startswith("float") else []
        for array in (pixels, *fractions):
            assert is_red(to_rgb(make(array)))
            assert is_red(to_rgb(make(array.transpose(2, 0, 1))))

    def test_half_precision_of_torch(self):
        assert is_red(to_rgb(torch.tensor([1.0, 0, 0], dtype=torch.bfloat16).expand(*SIZE, 3)))

    @pytest.mark.parametrize("array", [np.ones(SIZE, bool), np.ones((1, *SIZE)), np.full((*SIZE, 1), 255, np.uint8)])
    def test_grey_and_masks(self, array):
        assert to_rgb(array).getpixel((8, 8)) == (255, 255, 255)

    def test_transparent_is_white(self):
        assert to_rgb(np.zeros((*SIZE, 4), np.uint8)).getpixel((8, 8)) == (255, 255, 255)

    @pytest.mark.parametrize(
        ("array", "fault"),
        [
            (np.full((4, 4), np.nan), "has values from nan to nan; give 0 to 255, or 0 to 1"),
            (np.array([[0.0, np.inf]]), "has values from 0.0 to inf"),
            (torch.full((3, 4, 4), -1.5), "has values from -1.5 to -1.5"),
            (np.full((4, 4), 4095, np.uint16), "has values from 4095 to 4095"),
            (np.zeros((2, 4, 4, 3)), r"of shape \(2, 4, 4, 3\) is an array of float64; give numbers as"),
            (np.zeros((8, 8, 2)), "with 1, 3 or 4 channels"),
            (np.zeros(5), "is an array of float64"),
            (np.array([["a"]]), "is an array of <U1"),
            (np.zeros((4, 4), complex), "is an array of complex128"),
            (np.zeros((0, 4, 3)), "has no pixels"),
            (np.broadcast_to(np.uint8(0), (10000, 5001)), "more than 50 megapixels"),
        ],
    )
    def test_what_is_no_picture(self, array, fault):
        pytest.raises(ValueError, to_rgb, array).match(fault)


class TestImages:
    @pytest.mark.parametrize(
        ("image", "fault"),
        [
            (Image.new("1", (10000, 5001)), "of 10000 x 5001 pixels has more than 50 megapixels"),
            (Image.new("RGB", (0, 4)), "has no pixels"),
            (Image.new("RGB", (201, 1)), "one side may be 200 times as long as the other"),
            (Image.open(io.BytesIO(NOISE_PNG[:-500])), r"is spoilt \("),
        ],
    )
    def test_what_cannot_be_read(self, image, fault):
        assert fault.replace("\\", "") in fault_of(image)

    def test_closed(self):
        image = Image.open(io.BytesIO(RED_PNG))
        image.close()
        assert "is spoilt" in fault_of(image)


class TestAddresses:
    @pytest.fixture
    def address(self):
        """A web server of this machine with one picture."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                content = (
                    RED_PNG if self.path == "/red.png" else blank(20000, 20000) if "bomb" in self.path else b"<html>"
                )
                self.send_response(200 if self.path != "/none.png" else 404)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()

    def test_picture(self, address):
        assert is_red(to_rgb(f"{address}/red.png"))

    def test_no_picture(self, address):
        assert "gave no picture; check the address, or download" in fault_of(f"{address}/none.png")
        assert "has more than 50 megapixels" in fault_of(f"{address}/bomb.png")

    def test_no_server(self):
        fault = fault_of("http://127.0.0.1:9/a.png")
        assert fault.startswith("The picture 'http://127.0.0.1:9/a.png' cannot be fetched (ConnectError: ")


def test_processor_says_the_same(tiny_processor, tmp_path):
    (tmp_path / "page.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(ValueError, match=r"page.pdf' is a PDF document; save it as PNG or JPEG\.$"):
        tiny_processor(images=[tmp_path / "page.pdf"], text=["Look."])
