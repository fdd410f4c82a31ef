"""WAVE files as numpy arrays: float32 and 24-bit, [channel][frame], full scale 1.0."""
import struct

import numpy as np

RATE_HZ = 48000


def write(path, signal, bits):
    """signal: [channel][frame] or [frame]. bits: 24 (rounded to nearest, clipped) or 32 (float)."""
    signal = np.atleast_2d(signal)
    channels, frames = signal.shape
    size = bits // 8 * channels * frames
    # WAVE_FORMAT_PCM = 1, WAVE_FORMAT_IEEE_FLOAT = 3.
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 3 if bits == 32 else 1, channels, RATE_HZ, RATE_HZ * channels * bits // 8, channels * bits // 8,
        bits) + b"data" + struct.pack("<I", size)
    with open(path, "wb") as file:
        file.write(head)
        for first in range(0, frames, 1 << 20):
            part = signal[:, first:first + (1 << 20)].T
            if bits == 32:
                file.write(part.astype("<f4").tobytes())
            else:
                whole = np.clip(np.rint(part * 8388608.0), -8388608, 8388607).astype("<i4").reshape(-1)
                file.write(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


def _chunks(data):
    """Name, first byte and size of each chunk, of RIFF or RF64."""
    if len(data) < 12 or data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise ValueError("not a WAVE file")
    at, wide = 12, None
    while at + 8 <= len(data):
        name, size = data[at:at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"ds64":
            wide = struct.unpack_from("<Q", data, at + 16)[0]
        if name == b"data" and size == 0xFFFFFFFF and wide is not None:
            size = wide
        yield name, at + 8, min(size, len(data) - at - 8)
        at += 8 + size + (size & 1)


def read(path, dtype=np.float64):
    """[channel][frame]; 16, 24 and 32 bit, and floats of 32 and 64."""
    with open(path, "rb") as file:
        data = file.read()
    for name, at, size in _chunks(data):
        if name == b"fmt ":
            code, channels, _, _, _, bits = struct.unpack_from("<HHIIHH", data, at)
            if code == 0xFFFE:  # WAVE_FORMAT_EXTENSIBLE: the code stands in the sub-format
                code = struct.unpack_from("<H", data, at + 24)[0]
        if name == b"data":
            size -= size % (channels * bits // 8)
            if code == 3:
                flat = np.frombuffer(data, "<f%d" % (bits // 8), size * 8 // bits, at).astype(dtype)
            elif bits == 24:
                flat = unpack24(np.frombuffer(data, np.uint8, size, at)).astype(dtype) * dtype(1.0 / 2147483648.0)
            else:
                flat = np.frombuffer(data, "<i%d" % (bits // 8), size * 8 // bits, at).astype(dtype)
                flat *= dtype(0.5 ** (bits - 1))
            return flat.reshape(-1, channels).T
    raise ValueError(path + " holds no samples")


def copy_with_mask(source, target, mask):
    """A copy of what write() wrote, with a header that tells which loudspeaker each channel is for."""
    with open(source, "rb") as file, open(target, "wb") as copy:
        head = file.read(44)
        form = bytearray(head[20:36])
        bits = struct.unpack_from("<H", form, 14)[0]
        form[:2] = struct.pack("<H", 0xFFFE)
        form += struct.pack("<HHIH", 22, bits, mask, 1) + bytes.fromhex("000000001000800000aa00389b71")
        size = struct.unpack("<I", head[40:])[0]
        copy.write(b"RIFF" + struct.pack("<I", 60 + size) + b"WAVEfmt " + struct.pack("<I", 40) + form + head[36:])
        while data := file.read(1 << 24):
            copy.write(data)


def unpack24(packed):
    """The upper three bytes of 32-bit integers."""
    whole = np.zeros(packed.size // 3, "<i4")
    whole.view(np.uint8).reshape(-1, 4)[:, 1:] = packed.reshape(-1, 3)
    return whole
