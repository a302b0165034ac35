"""Makes train.webp and test.webp of this folder from CIFAR-10's binary files: see README.md.

    python3 data/cifar10/pack.py FOLDER      (cargo run -p xtask -- cifar10 FOLDER runs it)

FOLDER holds data_batch_1.bin and test_batch.bin, each packed (.gz) or not; of the latter the first 2,000 pictures will do.
Needs numpy and Pillow. The pixels are the same with any version of them; the files' bytes may differ with libwebp's.
"""

import gzip
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
CLASSES = 10
# File, pictures of each class, pictures in a row of the mosaic.
PARTS = [("data_batch_1.bin", "train", 270, 45), ("test_batch.bin", "test", 100, 50)]


def records(folder, name):
    """The classes (N) and the pictures (N, 3, 32, 32) of a binary file."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            content = path.read_bytes()
            content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            table = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
            return table[:, 0], table[:, 1:].reshape(-1, 3, 32, 32)
    sys.exit(f"{folder} has no {name} (or the same with .gz)")


def main(folder):
    for source, target, each, across in PARTS:
        labels, pictures = records(folder, source)
        # The first pictures of each class, in the order of the classes.
        chosen = np.concatenate([np.flatnonzero(labels == label)[:each] for label in range(CLASSES)])
        assert len(chosen) == CLASSES * each, f"{source} has fewer than {each} pictures of a class"
        down = len(chosen) // across
        tiles = pictures[chosen].reshape(down, across, 3, 32, 32)
        mosaic = tiles.transpose(0, 3, 1, 4, 2).reshape(32 * down, 32 * across, 3)
        path = HERE / f"{target}.webp"
        Image.fromarray(np.ascontiguousarray(mosaic)).save(path, lossless=True, quality=100, method=6, exact=True)
        table = np.concatenate([labels[chosen, None], pictures[chosen].reshape(len(chosen), -1)], axis=1)
        print(f"{path.name}: {len(chosen)} pictures, {path.stat().st_size} bytes, CRC-32 of the records "
              f"{zlib.crc32(table.tobytes()):08x}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
