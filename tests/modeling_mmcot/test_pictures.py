"""Pictures of every kind: what the model sees of them, and what is said of those that cannot be read."""

import io
import json
import warnings

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmcot.configuration import DataArguments
from mmcot.data import load_data, load_splits
from mmcot.data.rows import RowError
from mmcot.modeling_mmcot.images_mmcot import find_fault, to_rgb


WHITE = (255, 255, 255)
ROW = {"question": "What?", "choices": ["red", "blue"], "answer": 1}
SKIP = DataArguments(on_error="skip")


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reopened(image, kind, **options):
    return Image.open(io.BytesIO(encode(image, kind, **options)))


def pixels(image):
    return [image.getpixel((column, 0)) for column in range(image.width)]


def two_pixels(mode, first, second):
    image = Image.new(mode, (2, 1), first)
    image.putpixel((1, 0), second)
    return image


def palette():
    image = two_pixels("P", 0, 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    return image


TRANSPARENT = {
    "RGBA": (two_pixels("RGBA", (9, 9, 9, 0), (10, 20, 30, 255)), "PNG", {}, (10, 20, 30)),
    "LA": (two_pixels("LA", (9, 0), (70, 255)), "PNG", {}, (70, 70, 70)),
    "palette": (palette(), "PNG", {"transparency": 0}, (0, 255, 0)),
    "palette with alpha": (palette(), "PNG", {"transparency": b"\x00\xff"}, (0, 255, 0)),
    "GIF": (palette(), "GIF", {"transparency": 0}, (0, 255, 0)),
    "colour of RGB": (two_pixels("RGB", (1, 2, 3), (1, 2, 4)), "PNG", {"transparency": (1, 2, 3)}, (1, 2, 4)),
    "level of grey": (two_pixels("L", 7, 8), "PNG", {"transparency": 7}, (8, 8, 8)),
    "WebP": (two_pixels("RGBA", (9, 9, 9, 0), (10, 20, 30, 255)), "WEBP", {"lossless": True}, (10, 20, 30)),
}


@pytest.mark.parametrize(("image", "kind", "options", "opaque"), TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparent_parts_are_white(image, kind, options, opaque):
    assert pixels(to_rgb(reopened(image, kind, **options))) == [WHITE, opaque]


def test_half_transparent_is_half_white():
    assert to_rgb(Image.new("RGBA", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_deep_grey_is_scaled(kind):
    image = Image.new("I;16", (3, 1))
    for column, level in enumerate((0, 128 * 257, 65535)):
        image.putpixel((column, 0), level)
    assert pixels(to_rgb(reopened(image, kind))) == [(0, 0, 0), (128, 128, 128), WHITE]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printing_colours(kind):
    assert to_rgb(reopened(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), kind)).getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "YCbCr", "HSV", "LAB", "F", "PA", "I;16B"])
def test_every_other_mode(mode):
    assert to_rgb(Image.new(mode, (2, 3))).mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_first_frame(kind, tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving", kind, save_all=True, append_images=frames[1:], lossless=True)
    assert to_rgb(tmp_path / "moving").getpixel((4, 4)) == (255, 0, 0)


def test_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    two_pixels("L", 0, 255).resize((16, 8), Image.Resampling.NEAREST).save(tmp_path / "turned.png", exif=exif)
    for picture in (tmp_path / "turned.png", str(tmp_path / "turned.png"), Image.open(tmp_path / "turned.png")):
        upright = to_rgb(picture)
        assert upright.size == (8, 16)
        assert upright.getpixel((4, 0)) == (0, 0, 0)
        assert to_rgb(upright) == upright


def test_given_picture_stays_as_it_is():
    image = Image.new("RGBA", (2, 2), (1, 2, 3, 0))
    to_rgb(image)
    assert (image.mode, image.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 0))


def test_processor_and_training_see_the_same(tiny_processor, tmp_path):
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.save(tmp_path / "a.png")
    write_rows(tmp_path, {**ROW, "image": "a.png"})
    loaded = load_splits(str(tmp_path / "a.jsonl"))["train"]["image"][0]
    batches = [tiny_processor.encode_images([picture]) for picture in (loaded, image, str(tmp_path / "a.png"))]
    white = tiny_processor.encode_images([Image.new("RGB", (16, 16), "white")])
    assert all(batch["pixel_values"].equal(white["pixel_values"]) for batch in batches)


def write_rows(folder, *rows):
    (folder / "a.jsonl").write_text("".join(json.dumps({"id": str(i), **row}) + "\n" for i, row in enumerate(rows)))
    return str(folder / "a.jsonl")


def noise(size=(64, 64)):
    return Image.effect_noise(size, 80).convert("RGB")


BAD_PICTURES = {
    "cut JPEG": (encode(noise(), "JPEG")[:-500], r"is spoilt \(.*truncated"),
    "cut PNG": (encode(noise(), "PNG")[:-500], r"is spoilt \("),
    "empty": (b"", "is empty, 0 bytes; write it again"),
    "text": (b"not a picture", "is no picture that Pillow can read; save it as PNG or JPEG"),
    "large": (encode(Image.new("1", (10000, 5001)), "PNG"), "has more than 50 megapixels; make it smaller"),
    "very large": (encode(Image.new("1", (20000, 10000)), "PNG"), "has more than 50 megapixels; make it smaller"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_bad_picture_file(content, reason, tmp_path):
    (tmp_path / "bad.png").write_bytes(content)
    noise().save(tmp_path / "good.png")
    spec = write_rows(tmp_path, {**ROW, "image": "good.png"}, {**ROW, "image": ["good.png", "bad.png"]})
    with pytest.raises(RowError, match=f"a.jsonl, row 2: image .*/bad.png {reason}"):
        load_splits(spec)
    data = load_data(spec, SKIP)
    assert data.splits["train"]["id"][:] == ["0"]
    assert [(entry["row"], entry["field"]) for entry in data.skipped] == [(2, "image")]


@pytest.mark.parametrize(("content", "reason"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_bad_picture_in_a_table(content, reason, tmp_path):
    rows = [{**ROW, "image": {"bytes": bytes_, "path": "x.png"}} for bytes_ in (encode(noise(), "PNG"), content)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    with pytest.raises(RowError, match=rf"a.parquet, row 1: image \(embedded\) {reason}"):
        load_splits(str(tmp_path / "a.parquet"))
    assert load_data(str(tmp_path / "a.parquet"), SKIP).splits["train"]["image"][0].size == (64, 64)


def test_bytes_as_picture(tmp_path):
    pq.write_table(pa.Table.from_pylist([{**ROW, "image": encode(noise(), "JPEG")}]), tmp_path / "a.parquet")
    assert load_splits(str(tmp_path / "a.parquet"))["train"]["image"][0].size == (64, 64)


def test_folder_as_picture(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(RowError, match="folder.png does not exist"):
        load_splits(write_rows(tmp_path, {**ROW, "image": "folder.png"}))


def test_mended_picture_comes_back(tmp_path, monkeypatch):
    rows = [{**ROW, "image": name} for name in ("good.png", "missing.png", "cut.png")]
    noise().save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes(encode(noise(), "PNG")[:-500])
    spec = write_rows(tmp_path, *rows)
    assert [entry["row"] for entry in load_data(spec, SKIP).skipped] == [2, 3]
    noise().save(tmp_path / "missing.png")
    assert [entry["row"] for entry in load_data(spec, SKIP).skipped] == [3]
    noise().save(tmp_path / "cut.png")
    data = load_data(spec, SKIP)
    assert data.skipped == []
    assert data.splits["train"]["id"][:] == ["0", "1", "2"]
    monkeypatch.setattr("mmcot.data.store.build", None)
    assert load_data(spec, SKIP).splits["train"]["id"][:] == ["0", "1", "2"]


def test_row_that_is_bad_for_another_reason_is_not_read_again(tmp_path, monkeypatch):
    spec = write_rows(tmp_path, ROW, {**ROW, "answer": 7})
    load_data(spec, SKIP)
    monkeypatch.setattr("mmcot.data.store.build", None)
    assert [entry["row"] for entry in load_data(spec, SKIP).skipped] == [2]


KINDS = {
    kind: encode(noise((20, 20)), kind, **options)
    for kind, options in {
        "PNG": {},
        "JPEG": {},
        "GIF": {},
        "WEBP": {},
        "TIFF": {"compression": "tiff_lzw"},
        "BMP": {},
    }.items()
}


@settings(deadline=None)
@given(kind=st.sampled_from(list(KINDS)), data=st.data())
def test_any_damage_passes_or_is_said(kind, data):
    content = bytearray(KINDS[kind])
    for _ in range(data.draw(st.integers(0, 10))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fault = find_fault(bytes(content))
    assert fault is None or fault.endswith(".")
