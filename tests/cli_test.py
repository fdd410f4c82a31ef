"""The command as a user (and a careless one) meets it: cli_test.py MIXDOWN

Exit codes, what goes to which stream, that one mistake gives one clear line with
its place, and that a render that fails leaves no file behind.
"""
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import wave

MIXDOWN = sys.argv.pop(1)


def write_wav(path, seconds=1.0, rate=48000, channels=1, amplitude=0.25):
    with wave.open(path, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        frames = int(seconds * rate)
        tone = (int(32767 * amplitude * math.sin(2 * math.pi * 1000 * i / rate)) for i in range(frames))
        file.writeframes(b"".join(struct.pack("<h", s) * channels for s in tone))


def session(**changes):
    root = {
        "mixdown": 1,
        "sample_rate": 48000,
        "tracks": [{"name": "Tone", "clips": [{"file": "tone.wav"}]}],
        "deliverables": [{"file": "out.wav", "layout": "stereo", "bit_depth": 24}],
    }
    root.update(changes)
    return root


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mixdown-cli-")
        write_wav(self.path("tone.wav"))

    def tearDown(self):
        os.chmod(self.folder, 0o755)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, content, name="session.json"):
        with open(self.path(name), "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return self.path(name)

    def run_it(self, *arguments, **options):
        done = subprocess.run([MIXDOWN, *arguments], capture_output=True, text=True, timeout=120, **options)
        self.assertGreaterEqual(done.returncode, 0, f"killed by signal {-done.returncode}: {done.stderr}")
        return done

    def render(self, content, *arguments, **options):
        return self.run_it("render", self.write(content), "--backend", "cpu", *arguments, **options)

    def assert_nothing_written(self):
        left = set(os.listdir(self.folder)) - {"session.json", "tone.wav", "bad.wav"}
        self.assertEqual(left, set())

    def refuse(self, content, *words, code=3, command="render", lines=1):
        """The session is refused with exactly so many lines, which hold the words."""
        path = self.write(content)
        done = self.run_it(command, path)
        self.assertEqual(done.returncode, code, done.stderr)
        errors = done.stderr.strip().split("\n")
        self.assertEqual(len(errors), lines, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assert_nothing_written()
        return done.stderr

    # ---- What works ----

    def test_render_prints_results_to_stdout_and_the_rest_to_stderr(self):
        done = self.render(session())
        self.assertEqual(done.returncode, 0, done.stderr)
        line = done.stdout.strip()
        self.assertIn("out.wav  0+2+0  ", line)
        self.assertIn(" LUFS ", line)
        self.assertIn("x real time", done.stderr)

    def test_report_agrees_with_measure(self):
        done = self.render(session(), "--report", self.path("report.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("report.json")) as file:
            reported = json.load(file)["deliverables"][0]
        measured = json.loads(self.run_it("measure", "--json", self.path("out.wav")).stdout)[0]
        for key in ("integrated_lufs", "true_peak_dbtp", "max_short_term_lufs"):
            if reported[key] is None:
                self.assertIsNone(measured[key])
            else:
                self.assertAlmostEqual(reported[key], measured[key], delta=0.01, msg=key)

    def test_report_into_a_folder_that_the_render_makes(self):
        done = self.render(session(), "--output-dir", self.path("new/out"), "--report", self.path("new/out/report.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.path("new/out"))), ["out.wav", "report.json"])

    def many(self, count):
        tracks = [{"name": f"T{i}", "clips": [{"file": "tone.wav"}], "fader_db": -40} for i in range(count)]
        return session(tracks=tracks, deliverables=[{"file": "out.wav", "layout": "mono", "bit_depth": 32}])

    def test_stems(self):
        content = self.many(2)
        content["tracks"][1]["fader_db"] = 20
        done = self.render(content, "--stems", "--report", self.path("report.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.strip().split("\n")
        self.assertIn("out.wav  0+1+0  ", lines[0])
        self.assertIn("out.stems/01 T0.wav  0+1+0  peak -52.04 dBFS", lines[1])
        self.assertIn("out.stems/02 T1.wav: warning: the peak is over full scale by 8.0 dB", done.stderr)
        with open(self.path("report.json")) as file:
            stems = json.load(file)["deliverables"][0]["stems"]
        self.assertEqual([stem["name"] for stem in stems], ["T0", "T1"])
        self.assertEqual([stem["file"] for stem in stems], [self.path(f"out.stems/0{i + 1} T{i}.wav") for i in (0, 1)])
        self.assertAlmostEqual(stems[1]["sample_peak_dbfs"], 7.96, delta=0.01)
        self.assertEqual(stems[1]["clipped_samples"], 0)
        self.assertEqual(sorted(os.listdir(self.path("out.stems"))), ["01 T0.wav", "02 T1.wav"])
        described = self.run_it("check", self.path("session.json"), "--backend", "cpu", "--stems").stdout
        self.assertIn("2 of each deliverable", described)
        self.assertEqual(self.run_it("null-test", self.path("session.json"), "--stems").returncode, 2)

    def test_limit_of_open_files(self):
        def limit(soft, hard):
            return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        done = self.render(self.many(60), "--stems", preexec_fn=limit(64, 64))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("61 files would be open at once", done.stderr)
        self.assertIn("64 in all", done.stderr)
        self.assert_nothing_written()
        done = self.render(self.many(60), "--stems", preexec_fn=limit(64, 512))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(os.listdir(self.path("out.stems"))), 60)
        done = self.run_it("null-test", self.write(self.many(200)), "--backend", "cpu", "--block-size", "1024",
                           preexec_fn=limit(64, 512))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_progress_json(self):
        done = self.render(session(), "--progress", "json", "--block-size", "1024")
        self.assertEqual(done.returncode, 0)
        lines = [json.loads(line) for line in done.stderr.split("\n") if line.startswith("{")]
        self.assertTrue(lines)
        self.assertEqual(lines[-1]["done_s"], lines[-1]["total_s"])
        self.assertLessEqual({"done_s", "total_s", "speed", "remaining_s"}, set(lines[0]))

    def test_no_progress_bar_without_a_terminal(self):
        self.assertNotIn("\r", self.render(session()).stderr)

    def test_sizes_as_people_write_them(self):
        for size in ("512m", "512MB", "0.5GiB", "500000K"):
            self.assertEqual(self.render(session(), "--memory", size).returncode, 0, size)
        done = self.render(session(), "--memory", "100K", "--block-size", "65536")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the session needs 2.", done.stderr)

    def peak_mib(self, content):
        """The highest resident memory of a render on the CPU."""
        with subprocess.Popen([MIXDOWN, "render", self.write(content), "--backend", "cpu"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss / 1024

    def skip_if_sanitized(self):
        with open(MIXDOWN, "rb") as file:
            if b"__asan" in file.read():
                self.skipTest("a sanitizer's own memory is not predicted")

    def test_memory_is_what_check_says(self):
        self.skip_if_sanitized()
        write_wav(self.path("other_rate.wav"), rate=44100, channels=2)
        hall = [{"type": "convolver", "impulse_response": {"decay_s": 3}}]
        content = session(tracks=[{"name": f"T{i}", "clips": [{"file": "other_rate.wav" if i % 2 else "tone.wav"}],
                                   "inserts": hall if i < 4 else []} for i in range(16)])
        said = self.run_it("check", self.write(content), "--backend", "cpu").stdout
        predicted = float(re.search(r"^memory +([\d.]+) MiB", said, re.M).group(1))
        self.assertLess(self.peak_mib(content), 1.5 * predicted)

    def test_memory_does_not_grow_with_length(self):
        self.skip_if_sanitized()
        write_wav(self.path("low.wav"), seconds=10, rate=8000)

        def minutes(count):
            return session(sample_rate=8000, tracks=[
                {"name": "Tone", "clips": [{"file": "low.wav", "start_s": 10 * i} for i in range(6 * count)]}])

        # What grows is the loudness over time, 16 bytes each 100 ms, and the list of clips.
        self.assertLess(self.peak_mib(minutes(60)), self.peak_mib(minutes(1)) + 3)

    def test_null_test(self):
        path = self.write(session())
        done = self.run_it("null-test", path, "--backend", "cpu")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("null", done.stdout)
        done = self.run_it("null-test", path, "--backend", "cpu", "--limit", "-399")
        self.assertEqual(done.returncode, 1, "differences beyond the limit must fail")
        self.assert_nothing_written()

    def test_every_help_has_an_example(self):
        self.assertIn("render", self.run_it("--help").stdout)
        for command in ("render", "check", "null-test", "measure", "devices"):
            done = self.run_it(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("Example: mixdown " + command, done.stdout)

    def test_devices_lists_the_cpu(self):
        done = self.run_it("devices")
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("cpu"))

    def test_devices_without_vulkan(self):
        done = self.run_it("devices", env={**os.environ, "VK_DRIVER_FILES": "/nowhere.json", "VK_ICD_FILENAMES": "/nowhere.json"})
        self.assertEqual(done.returncode, 0)
        self.assertIn("no Vulkan device", done.stdout)

    def usable_vulkan_device(self, **environment):
        """The first usable one as `devices --json` shows it, and its environment."""
        environment = {**os.environ, "XDG_CACHE_HOME": self.path("cache"), **environment}
        done = self.run_it("devices", "--json", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        devices = json.loads(done.stdout)
        self.assertEqual(devices[0]["backend"], "cpu")
        for device in devices[1:]:
            if device["usable"]:
                return device, environment
        self.skipTest("no usable Vulkan device")

    def test_devices_tells_variants_and_why(self):
        device, environment = self.usable_vulkan_device()
        self.assertEqual(list(device["facts"]),
                         ["eq", "convolve", "mix", "limits", "queues", "memory", "timestamps", "pipelines"])
        text = self.run_it("devices", env=environment).stdout
        for name, fact in device["facts"].items():
            self.assertTrue(fact, name)
            self.assertIn(f"    {name:<11} {fact}\n", text)
        self.assertRegex(device["facts"]["queues"], r"family \d+: \d+, .*compute.* \(used\)")
        self.assertRegex(device["facts"]["memory"], r"heap 0: \d+ MiB")
        self.assertIn("KiB of shared memory", device["facts"]["limits"])
        cases = [
            ("subgroup=0", "eq", "256 invocations, scan through shared memory"),
            ("workgroup=128", "eq", "128 invocations, scan through "),
            ("shared=32768", "convolve", "512 invocations exchange whole points through 32 KiB"),
            ("shared=16384", "convolve", "512 invocations exchange real and imaginary parts in turn through 16 KiB"),
            ("partition=8192,shared=32768", "convolve",
             "8192 frames (the longest there are; blocks of 65536), transforms of 1024 invocations exchange real"),
            ("shared=16384,workgroup=128", "convolve", "1024 frames (limited by the size of workgroups"),
            ("partition=512", "convolve", "512 frames (longer ones gain little"),
            ("workgroup=128", "mix", "128 invocations"),
        ]
        for limits, kernel, words in cases:
            with self.subTest(limits=limits):
                device, _ = self.usable_vulkan_device(MXD_VULKAN_LIMITS=limits)
                self.assertIn(words, device["facts"][kernel])

    def test_pipelines_are_cached(self):
        device, environment = self.usable_vulkan_device()
        self.assertEqual(device["facts"]["pipelines"], "none cached yet in " + self.path("cache/mixdown"))
        arguments = ("render", self.write(session()), "--backend", "vulkan", "--device", str(device["device"]))

        def render(**changes):
            done = self.run_it(*arguments, env={**environment, **changes})
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(self.path("out.wav"), "rb") as file:
                return file.read()

        first = render()
        files = os.listdir(self.path("cache/mixdown"))
        self.assertEqual(len(files), 1)
        cached = os.path.join(self.path("cache/mixdown"), files[0])
        self.assertEqual(os.stat(cached).st_mode & 0o777, 0o600)
        with open(cached, "rb") as file:
            whole = file.read()
        device, _ = self.usable_vulkan_device()
        self.assertRegex(device["facts"]["pipelines"], r"^[1-9]\d* bytes cached in ")
        for damaged in (whole[:-1], whole[:40], b"", whole[:-1] + bytes([whole[-1] ^ 1]), bytes(100000)):
            with open(cached, "wb") as file:
                file.write(damaged)
            device, _ = self.usable_vulkan_device()
            self.assertIn("none cached", device["facts"]["pipelines"])
            self.assertEqual(render(), first)
            with open(cached, "rb") as file:
                self.assertEqual(file.read(), whole, "a damaged file is written anew")
        shutil.rmtree(self.path("cache"))
        self.assertEqual(render(MXD_CACHE="off"), first)
        self.assertFalse(os.path.exists(self.path("cache/mixdown")))
        shutil.rmtree(self.path("cache"), ignore_errors=True) # what the driver itself keeps
        open(self.path("cache"), "w").close()
        self.assertEqual(render(), first) # no folder can be made there

    def test_vulkan_without_a_device_fails_clearly(self):
        done = self.run_it("render", self.write(session()), "--backend", "vulkan",
                           env={**os.environ, "VK_DRIVER_FILES": "/nowhere.json", "VK_ICD_FILENAMES": "/nowhere.json"})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Vulkan", done.stderr)
        self.assert_nothing_written()

    def test_one_device_twice(self):
        if "vulkan --device 0" not in self.run_it("devices").stdout:
            self.skipTest("no Vulkan device")
        path = self.write(session())
        vulkan = ["--backend", "vulkan", "--device", "0,0"]
        done = self.run_it("null-test", path, *vulkan)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"vulkan \(2 x .*\) against reference")
        done = self.run_it("check", path, *vulkan)
        self.assertRegex(done.stdout, "backend  *vulkan: 2 x ")
        done = self.run_it("render", path, *vulkan, "--report", self.path("report.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("report.json")) as report:
            self.assertTrue(json.load(report)["device"].startswith("2 x "))

    def test_several_devices_are_vulkan_devices(self):
        path = self.write(session())
        for command in (["render", path, "--backend", "cpu"], ["check", path, "--backend", "reference"],
                        ["null-test", path, "--backend", "cpu"]):
            done = self.run_it(*command, "--device", "0,1")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--backend does not say vulkan", done.stderr)
        self.assert_nothing_written()

    def test_a_device_of_two_is_missing(self):
        done = self.run_it("render", self.write(session()), "--backend", "vulkan", "--device", "0,200")
        self.assertEqual(done.returncode, 1, done.stderr)
        if "vulkan --device 0" in self.run_it("devices").stdout:
            self.assertIn("device 200", done.stderr)
        self.assert_nothing_written()

    def test_check_tells_everything_at_once(self):
        broken = session(tracks=[
            {"name": "A", "clips": [{"file": "missing.wav"}], "fader_dB": 3},
            {"name": "A", "clips": [{"file": "tone.wav"}], "sends": [{"to": "Hal"}]},
        ], buses=[{"name": "Hall", "channels": 2}])
        path = self.write(broken)
        done = self.run_it("check", path)
        self.assertEqual(done.returncode, 3)
        for words in ("missing.wav", "fader_db", "Hall"):
            self.assertIn(words, done.stderr)
        self.assertGreaterEqual(len(done.stderr.strip().split("\n")), 4, done.stderr)

    # ---- The command line ----

    def test_command_line_mistakes(self):
        path = self.write(session())
        for arguments in (
            [], ["mix"], ["render"], ["render", path, path], ["render", path, "--bakend", "cpu"],
            ["render", path, "--backend", "gpu"], ["render", path, "--threads", "0"], ["render", path, "--threads", "many"],
            ["render", path, "--memory", "lots"], ["render", path, "--memory", "1Gb"], ["render", path, "--block-size", "1000"], ["render", path, "--from", "-1"],
            ["render", path, "--from", "nan"], ["render", path, "--report", "r.html"], ["render", path, "--only"],
            ["render", path, "--device", ""], ["render", path, "--device", "0,"], ["render", path, "--device", ",1"],
            ["render", path, "--device", "0,,1"], ["render", path, "--device", "0;1"], ["render", path, "--device", "0,256"],
            ["render", path, "--device", ",".join(["0"] * 17)],
            ["render", path, "--only", "quadro"], ["measure"], ["devices", "all"], ["null-test", path, "--limit", "3"],
        ):
            done = self.run_it(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertTrue(done.stderr.strip(), arguments)
            self.assert_nothing_written()

    # ---- Sessions that cannot be ----

    def test_missing_session(self):
        done = self.run_it("render", self.path("nowhere.json"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("nowhere.json", done.stderr)

    def test_syntax_error_has_line_and_column(self):
        self.refuse('{ "mixdown": 1,\n  "tracks": [ }', "session.json:2:", lines=1)

    def test_unknown_key_suggests_the_nearest(self):
        self.refuse(session(sample_rat=44100), "sample_rat", "sample_rate")

    def test_bad_audio_files(self):
        for content in (b"", b"This is no audio file, it is a letter.\n" * 40, b"RIFF\xff\xff\xff\x7fWAVEfmt ", b"\x89PNG\r\n\x1a\n" + bytes(64)):
            with open(self.path("bad.wav"), "wb") as file:
                file.write(content)
            self.refuse(session(tracks=[{"name": "A", "clips": [{"file": "bad.wav"}]}]), "bad.wav", "session.json:")

    def test_truncated_audio_file(self):
        with open(self.path("tone.wav"), "rb") as file:
            whole = file.read()
        with open(self.path("bad.wav"), "wb") as file:
            file.write(whole[: len(whole) // 2])
        self.refuse(session(tracks=[{"name": "A", "clips": [{"file": "bad.wav"}]}]), "bad.wav", "truncated")

    def test_bus_loop_is_named_in_full(self):
        buses = [{"name": "One", "channels": 2, "output": "Two"}, {"name": "Two", "channels": 2, "sends": [{"to": "Three"}]},
                 {"name": "Three", "channels": 2, "output": "One"}]
        self.refuse(session(buses=buses), "One", "Two", "Three", "->")

    def test_names_that_would_steer_a_terminal(self):
        tone = [{"file": "tone.wav"}]
        for name in ("a\nb", "\x1b[2J", "\x7f", "\u009b2J", "\u0080"):
            self.refuse(session(tracks=[{"name": name, "clips": tone}]), "control characters", "session.json:6:")
        for name in ("\u00a0", "K\u00fcche \U0001f941 \"5\""):
            self.assertEqual(self.render(session(tracks=[{"name": name, "clips": tone}])).returncode, 0)

    def test_loops_without_number(self):
        names = [f"B{i}" for i in range(40)]
        buses = [{"name": a, "channels": 2, "sends": [{"to": b} for b in names]} for a in names]
        self.assertIn("more than 20 loops", self.refuse(session(buses=buses), lines=21))

    def test_other_refusals(self):
        tone = [{"file": "tone.wav"}]
        self.refuse(session(tracks=[]), "track")
        self.refuse(session(deliverables=[]), "deliverable")
        self.refuse(session(deliverables=[{"file": "out.wav", "layout": "7.1.5"}]), "7.1.5", "7.1.4")
        self.refuse(session(tracks=[{"name": "A", "clips": tone, "output": "Nowhere"}]), "Nowhere")
        self.refuse(session(tracks=[{"name": "A", "clips": tone, "fader_db": 900}]), "fader_db", "900")
        self.refuse(session(tracks=[{"name": "A", "clips": [{"file": "tone.wav", "offset_s": 2}]}]), "offset_s", "lasts 1 s")
        self.refuse(session(length_s=1, tracks=[{"name": "A", "clips": [{"file": "tone.wav", "start_s": 2}]}]), "start_s")
        self.refuse(session(tracks=[{"name": "A", "clips": tone, "inserts": [{"type": "limiter"}]}]), "limiter", "not built yet")
        self.refuse(session(tracks=[{"name": "A", "clips": tone, "place": {"object": {"azimuth_deg": 0, "width_deg": 20}}}]),
                    "width_deg", "not built yet")
        self.refuse(session(deliverables=[{"file": "out.wav", "layout": "stereo", "loudness_lufs": -14}]), "loudness_lufs",
                    "not built yet")
        self.refuse(session(deliverables=[{"file": "out.wav", "layout": "binaural"}]), "binaural", "not built yet")
        self.refuse(session(deliverables=[{"file": "out.wav", "format": "adm"}]), "adm", "not built yet")
        self.refuse(session(deliverables=[{"file": "tone.wav", "layout": "stereo"}]), "tone.wav")

    def test_nothing_that_is_read_is_overwritten(self):
        tone = [{"name": "A", "clips": [{"file": "tone.wav"}]}]
        with open(self.path("tone.wav"), "rb") as file:
            before = file.read()
        elsewhere = session(deliverables=[{"file": "x/tone.wav", "layout": "stereo"}])
        for content, arguments, word in (
            (elsewhere, ["--output-dir", self.folder], "tone.wav"),
            (session(deliverables=[{"file": "x/session.json", "format": "wav", "layout": "stereo"}]),
             ["--output-dir", self.folder], "the session file"),
            (session(), ["--report", self.path("session.json")], "the session file"),
            (session(deliverables=[{"file": "out.json", "format": "wav", "layout": "stereo"}]),
             ["--report", self.path("./out.json")], "the deliverable"),
            (session(), ["--output-dir", ""], "--output-dir"),
        ):
            done = self.render(content, *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr)
            self.assert_nothing_written()
            with open(self.path("session.json")) as file:
                self.assertEqual(json.load(file), content)
        with open(self.path("tone.wav"), "rb") as file:
            self.assertEqual(file.read(), before)

        room = session(tracks=[{**tone[0], "inserts": [{"type": "convolver", "impulse_response": "tone.wav"}],
                                "clips": []}], length_s=1, deliverables=[{"file": "tone.wav", "layout": "stereo"}])
        self.refuse(room, "an insert of", "warning: the track has no clips", lines=2)

    def test_what_automation_may_name(self):
        moving = [{"parameter": "gain", "points": [[0, 0]]}]
        bell = [{"type": "bell", "frequency_hz": 100, "gain_db": 1}]
        for insert, word in (({"type": "eq", "bands": bell}, 'for instance "bands[0].gain_db"'),
                             ({"type": "compressor"}, 'one is "threshold_db"'), ({"type": "polarity"}, "it has none"),
                             ({"type": "gain"}, 'did you mean "gain_db"')):
            tracks = [{"name": "A", "clips": [{"file": "tone.wav"}], "inserts": [{**insert, "automation": moving}]}]
            self.refuse(session(tracks=tracks), "/tracks/0/inserts/0/automation/0/parameter", word)

    def test_a_tail_of_hours_is_told(self):
        echo = [{"type": "delay", "time_s": 10, "feedback": 0.99}]
        tracks = [{"name": "A", "clips": [{"file": "tone.wav"}], "inserts": echo}]
        check = self.run_it("check", self.write(session(tracks=tracks)), "--backend", "cpu")
        self.assertEqual(check.returncode, 0, check.stderr)
        self.assertRegex(check.stderr, r"warning: this delay rings for 1\d{4} s.*\"length_s\"")
        check = self.run_it("check", self.write(session(tracks=tracks, length_s=2)), "--backend", "cpu")
        self.assertEqual((check.returncode, check.stderr), (0, ""))

    def test_two_deliverables_into_one_file(self):
        os.mkdir(self.path("a"))
        os.symlink("a", self.path("b"))
        two = session(deliverables=[{"file": "a/new/x.wav", "layout": "stereo"}, {"file": "b/new/x.wav", "layout": "5.1"}])
        for command in ("render", "check"):
            done = self.run_it(command, self.write(two), "--backend", "cpu")
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("session.json:", done.stderr)
            self.assertIn("through a link", done.stderr)
        self.assertEqual(self.render(two, "--only", "5.1").returncode, 0)
        done = self.render(session(deliverables=[{"file": "a/y.wav", "layout": "stereo"}, {"file": "c/y.wav", "layout": "5.1"}]),
                           "--output-dir", self.path("d"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--only", done.stderr)
        self.assertFalse(os.path.exists(self.path("d")))

    def test_what_cannot_be_written_is_told_before_the_work(self):
        year = [{"name": "A", "clips": [{"file": "tone.wav", "start_s": 366 * 86400}]}]
        for content, arguments, word in (
            (session(tracks=year), [], "TB"),  # 9 TB of stereo
            (session(deliverables=[{"file": "tone.wav/x/out.wav", "layout": "stereo"}]), [], "is a file where a folder should be"),
            (session(deliverables=[{"file": "new/" + "o" * 300 + ".wav", "layout": "stereo"}]), [], "too long"),
            (session(tracks=year), ["--to", "1", "--report", self.path("none/r.json")], "no such folder"),
        ):
            done = self.render(content, *arguments)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(len(done.stderr.strip().split("\n")), 1, done.stderr)
            self.assertIn(word, done.stderr)
            self.assert_nothing_written()
            if not arguments:
                checked = self.run_it("check", self.path("session.json"), "--backend", "cpu")
                self.assertEqual((checked.returncode, checked.stderr), (1, done.stderr))
        done = self.run_it("check", self.write(session()), "--backend", "cpu", "--from", "5")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("1.000 s", done.stderr)

    def test_session_is_a_device(self):
        done = self.run_it("check", "/dev/zero")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("device", done.stderr)

    def test_interrupt_while_the_session_is_awaited(self):
        os.mkfifo(self.path("bad.wav"))
        process = subprocess.Popen([MIXDOWN, "render", self.path("bad.wav")], stderr=subprocess.PIPE)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertIn(process.returncode, (-signal.SIGINT, 130))

    # ---- Renders that fail ----

    def test_non_finite_samples(self):
        floats = struct.pack("<4f", 0.0, 0.5, float("nan"), 0.0)
        header = b"RIFF" + struct.pack("<I", 36 + len(floats)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, 48000, 192000, 4, 32)
        with open(self.path("bad.wav"), "wb") as file:
            file.write(header + b"data" + struct.pack("<I", len(floats)) + floats)
        done = self.render(session(tracks=[{"name": "A", "clips": [{"file": "bad.wav"}]}]))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("bad.wav", done.stderr)
        self.assertIn("frame 2", done.stderr)
        self.assert_nothing_written()

    def test_full_disk(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

        done = self.render(session(), preexec_fn=small_files)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("out.wav", done.stderr)
        self.assert_nothing_written()
        done = self.render(self.many(20), "--stems", "--threads", "1", preexec_fn=small_files)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assert_nothing_written()

    def test_stems_of_floats_need_no_room_for_silence(self):
        disk = os.statvfs(self.folder)
        length_s = min(0.4 * disk.f_bavail * disk.f_frsize / (48000 * 4), 3e7)
        path = self.write({**self.many(4), "length_s": length_s})
        done = self.run_it("check", path, "--stems", "--backend", "cpu")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_folder_of_stems_is_told_once(self):
        with open(self.path("out.stems"), "w"):
            pass
        done = self.render(self.many(20), "--stems")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("is a file where a folder should be", done.stderr)
        os.remove(self.path("out.stems"))
        os.symlink("nowhere/at/all", self.path("out.stems"))
        done = self.render(self.many(20), "--stems")
        self.assertIn("a link that leads nowhere", done.stderr)
        os.remove(self.path("out.stems"))
        os.makedirs(self.path("out.stems/01 T0.wav"))
        done = self.render(self.many(2), "--stems")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("it is a folder", done.stderr)

    def test_unwritable_folder(self):
        with open(self.path("bad.wav"), "w") as file:
            file.write("a file where a folder should be")
        done = self.render(session(deliverables=[{"file": "bad.wav/out.wav", "layout": "stereo"}]))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("bad.wav", done.stderr)
        self.assert_nothing_written()

    def test_range_outside_the_session(self):
        marked = session(markers=[{"name": "Verse", "time_s": 0.25}])
        done = self.render(marked, "--from", "Vrese")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("there is no marker \"Vrese\"; did you mean \"Verse\"?", done.stderr)
        self.assert_nothing_written()
        done = self.render(session(), "--from", "5")
        self.assertIn(done.returncode, (1, 3))
        self.assertIn("1.000 s", done.stderr)
        self.assert_nothing_written()

    def test_interrupt_leaves_no_half_files(self):
        clips = [{"file": "tone.wav", "start_s": i} for i in range(600)]
        tracks = [{"name": str(n), "clips": clips, "inserts": [{"type": "eq", "bands": [
            {"type": "bell", "frequency_hz": 100 * (b + 1), "gain_db": 1} for b in range(16)]}]} for n in range(4)]
        path = self.write(session(tracks=tracks))
        for number in (signal.SIGINT, signal.SIGHUP):
            self.interrupt(path, number)

    def interrupt(self, path, number):
        process = subprocess.Popen([MIXDOWN, "render", path, "--backend", "reference", "--progress", "json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertTrue(process.stderr.readline().startswith("{"))  # it is at work
        process.send_signal(number)
        started = time.monotonic()
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertLess(time.monotonic() - started, 20)
        self.assertIn("interrupted", stderr)
        self.assertEqual(stdout, "")
        self.assert_nothing_written()

    def test_clipping_is_told(self):
        loud = session(tracks=[{"name": "A", "clips": [{"file": "tone.wav", "gain_db": 20}]}])
        done = self.render(loud)
        self.assertEqual(done.returncode, 0)
        self.assertIn("clipped", done.stderr)

    def test_plugin_that_crashes(self):
        plugins = os.path.join(os.path.dirname(os.path.abspath(MIXDOWN)), "tests", "lv2")
        insert = {"type": "lv2", "uri": "urn:mixdown:test:crash"}
        bad = session(tracks=[{"name": "A", "clips": [{"file": "tone.wav", "gain_db": 20}], "inserts": [insert]}])
        done = self.render(bad, env={**os.environ, "LV2_PATH": plugins})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, "")
        for words in ("session.json", "/tracks/0/inserts/0", "Test crash", "crashed", "frames from 0"):
            self.assertIn(words, done.stderr)
        self.assert_nothing_written()

    def test_standard_output_that_is_full(self):
        path = self.write(session())
        for command in (["render", path, "--backend", "cpu"], ["check", path, "--backend", "cpu"], ["devices"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([MIXDOWN, *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("standard output cannot be written", done.stderr)

    def test_measure_failures(self):
        done = self.run_it("measure", self.path("tone.wav"), self.path("missing.wav"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("missing.wav", done.stderr)
        self.assertIn("tone.wav", done.stdout)


if __name__ == "__main__":
    unittest.main()
