"""numpy and scipy as a tool: scipy_tool.py JOB THREADS OUT ARGUMENT..., as the floor's jobs, in float32 where scipy can."""
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import fft, signal

import waves
from jobs import bell

job, threads, out, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]


def read(path):
    return waves.read(path, np.float32)


def filtered(path, bands):
    return signal.sosfilt(np.array([bell(*bands[i:i + 3]) for i in range(0, len(bands), 3)]), read(path)[0])


def table(path):
    with open(path) as file:
        return [[float(x) for x in line.split()] for line in file]


with ThreadPoolExecutor(threads) as pool:
    if job == "convolve":
        pairs = [(read(x), read(h)) for x, h in zip(arguments[::2], arguments[1::2])]
        frames = pairs[0][0].shape[1]
        size = fft.next_fast_len(frames + pairs[0][1].shape[1] - 1, real=True)
        total = sum(pool.map(lambda pair: fft.rfft(pair[0], size) * fft.rfft(pair[1], size), pairs))
        waves.write(out, fft.irfft(total, size, workers=threads)[:, :frames], 32)
    elif job == "equalise":
        def one(i):
            waves.write(f"{out}/t{i}.wav", filtered(arguments[1 + i], bands[i]), 32)
        bands = table(arguments[0])
        list(pool.map(one, range(len(bands))))
    elif job == "mix":
        bands, gains, paths = table(arguments[0]), table(arguments[1]), arguments[2:]
        total = 0.0
        for gain, x in zip(gains, pool.map(filtered, paths, bands)):
            total = total + np.outer(gain, x)
        waves.write(out, total, 24)
    elif job == "sum":
        total = 0.0
        for x in pool.map(read, arguments[1:]):
            total = total + x
        waves.write(out, np.repeat(total, 2, axis=0) * np.float32(arguments[0]), 24)
