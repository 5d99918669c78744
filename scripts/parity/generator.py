"""Numbers that this script and the Rust side (model/src/randomise.rs) make alike, bit for bit.

A stream is keyed on a name: its seed is the FNV-1a hash (64 bits) of the name's UTF-8 bytes, its words those of SplitMix64
(Steele, Lea, Flood 2014). The top 24 bits of word i, as an integer k, become k / 2^23 - 1, which is exact in float32 and lies
in [-1, 1). What is made of it is computed in float64 and rounded to float32 once.
"""

import math

import numpy

GOLDEN = numpy.uint64(0x9E3779B97F4A7C15)
CHUNK = 1 << 22


def seed(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def uniform(name, count):
    """`count` float64 numbers in [-1, 1)."""
    start = numpy.uint64(seed(name))
    values = numpy.empty(count, numpy.float64)
    for begin in range(0, count, CHUNK):
        end = min(begin + CHUNK, count)
        z = start + numpy.arange(begin + 1, end + 1, dtype=numpy.uint64) * GOLDEN
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z ^= z >> numpy.uint64(31)
        values[begin:end] = (z >> numpy.uint64(40)).astype(numpy.float64) / 8388608.0 - 1.0
    return values


def tensor(name, shape):
    """The float32 values of the parameter or buffer `name`. The rules are those of randomise.rs, in the same order."""
    shape = tuple(int(side) for side in shape)
    last = name.rsplit(".", 1)[-1]
    centre = 0.0
    if last == "running_var":
        centre, bound = 1.0, 0.5
    elif last == "running_mean":
        bound = 0.1
    elif len(shape) == 4:
        bound = math.sqrt(6.5 / (shape[1] * shape[2] * shape[3]))
    elif len(shape) == 2:
        bound = math.sqrt(3.0 / shape[1])
    elif len(shape) == 1 and last == "weight":
        centre, bound = 1.0, 0.25
    elif len(shape) == 1:
        bound = 0.05
    else:
        bound = 0.5
    values = uniform(name, math.prod(shape))
    return (centre + bound * values).astype(numpy.float32).reshape(shape)


def images(count, channels, height, width):
    """Float32 images [N, C, H, W]: a tint, 4 x 4 tiles and noise. Noise alone would look alike to a network that averages."""
    tint = uniform("images.tint", count * channels).reshape(count, channels, 1, 1)
    tiles = uniform("images.tiles", count * channels * 16).reshape(count, channels, 4, 4)
    noise = uniform("images.noise", count * channels * height * width).reshape(count, channels, height, width)
    rows, columns = numpy.arange(height) * 4 // height, numpy.arange(width) * 4 // width
    return (tint + tiles[:, :, rows][:, :, :, columns] + 0.5 * noise).astype(numpy.float32)
