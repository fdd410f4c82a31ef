"""Delay and tremolo beside ffmpeg's and sox's, where the laws are the same.

Usage: delay_witness_test.py MIXDOWN

ffmpeg 5.1.9: aecho, adelay, tremolo; sox 14.4.2: echo, tremolo. Their
chorus, flanger and phaser follow other laws (whole or linearly interpolated
frames, other starts), and are no witnesses. Skips itself, saying so, where the
programs are not installed (Debian: ffmpeg, sox).
"""

import array
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

MIXDOWN = os.path.abspath(sys.argv[1])
SKIPPED = 77
FLOAT = ["-e", "float", "-b", "32"]


def run(*command):
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if answer.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), answer.stderr))


def read(path):
    """The first channel's samples of a float WAV file."""
    with open(path, "rb") as file:
        data = file.read()
    at, channels = 12, 0
    while at < len(data):
        name, size = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        if name == b"fmt ":
            channels = struct.unpack("<H", data[at + 10:at + 12])[0]
        elif name == b"data":
            samples = array.array("f")
            samples.frombytes(data[at + 8:min(at + 8 + size, len(data))])
            return samples[::channels]
        at += 8 + size + size % 2
    raise RuntimeError(path)


class DelayWitnessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        os.chdir(cls.temporary.name)
        run("sox", "-R", "-n", "-r", "48000", "-c", "1", *FLOAT, "noise.wav", "synth", "1", "pinknoise", "vol", "0.5")

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.temporary.cleanup()

    def ours(self, insert):
        session = {"mixdown": 1, "sample_rate": 48000,
                   "tracks": [{"name": "A", "clips": [{"file": "noise.wav"}], "inserts": [insert], "place": {"pan": -1}}],
                   "deliverables": [{"file": "out.wav", "layout": "stereo", "bit_depth": 32}]}
        with open("session.json", "w", encoding="utf-8") as file:
            json.dump(session, file)
        run(MIXDOWN, "render", "session.json", "--backend", "cpu", "--progress", "none")
        return read("out.wav")

    def assert_same(self, insert, theirs, gain):
        """Ours is theirs times a gain, to -110 dB of its peak."""
        ours = self.ours(insert)
        count = min(len(ours), len(theirs))
        self.assertGreaterEqual(count, 48000)
        peak = max(abs(x) for x in ours)
        worst = max(abs(a - gain * b) for a, b in zip(ours[:count], theirs[:count]))
        self.assertGreater(peak, 0.05)
        self.assertLess(worst, 3e-6 * peak, insert)

    def ffmpeg(self, law):
        run("ffmpeg", "-y", "-loglevel", "error", "-i", "noise.wav", "-af", law, "-c:a", "pcm_f32le", "theirs.wav")
        return read("theirs.wav")

    def sox(self, *law):
        run("sox", "-D", "noise.wav", *FLOAT, "theirs.wav", *law)
        return read("theirs.wav")

    def test_delays(self):
        self.assert_same({"type": "delay", "time_s": 0.1, "mix": 1}, self.ffmpeg("adelay=100"), 1)
        # Dry 1 and an echo of 0.5, which is 1.5 times dry 2/3 and an echo of 1/3.
        self.assert_same({"type": "delay", "time_s": 0.1, "mix": 1 / 3}, self.ffmpeg("aecho=1:1:100:0.5"), 2 / 3)
        self.assert_same({"type": "delay", "time_s": 0.1, "mix": 1 / 3}, self.sox("echo", "0.8", "0.8", "100", "0.4"),
                         2 / 3 / 0.64)

    def test_tremolos(self):
        # ffmpeg takes a whole number of frames a cycle.
        for depth, rate in ((0.6, 5), (1, 0.5), (0.25, 12)):
            insert = {"type": "tremolo", "rate_hz": rate, "depth": depth}
            self.assert_same(insert, self.ffmpeg("tremolo=f=%g:d=%g" % (rate, depth)), 1)
            self.assert_same(insert, self.sox("tremolo", str(rate), str(100 * depth)), 1)


if __name__ == "__main__":
    missing = [name for name in ("ffmpeg", "sox") if not shutil.which(name)]
    if missing:
        print("not installed: " + ", ".join(missing))
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
