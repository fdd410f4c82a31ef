"""
The jobs: their files and sessions, made from seeded generators, and what each
must come out as, in float64 and independent of mixdown.

Each job is a class with: name, title, frames; make(folder) writes the inputs
and the session; expected(folder) gives the result. Signals are [channel][frame].
"""
import json
import math
import os

import numpy as np
from scipy import fft, signal

import panner
import waves
from waves import RATE_HZ

CENTRE = math.sqrt(0.5)  # sine/cosine law


def noise(rng, frames, level):
    return rng.standard_normal(frames, dtype=np.float32) * np.float32(level)


def db(gain):
    return 10.0 ** (gain / 20.0)


def bell(frequency_hz, gain_db, q):
    """One second-order section: the peaking equaliser of R. Bristow-Johnson's cookbook."""
    a = 10.0 ** (gain_db / 40.0)
    w = 2.0 * math.pi * frequency_hz / RATE_HZ
    alpha, c = math.sin(w) / (2.0 * q), math.cos(w)
    section = np.array([1 + alpha * a, -2 * c, 1 - alpha * a, 1 + alpha / a, -2 * c, 1 - alpha / a])
    return section / section[3]


class Job:
    bits = 32
    limit_db = -110.0  # an error above this peak is not the same result

    def __init__(self, folder, quick):
        self.folder = folder
        self.frames = RATE_HZ if quick else self.seconds * RATE_HZ
        self.rng = np.random.default_rng(int(self.name[1]))
        self.quick = quick

    def path(self, name):
        return os.path.join(self.folder, self.name.lower() + "_" + name)

    @property
    def session(self):
        return self.path("session.json")

    def inputs(self):
        return [self.path(f"{i}.wav") for i in range(self.tracks)]

    def write_session(self, tracks, layout):
        with open(self.session, "w") as file:
            json.dump({"mixdown": 1, "sample_rate": RATE_HZ, "tracks": tracks, "length_s": self.frames / RATE_HZ,
                       "deliverables": [{"file": self.name.lower() + ".wav", "layout": layout, "bit_depth": self.bits}]},
                      file, indent=1)

    def track(self, i, **keys):
        return {"name": f"t{i}", "clips": [{"file": os.path.basename(self.inputs()[i])}], **keys}


