"""Makes small photos of every odd kind, and what Pillow and torchvision read in them.

    python3 -m venv .venv && .venv/bin/pip install torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 safetensors==0.8.0 pillow==13.0.0 simplejpeg==1.9.0
    .venv/bin/python cnn-train/tests/photos/generate.py

The photos go beside this file; `cargo test -p cnn-train --test photos` reads them and compares. In
`expected.safetensors` the tensor `rgb/NAME` holds the upright pixels of the file NAME, (height, width, 3), and
`RESIZE-CROP-INTERPOLATION/NAME` what torchvision's Resize and CenterCrop make of it, (crop, crop, 3).
"""

import io
import struct
import zlib
from pathlib import Path

import numpy
import simplejpeg
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torchvision import transforms

HERE = Path(__file__).parent
PHOTOS = HERE.parents[2] / "data" / "photos"
ORIENTATION = 0x0112


def thumbnail(name, size):
    small = Image.open(PHOTOS / name).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    # Without the profile and texts of the photo.
    return Image.fromarray(numpy.asarray(small))


CAT = thumbnail("chelsea.png", (37, 26))
ALPHA = Image.fromarray((numpy.arange(37 * 26).reshape(26, 37) * 7 % 256).astype(numpy.uint8))


def png(pixels, colour, depth):
    """A PNG of samples that Pillow does not write: `pixels` is (height, width, channels), colour the type's number."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(">u2" if depth == 16 else "u1").tobytes()
    stride = len(rows) // height
    data = b"".join(b"\0" + rows[row * stride : (row + 1) * stride] for row in range(height))

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(image, orientation):
    """EXIF data that say so."""
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    return exif


def adobe(jpeg, transform):
    """The JPEG with another colour transform in Adobe's marker, or without that marker."""
    at = jpeg.index(b"Adobe")
    if transform is None:
        start, length = at - 4, struct.unpack(">H", jpeg[at - 2 : at])[0]
        return jpeg[:start] + jpeg[start + 2 + length :]
    return jpeg[: at + 11] + bytes([transform]) + jpeg[at + 12 :]


def ycck():
    """A JPEG of luma, two chromas and black: its first three planes are the YCbCr of the inverted inks."""
    c, m, y, k = CAT.convert("CMYK").split()
    luma = Image.merge("RGB", [ImageOps.invert(ink) for ink in (c, m, y)]).convert("YCbCr").split()
    # Pillow inverts what it writes.
    planes = [ImageOps.invert(plane) for plane in luma] + [k]
    return adobe(saved(Image.merge("CMYK", planes), "JPEG", quality=90), 2)


def deep(seed):
    """16 bits of everything: the lower ones at random."""
    lower = numpy.random.default_rng(seed).integers(0, 256, (26, 37, 4))
    upper = numpy.dstack([numpy.asarray(CAT), numpy.asarray(ALPHA)]).astype(int)
    return upper * 256 + lower


