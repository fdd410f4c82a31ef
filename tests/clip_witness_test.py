"""Edited clips beside the same edit by sox and by Rubber Band's own program.

Usage: clip_witness_test.py MIXDOWN

Skips itself, saying so, where these programs are not installed (Debian: sox,
rubberband-cli).
"""

import array
import json
import math
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
SECONDS = 2.0


def run(*command):
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if answer.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), answer.stderr))


def read(path):
    """Channels and interleaved samples of a float WAV file."""
    with open(path, "rb") as file:
        data = file.read()
    at, channels = 12, 0
    while at < len(data):
        name, size = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        if name == b"fmt ":
            channels, bits = struct.unpack("<H", data[at + 10:at + 12])[0], struct.unpack("<H", data[at + 22:at + 24])[0]
            assert bits == 32
        elif name == b"data":
            samples = array.array("f")
            samples.frombytes(data[at + 8:at + 8 + size])
            return channels, samples
        at += 8 + size + size % 2
    raise RuntimeError(path)


class ClipWitnessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        os.chdir(cls.temporary.name)
        run("sox", "-R", "-n", "-r", "48000", "-c", "2", *FLOAT, "noise.wav", "synth", str(SECONDS), "pinknoise", "vol", "0.5")
        run("sox", "-R", "-n", "-r", "48000", "-c", "2", *FLOAT, "tone.wav", "synth", str(SECONDS), "sin", "1000",
            "sin", "3000", "vol", "0.5")

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.temporary.cleanup()

    def compare(self, limit_dbfs, before=0, behind=0, file="noise.wav", **keys):
        """The clip against theirs.wav, but for so many frames at both ends; limit None: the same to the bit."""
        session = {"mixdown": 1, "sample_rate": 48000,
                   "tracks": [{"name": "A", "channels": 2, "clips": [{"file": file, **keys}]}],
                   "deliverables": [{"file": "ours.wav", "layout": "stereo", "bit_depth": 32}]}
        with open("session.json", "w", encoding="utf-8") as out:
            json.dump(session, out)
        run(MIXDOWN, "render", "session.json", "--backend", "cpu", "--threads", "1")
        (channels, ours), (their_channels, theirs) = read("ours.wav"), read("theirs.wav")
        self.assertEqual((channels, len(ours)), (their_channels, len(theirs)), keys)
        kept = slice(2 * before, len(ours) - 2 * behind)
        peak = max(abs(a - b) for a, b in zip(ours[kept], theirs[kept]))
        self.assertLessEqual(20 * math.log10(peak) if peak else -1000, -1000 if limit_dbfs is None else limit_dbfs, keys)

    def sox(self, *effects, file="noise.wav"):
        run("sox", "-D", file, *FLOAT, "theirs.wav", *effects)

    def test_spans(self):
        self.sox("reverse")
        self.compare(None, reverse=True)
        self.sox("trim", "0.5", "1", "reverse")
        self.compare(None, reverse=True, offset_s=0.5, length_s=1)
        self.sox("trim", "0.5", "0.75", "repeat", "3")
        self.compare(None, offset_s=0.5, length_s=0.75, loop={"length_s": 3})

    def test_channels(self):
        self.sox("vol", "-1")
        self.compare(None, polarity=True)
        self.sox("remix", "2", "1")
        self.compare(None, channels=[1, 0])
        self.sox("remix", "-", "-")
        self.compare(None, mono_sum=True)

    def test_fades(self):
        """sox works in integers of 32 bits."""
        for curve, theirs in (("linear", "t"), ("equal-power", "q"), ("s-curve", "h")):
            self.sox("fade", theirs, "1", str(SECONDS), "0.5")
            self.compare(-145, fade_in={"length_s": 1, "curve": curve}, fade_out={"length_s": 0.5, "curve": curve})

    def test_speed(self):
        for speed in (0.5, 1.25, 2):
            self.sox("speed", str(speed), "rate", "-v", "48000", file="tone.wav")
            self.compare(-140, before=2000, behind=2000, file="tone.wav", speed=speed)

    def test_stretch(self):
        """Behind the file's end we give the engine more silence than its program does: that is left out."""
        for keys, arguments in (({"stretch": 1.5}, ["-t", "1.5"]), ({"stretch": 0.7}, ["-t", "0.7"]),
                                ({"pitch_semitones": 3}, ["-p", "3", "--pitch-hq"]),
                                ({"stretch": 1.2, "pitch_semitones": -4, "preserve_formants": True},
                                 ["-t", "1.2", "-p", "-4", "--formant", "--pitch-hq"])):
            run("rubberband", "--fine", "--ignore-clipping", *arguments, "noise.wav", "theirs.wav")
            self.compare(None, behind=9600, **keys)


if __name__ == "__main__":
    MISSING = [name for name in ("sox", "rubberband") if not shutil.which(name)]
    if MISSING:
        print("skipped: not installed: " + ", ".join(MISSING))
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