class Convolution(Job):
    """Each track through its own response of 4 s, summed."""

    @property
    def taps(self):
        return 4 * RATE_HZ if not self.quick else RATE_HZ // 4

    def responses(self):
        return [self.path(f"response_{i}.wav") for i in range(self.tracks)]

    def make(self):
        decay = 10.0 ** (-3.0 * np.arange(self.taps) / RATE_HZ / 2.5).astype(np.float32)
        tracks = []
        for i in range(self.tracks):
            waves.write(self.inputs()[i], noise(self.rng, self.frames, self.level), 32)
            response = np.stack([noise(self.rng, self.taps, 0.01) * decay for _ in range(self.outputs)])
            waves.write(self.responses()[i], response, 32)
            tracks.append(self.track(i, place={"bed": self.layout}, inserts=[
                {"type": "convolver", "impulse_response": os.path.basename(self.responses()[i]), "normalize": "none",
                 "wet_db": 0, "dry_db": None}]))
        self.write_session(tracks, self.layout)

    def expected(self):
        size = fft.next_fast_len(self.frames + self.taps, real=True)
        total = np.zeros((self.outputs, size // 2 + 1), np.complex128)
        for source, response in zip(self.inputs(), self.responses()):
            total += fft.rfft(waves.read(response), size, workers=2) * fft.rfft(waves.read(source), size)
        return fft.irfft(total, size, workers=2)[:, :self.frames]


class J1(Convolution):
    name, title, seconds, tracks, outputs, layout, level = (
        "J1", "60 s mono through a 4 s response", 60, 1, 1, "mono", 0.3)


class J2(Convolution):
    name, title, seconds, tracks, outputs, layout, level = (
        "J2", "32 tracks x 30 s, each its own 4 s stereo response", 30, 32, 2, "stereo", 0.03)


class J3(Job):
    """A cascade of bells on each track, each to a file of its own. Gains and widths differ from track to track."""
    name, title, seconds, tracks = "J3", "64 tracks x 30 s, 8 bells each, 64 files", 30, 64

    def bands(self, i):
        return [(f * (1.0 + 0.002 * i), g, 1.0) for f, g in zip(
            (60, 150, 400, 900, 2000, 4000, 8000, 14000), (3, -3, 2, -2, 3, -3, 2, -2))]

    def make(self):
        for path in self.inputs():
            waves.write(path, noise(self.rng, self.frames, 0.1), 32)
        self.write_session([self.track(i, place={"bed": "mono"}, inserts=[{"type": "eq", "bands": [
            {"type": "bell", "frequency_hz": f, "gain_db": g, "q": q} for f, g, q in self.bands(i)]}])
            for i in range(self.tracks)], "mono")

    def expected(self):
        result = np.empty((self.tracks, self.frames))
        for i, path in enumerate(self.inputs()):
            result[i] = signal.sosfilt([bell(*band) for band in self.bands(i)], waves.read(path)[0])
        return result


class J4(Job):
    name, title, seconds, tracks, bits = (
        "J4", "64 tracks x 60 s 24-bit: gain, bell, pan; 24-bit stereo, loudness, true peak", 60, 64, 24)
    fader_db = -3.0

    def band(self, i):
        return 100.0 * 1.07 ** i, 4.0 if i % 2 else -4.0, 1.0

    def pan(self, i):
        return i / 32.0 - 0.98

    def gains(self, i):
        angle = (self.pan(i) + 1.0) * math.pi / 4.0
        return math.cos(angle) * db(self.fader_db), math.sin(angle) * db(self.fader_db)

    def make(self):
        for path in self.inputs():
            waves.write(path, noise(self.rng, self.frames, 0.03), 24)
        tracks = []
        for i in range(self.tracks):
            f, g, q = self.band(i)
            tracks.append(self.track(i, fader_db=self.fader_db, place={"pan": self.pan(i)}, inserts=[
                {"type": "eq", "bands": [{"type": "bell", "frequency_hz": f, "gain_db": g, "q": q}]}]))
        self.write_session(tracks, "stereo")

    def expected(self):
        result = np.zeros((2, self.frames))
        for i, path in enumerate(self.inputs()):
            filtered = signal.sosfilt([bell(*self.band(i))], waves.read(path)[0])
            for channel, gain in enumerate(self.gains(i)):
                result[channel] += gain * filtered
        return result


class J5(Job):
    """
    Objects on the move, by the point-source panner of BS.2127 in float64
    (panner.py). Between gain points of every 512 frames gains are straight lines:
    that is mixdown's rule, and every tool is given it. Positions stand on that
    grid, 0.512 s apart.
    """
    name, title, seconds, tracks = "J5", "64 moving objects x 20 s to 7.1.4", 20, 64
    limit_db = -90.0  # csound's lines are a frame late, which is an error of -97 dBFS
    grid = 512
    apart = 48  # gain points between positions

    @property
    def points(self):
        return -(-self.frames // self.grid) + 1

    def positions(self, i):
        """Azimuth in degrees to the left, elevation, at 0, 0.512 s, ..."""
        count = -(-self.points // self.apart) + 1
        return [((i * 29) % 360 - 180 + (23 if i % 2 else -17) * k, abs((i * 7 + k * 5) % 120 - 60)) for k in range(count)]

    def make(self):
        for path in self.inputs():
            waves.write(path, noise(self.rng, self.frames, 0.03), 32)
        self.write_session([self.track(i, place={"object": {"positions": [
            {"time_s": round(k * self.apart * self.grid / RATE_HZ, 6), "azimuth_deg": a, "elevation_deg": e}
            for k, (a, e) in enumerate(self.positions(i))]}}) for i in range(self.tracks)], "7.1.4")
        self.gains().astype("<f4").tofile(self.path("gains.f32"))
        for i, table in enumerate(self.gains()):
            waves.write(self.path(f"gains_{i}.wav"), table.T, 32)

    def gains(self):
        """[track][point][channel]"""
        at = np.arange(self.points) / self.apart
        result = np.empty((self.tracks, self.points, 12))
        for i in range(self.tracks):
            azimuth, elevation = np.array(self.positions(i), float).T
            whole = np.arange(len(azimuth))
            result[i] = panner.gains(np.interp(at, whole, azimuth), np.interp(at, whole, elevation))
        return result

    def expected(self):
        gains = self.gains()
        inputs = np.stack([waves.read(path)[0] for path in self.inputs()])
        result = np.empty((12, self.frames))
        for point in range(self.points - 1):
            block = inputs[:, point * self.grid:(point + 1) * self.grid]
            start, step = gains[:, point], gains[:, point + 1] - gains[:, point]
            ramp = np.arange(block.shape[1]) / self.grid
            result[:, point * self.grid:(point + 1) * self.grid] = start.T @ block + step.T @ (block * ramp)
        return result


class Loudness(Job):
    """Noise with most of its power low down, whose level in each channel moves by 12 dB in some seconds."""
    seconds, bits, tracks = 600, 24, 1

    def make(self):
        base = signal.lfilter([1.0], [1.0, -1.6, 0.64], noise(self.rng, self.frames, 0.012)).astype(np.float32)
        time_s = np.arange(self.frames, dtype=np.float32) / RATE_HZ
        planes = np.empty((len(self.weights), self.frames), np.float32)
        for i, plane in enumerate(planes):
            level = np.sin(2.0 * np.pi * time_s / (5.0 + 1.3 * i) + i, dtype=np.float32)
            np.multiply(np.roll(base, 4801 * i), np.power(np.float32(2.0), level), out=plane)
        waves.write(self.inputs()[0], planes, 24)

    def expected(self):
        """Integrated loudness in LUFS, true peak in dBTP (ideal interpolation by 4)."""
        planes = waves.read(self.inputs()[0])
        return np.array([loudness(planes, self.weights), true_peak(planes)])


class J7Stereo(Loudness):
    name, title, layout, weights = "J7.2", "loudness and true peak of 10 min, stereo", "stereo", [1, 1]


class J7Wide(Loudness):
    # BS.1770-5: 1.41 where a loudspeaker stands 60 to 120 degrees to a side; the LFE does not count.
    name, title, layout, weights = ("J7.12", "loudness and true peak of 10 min, 12 channels", "7.1.4",
                                    [1, 1, 1, 0, 1.41, 1.41, 1, 1, 1, 1, 1, 1])


# The two sections of BS.1770's K-weighting at 48 kHz.
K_WEIGHTING = np.array([
    [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
    [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]])


def loudness(planes, weights):
    hop = RATE_HZ // 10
    power = np.zeros(planes.shape[1] // hop)
    for plane, weight in zip(planes, weights):
        if weight:
            weighted = signal.sosfilt(K_WEIGHTING, plane)[:power.size * hop]
            power += weight * (weighted.reshape(-1, hop) ** 2).mean(axis=1)
    blocks = (power[:-3] + power[1:-2] + power[2:-1] + power[3:]) / 4.0
    lufs = lambda mean: -0.691 + 10.0 * np.log10(np.maximum(mean, 1e-20))
    loud = blocks[lufs(blocks) > -70.0]
    loud = loud[lufs(loud) > lufs(loud.mean()) - 10.0]
    return float(lufs(loud.mean()))


def true_peak(planes):
    """
    By spectra of 2^14 frames that overlap by half: interpolation by 4, exact to Nyquist in each one's middle. Only where
    a sample is within 2 dB of the greatest: so little of the signal lies above 10 kHz that nothing else can win.
    """
    size, keep = 1 << 14, 1 << 13
    least, peak = max(np.abs(plane).max() for plane in planes) * 10.0 ** (-2.0 / 20.0), 0.0
    for plane in planes:
        padded = np.concatenate([np.zeros(keep // 2), plane, np.zeros(size)])
        for first in range(0, plane.size, keep):
            part = padded[first:first + size]
            if np.abs(part[keep // 2:-keep // 2]).max() >= least:
                peak = max(peak, np.abs(signal.resample(part, 4 * size)[2 * keep:6 * keep]).max())
    return 20.0 * math.log10(peak)


class J8(Job):
    name, title, seconds, tracks, bits = "J8", "sum of 64 mono 24-bit WAVs x 60 s to stereo 24-bit", 60, 64, 24

    def make(self):
        for path in self.inputs():
            waves.write(path, noise(self.rng, self.frames, 0.03), 24)
        self.write_session([self.track(i, place={"pan": 0}) for i in range(self.tracks)], "stereo")

    def expected(self):
        total = sum(waves.read(path)[0] for path in self.inputs()) * CENTRE
        return np.stack([total, total])


ALL = [J1, J2, J3, J4, J5, J7Stereo, J7Wide, J8]
