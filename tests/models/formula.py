"""Values that are decided by a name and an index, so that neither weights nor inputs need be stored.

`formula.rs` has the same formula; the two agree to the last bit, because every step is exact or rounded once, as IEEE
754 says.
"""

import math

import numpy as np

# The most values made at once, to bound the memory of the steps between.
BLOCK = 1 << 20


def fnv1a(text):
    """FNV-1a, 64 bits."""
    state = 0xCBF29CE484222325
    for byte in text.encode():
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    return state


def splitmix64(seed, start, count):
    """The numbers `start`, `start + 1`, .. of SplitMix64 (Steele, Lea & Flood, 2014) from a seed."""
    z = np.uint64(seed) + np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def values(name, count, shift=-0.5, factor=2.0):
    """`count` float32 values: numbers in [0, 1), which are the upper 24 bits of the name's sequence, plus `shift`,
    times `factor`; in [-1, 1) where nothing else is said."""
    seed = fnv1a(name)
    found = np.empty(count, dtype=np.float32)
    for start in range(0, count, BLOCK):
        some = min(BLOCK, count - start)
        bits = splitmix64(seed, start, some) >> np.uint64(40)
        unit = bits.astype(np.float32) * np.float32(2.0**-24)
        found[start : start + some] = (unit + np.float32(shift)) * np.float32(factor)
    return found


def tensor(name, shape, gain):
    """The tensor of a network, by its name in the state_dict and its shape.

    A weight is uniform with the variance 2 / fan_in (He et al., 2015), so that values neither vanish nor explode;
    `gain` multiplies the weights of convolutions, but for those called `fc..` (squeeze-excite), which no norm
    follows. Running variances are near 1/256, so that an `eps` of 1e-5 matters: a network with norms takes a `gain`
    near 1/16.
    """
    layer, _, leaf = ("." + name).rpartition(".")
    layer = layer.rpartition(".")[2]
    count = math.prod(shape)
    if leaf == "running_var":
        made = values(name, count, 0.5, 2.0**-8)
    elif leaf == "running_mean":
        made = values(name, count, -0.5, 2.0**-6)
    elif leaf == "bias":
        made = values(name, count, -0.5, 0.25)
    elif leaf == "weight" and len(shape) > 1:
        bound = math.sqrt(6 / math.prod(shape[1:]))
        if len(shape) == 4 and not layer.startswith("fc"):
            bound *= gain
        made = values(name, count, -0.5, 2 * bound)
    else:
        # The scale of a norm or a layer.
        made = values(name, count, 0.5, 1.0)
    return made.reshape(shape)


def images(shape):
    """A batch of images: coarse squares of 32 pixels, and noise half as strong."""
    batch, channels, height, width = shape
    rows, columns = -(-height // 32), -(-width // 32)
    squares = values("squares", batch * channels * rows * columns).reshape(batch, channels, rows, columns)
    squares = squares.repeat(32, axis=2).repeat(32, axis=3)[:, :, :height, :width]
    noise = values("noise", batch * channels * height * width).reshape(shape)
    return squares * np.float32(2) + noise