def files():
    grey, inks = CAT.convert("L"), CAT.convert("CMYK")
    with_alpha = CAT.copy()
    with_alpha.putalpha(ALPHA)
    few = CAT.quantize(32)
    yield "grey.png", saved(grey, "PNG")
    yield "grey_alpha.png", saved(Image.merge("LA", [grey, ALPHA]), "PNG")
    yield "rgba.png", saved(with_alpha, "PNG")
    yield "palette.png", saved(few, "PNG")
    yield "palette_transparent.png", saved(few, "PNG", transparency=3)
    yield "palette_16.png", saved(CAT.quantize(16), "PNG", bits=4)
    yield "bilevel.png", saved(CAT.convert("1"), "PNG")
    yield "grey16.png", png(deep(0)[..., :1], 0, 16)
    yield "grey16_alpha.png", png(deep(1)[..., [0, 3]], 4, 16)
    yield "rgb16.png", png(deep(2)[..., :3], 2, 16)
    yield "rgba16.png", png(deep(3), 6, 16)
    yield "turned_6.png", saved(CAT, "PNG", exif=turned(CAT, 6))

    for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
        yield f"{name}.jpg", saved(CAT, "JPEG", quality=85, subsampling=sampling)
    for sampling in ["440", "411"]:
        yield f"{sampling}.jpg", simplejpeg.encode_jpeg(numpy.array(CAT), 85, "RGB", sampling)
    yield "progressive.jpg", saved(CAT, "JPEG", quality=85, progressive=True)
    yield "restarts.jpg", saved(CAT, "JPEG", quality=85, restart_marker_blocks=2)
    yield "poor.jpg", saved(CAT, "JPEG", quality=5)
    yield "grey.jpg", saved(grey, "JPEG")
    yield "rgb.jpg", saved(CAT, "JPEG", quality=90, keep_rgb=True)
    yield "cmyk.jpg", saved(inks, "JPEG", quality=90)
    yield "cmyk_unmarked.jpg", adobe(saved(inks, "JPEG", quality=90), None)
    yield "ycck.jpg", ycck()
    for sampling in ["422", "420"]:
        content = simplejpeg.encode_jpeg(255 - numpy.asarray(inks), 90, "CMYK", sampling)
        yield f"ycck_{sampling}.jpg", content
    # Fewer samples of black than of cyan.
    yield "small_black.jpg", saved(inks, "JPEG", subsampling=2)
    for orientation in range(1, 9):
        small = CAT.resize((21, 14))
        yield f"turned_{orientation}.jpg", saved(small, "JPEG", exif=turned(small, orientation))
    yield "turned_9.jpg", saved(CAT, "JPEG", exif=turned(CAT, 9))
    yield "turned_cmyk.jpg", saved(inks, "JPEG", exif=turned(inks, 8))

    yield "lossless.webp", saved(CAT, "WEBP", lossless=True)
    yield "lossy.webp", saved(CAT, "WEBP", quality=80)
    yield "alpha.webp", saved(with_alpha, "WEBP", quality=80, exact=True)
    yield "turned_3.webp", saved(CAT, "WEBP", lossless=True, exif=turned(CAT, 3))
    yield "first_of_two.webp", saved(CAT, "WEBP", lossless=True, save_all=True, append_images=[ImageOps.invert(CAT)])

    yield "plain.gif", saved(few, "GIF")
    yield "transparent.gif", saved(few, "GIF", transparency=3)
    yield "first_of_two.gif", saved(CAT, "GIF", save_all=True, append_images=[ImageOps.invert(CAT)])

    yield "rgb.bmp", saved(CAT, "BMP")
    yield "rgba.bmp", saved(with_alpha, "BMP")
    yield "palette.bmp", saved(few, "BMP")
    yield "grey.bmp", saved(grey, "BMP")
    yield "bilevel.bmp", saved(CAT.convert("1"), "BMP")

    yield "rgb.tiff", saved(CAT, "TIFF")
    yield "rgba.tiff", saved(with_alpha, "TIFF", compression="tiff_lzw")
    yield "grey.tiff", saved(grey, "TIFF", compression="packbits")
    yield "deflate.tiff", saved(CAT, "TIFF", compression="tiff_deflate")
    yield "grey16.tiff", saved(Image.fromarray(deep(4)[..., 0].astype(numpy.uint16)), "TIFF")
    yield "cmyk.tiff", saved(inks, "TIFF")
    yield "turned_5.tiff", saved(CAT, "TIFF", exif=turned(CAT, 5))

    yield "rgb.ppm", saved(CAT, "PPM")
    yield "grey.pgm", saved(grey, "PPM")

    yield "dot.png", saved(CAT.crop((10, 10, 11, 11)), "PNG")
    yield "tiny.png", saved(CAT.crop((10, 10, 12, 13)), "PNG")
    yield "wide.png", saved(thumbnail("coffee.webp", (401, 5)), "PNG")
    yield "tall.png", saved(thumbnail("coffee.webp", (3, 260)), "PNG")
    yield "line.png", saved(thumbnail("china.jpg", (1, 97)), "PNG")
    yield "square.png", saved(thumbnail("camera.png", (32, 32)).convert("L"), "PNG")
    yield "odd.png", saved(thumbnail("china.jpg", (131, 87)), "PNG")


def upright(content):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode == "I;16":
        # Pillow's own conversion clips at 255.
        image = Image.fromarray((numpy.asarray(image) >> 8).astype(numpy.uint8))
    return image.convert("RGB")


# (resize, crop, interpolation): what each is called, and of which photos it is recorded.
PREPARED = [
    ((32, 28, "bilinear"), ["rgba.png", "turned_6.jpg", "dot.png", "tiny.png", "wide.png", "tall.png", "line.png",
                            "square.png", "odd.png", "420.jpg"]),
    ((32, 28, "bicubic"), ["dot.png", "tiny.png", "wide.png", "tall.png", "odd.png"]),
    ((15, 13, "bilinear"), ["rgb.ppm", "wide.png", "tall.png", "odd.png"]),
    ((15, 15, "bicubic"), ["odd.png"]),
    ((120, 119, "bilinear"), ["odd.png"]),
]


def main():
    versions = {"torch": torch.__version__.split("+")[0], "pillow": Image.__version__}
    if versions != {"torch": "2.15.0", "pillow": "13.0.0"}:
        raise SystemExit(f"made with other versions: {versions}")
    expected, photos = {}, {}
    for name, content in files():
        (HERE / name).write_bytes(content)
        photos[name] = upright(content)
        expected[f"rgb/{name}"] = torch.from_numpy(numpy.array(photos[name]))
    for (resize, crop, interpolation), names in PREPARED:
        mode = transforms.InterpolationMode(interpolation)
        prepare = transforms.Compose([transforms.Resize(resize, mode), transforms.CenterCrop(crop)])
        for name in names:
            pixels = numpy.array(prepare(photos[name]))
            expected[f"{resize}-{crop}-{interpolation}/{name}"] = torch.from_numpy(pixels)
    save_file(expected, HERE / "expected.safetensors", versions)
    total = sum(path.stat().st_size for path in HERE.iterdir())
    print(f"{len(photos)} photos, {len(expected)} tensors, {total / 1024:.0f} KiB in this folder")


if __name__ == "__main__":
    main()
