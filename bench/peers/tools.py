"""
How each tool is asked to do each job. A tool's function for a job writes what
the tool needs beside the inputs (configurations, raw copies: not timed) and
returns its runs; README.md says why each is set up as it is.
"""
import os
import re
import shutil
import subprocess
import sys

import supercollider
import waves
from jobs import CENTRE, bell
from waves import RATE_HZ

HERE = os.path.dirname(os.path.abspath(__file__))


class Run:
    """
    One process to time. out: a file, or files of one channel each, or None where the result is printed; latency: how
    many frames late sound comes out; pattern: finds loudness and true peak in what is printed; counted: whether its
    processor time is known (children that nobody waits for are not in it).
    """
    counted = True

    def __init__(self, tool, threads, argv, out=None, latency=0, pattern=None, note="", raw_channels=0):
        self.tool, self.threads, self.argv, self.out, self.latency = tool, threads, [str(a) for a in argv], out, latency
        self.pattern, self.note, self.raw_channels = pattern, note, raw_channels

    def signals(self):
        """[channel][frame] of what the last run left, a piece at a time: first channel, piece."""
        import numpy as np
        if self.raw_channels:
            yield 0, np.fromfile(self.out, "<f4").astype(np.float64).reshape(-1, self.raw_channels).T
            return
        for i, path in enumerate(self.out if isinstance(self.out, list) else [self.out]):
            yield i, waves.read(path)


def text(path, lines):
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def pairs(job):
    return [path for both in zip(job.inputs(), job.responses()) for path in both]


def bands_file(job):
    bands = [job.bands(i) for i in range(job.tracks)] if job.name == "J3" else [[job.band(i)] for i in range(job.tracks)]
    return text(job.path("bands.txt"), [" ".join(repr(float(x)) for b in row for x in b) for row in bands])


def gains_file(job):
    return text(job.path("gains.txt"), ["%r %r" % job.gains(i) for i in range(job.tracks)])


def stems(job, tool):
    folder = job.path("out_" + tool)
    os.makedirs(folder, exist_ok=True)
    return folder, [os.path.join(folder, f"t{i}.wav") for i in range(job.tracks)]


def package_version(package):
    result = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return f"{package} {result.stdout}"


class Tool:
    """jobs: functions j1, j2, ... j7 (both), each of job to a list of runs."""
    executable = None

    def __init__(self, folder):
        self.folder = folder

    def find(self):
        """None, or why it cannot run."""
        return None if shutil.which(self.executable) else "not installed"

    def version(self):
        result = subprocess.run([self.executable, *self.version_arguments], capture_output=True, text=True)
        lines = (result.stdout + result.stderr).strip().splitlines()
        found = [line for line in lines if re.search(r"\d+\.\d+", line)]
        return found[0].strip()[:80] if found else "?"

    version_arguments = ["--version"]

    def runs(self, job):
        function = getattr(self, job.name.lower().split(".")[0], None)
        return function(job) if function else []


class Mixdown(Tool):
    name = "mixdown"

    def find(self):
        return None if os.access(self.executable, os.X_OK) else f"no {self.executable}"

    def render(self, job):
        out = job.path("out_mixdown")
        return [Run(self.name, t, [self.executable, "render", job.session, "--backend", "cpu", "--threads", t, "--output-dir",
                                   out, "--progress", "none"], os.path.join(out, job.name.lower() + ".wav"))
                for t in (1, 2)]

    j1 = j2 = j4 = j5 = j8 = render

    def j3(self, job):
        if "--stems" not in subprocess.run([self.executable, "render", "--help"], capture_output=True, text=True).stdout:
            return "not yet: mixdown render has no --stems"
        runs = self.render(job)
        for run in runs:
            run.argv.append("--stems")
            run.out = Stems(job.path("out_mixdown"), job.tracks)
            run.note = "writes the mix too"
        return runs

    def j7(self, job):
        return [Run(self.name, t, [self.executable, "measure", "--json", "--threads", t, "--layout", job.layout,
                                   job.inputs()[0]], pattern=r'integrated_lufs": (\S+),.*true_peak_dbtp": (\S+),')
                for t in (1, 2)]


class Stems(list):
    """The stems of tracks t0, t1, ..., wherever in a folder they were put: looked for when they are read."""

    def __init__(self, folder, count):
        super().__init__()
        self.folder, self.count = folder, count

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def __iter__(self):
        files = [os.path.join(place, name) for place, _, names in os.walk(self.folder) for name in names]
        for i in range(self.count):
            found = [path for path in files if re.search(rf"(^|[^0-9A-Za-z])t{i}\.wav$", path)]
            if not found:
                raise ValueError(f"no stem of track t{i} in {self.folder}")
            yield found[0]


class Floor(Tool):
    name = "floor"

    def find(self):
        return None if os.access(self.executable, os.X_OK) else f"no {self.executable}"

    def version(self):
        return "bench/floor"

    def run(self, job, word, arguments, out=None, **keys):
        return [Run(self.name, t, [self.executable, word, t, *arguments], out, **keys) for t in (1, 2)]

    def convolve(self, job):
        out = job.path("floor.wav")
        return self.run(job, "convolve", [os.path.join(self.folder, "floor.wisdom"), out, *pairs(job)], out)

    j1 = j2 = convolve

    def j3(self, job):
        folder, files = stems(job, "floor")
        return self.run(job, "equalise", [bands_file(job), folder, *job.inputs()], files)

    def j4(self, job):
        out = job.path("floor.wav")
        return self.run(job, "mix", [bands_file(job), gains_file(job), out, *job.inputs()], out)

    def j5(self, job):
        out = job.path("floor.wav")
        return self.run(job, "objects", [job.path("gains.f32"), job.grid, out, *job.inputs()], out,
                        note="gains from a table")

    def j7(self, job):
        return self.run(job, "measure", [",".join(map(str, job.weights)), job.inputs()[0]],
                        pattern=r"(\S+) LUFS (\S+) dBTP")

    def j8(self, job):
        out = job.path("floor.wav")
        return self.run(job, "sum", [CENTRE, out, *job.inputs()], out)


class Program(Tool):
    """A small program of this folder round a library."""

    def find(self):
        self.executable = os.path.join(self.folder, self.name)
        result = subprocess.run([*self.compile, os.path.join(HERE, self.source), "-o", self.executable, *self.libraries],
                                capture_output=True, text=True)
        return None if result.returncode == 0 else "does not build: " + (result.stderr.strip().splitlines() or ["?"])[0]

    def version(self):
        return package_version(self.package)


class Zita(Program):
    name, source, compile = "zita-convolver", "zita.cpp", ["c++", "-O2"]
    libraries, package = ["-lzita-convolver", "-lfftw3f", "-lsndfile", "-lpthread"], "libzita-convolver-dev"

    def j1(self, job):
        return self.j2(job)[:1]

    def j2(self, job):
        out = job.path("zita.wav")
        return [Run(self.name, t, [self.executable, t, out, *pairs(job)], out) for t in (1, 2)]


class Ebur128(Program):
    name, source, compile = "libebur128", "ebur128.c", ["cc", "-O2"]
    libraries, package = ["-lebur128", "-lsndfile", "-lm"], "libebur128-dev"

    def j7(self, job):
        return [Run(self.name, 1, [self.executable, job.inputs()[0]], pattern=r"(\S+) LUFS (\S+) dBTP")]


class Scipy(Tool):
    name, executable = "scipy", sys.executable

    def version(self):
        import numpy
        import scipy
        return f"scipy {scipy.__version__}, numpy {numpy.__version__}"

    def run(self, word, out, arguments):
        return [Run(self.name, t, ["env", f"OMP_NUM_THREADS={t}", f"OPENBLAS_NUM_THREADS={t}", sys.executable,
                                   os.path.join(HERE, "scipy_tool.py"), word, t,
                                   os.path.dirname(out[0]) if isinstance(out, list) else out, *arguments], out)
                for t in (1, 2)]

    def j2(self, job):
        return self.run("convolve", job.path("scipy.wav"), pairs(job))

    j1 = j2

    def j3(self, job):
        return self.run("equalise", stems(job, "scipy")[1], [bands_file(job), *job.inputs()])

    def j4(self, job):
        return self.run("mix", job.path("scipy.wav"), [bands_file(job), gains_file(job), *job.inputs()])

    def j8(self, job):
        return self.run("sum", job.path("scipy.wav"), [CENTRE, *job.inputs()])


class Brutefir(Tool):
    name, executable = "BruteFIR", "brutefir"

    def version(self):
        return package_version("brutefir")

    def convolve(self, job, threads):
        outputs, taps = job.outputs, job.taps
        part = 16384
        lines = [f"sampling_rate: {RATE_HZ};", f"filter_length: {part},{-(-taps // part)};", "float_bits: 32;",
                 "overflow_warnings: false;", "show_progress: false;", "max_dither_table_size: 0;",
                 "allow_poll_mode: false;", "monitor_rate: false;", "powersave: false;", "lock_memory: false;",
                 f'convolver_config: "{self.folder}/brutefir.wisdom";']
        names = lambda kind, count: ",".join(f'"{kind}{i}"' for i in range(count))
        for i, (x, h) in enumerate(zip(job.inputs(), job.responses())):
            waves.read(x).astype("<f4").T.tofile(x + ".raw")
            for c, response in enumerate(waves.read(h)):
                response.astype("<f4").tofile(f"{h}.{c}.raw")
                lines.append(f'coeff "c{i}.{c}" {{ filename: "{h}.{c}.raw"; format: "FLOAT_LE"; attenuation: 0.0; }};')
                process = c * threads // outputs
                lines.append(f'filter "f{i}.{c}" {{ from_inputs: "i{i}"; to_outputs: "o{c}"; coeff: "c{i}.{c}"; '
                             f'process: {process}; }};')
            lines.append(f'input "i{i}" {{ device: "file" {{ path: "{x}.raw"; }}; sample: "FLOAT_LE"; channels: 1; }};')
        out = job.path(f"brutefir{threads}.raw")
        lines.append(f'output {names("o", outputs)} {{ device: "file" {{ path: "{out}"; }}; sample: "FLOAT_LE"; '
                     f'channels: {outputs}; dither: false; }};')
        config = text(job.path(f"brutefir{threads}.conf"), lines)
        # It writes its defaults into the home folder.
        run = Run(self.name, threads, ["env", "HOME=" + self.folder, self.executable, "-quiet", config], out,
                  raw_channels=outputs, note="raw files")
        run.counted = False
        return run

    def j1(self, job):
        return [self.convolve(job, 1)]

    def j2(self, job):
        return [self.convolve(job, 1), self.convolve(job, 2)]


class Ffmpeg(Tool):
    name, executable, version_arguments = "ffmpeg", "ffmpeg", ["-version"]

    def version(self):
        return " ".join(super().version().split()[:3])

    def run(self, job, inputs, graph, arguments, out, threads=(1, 2), **keys):
        argv = [self.executable, "-nostdin", "-hide_banner", "-y", "-loglevel", "info" if "pattern" in keys else "error"]
        for path in inputs:
            argv += ["-i", path]
        script = text(job.path("ffmpeg.txt"), [graph])
        return [Run(self.name, t, [*argv, "-filter_complex_threads", t, "-filter_complex_script", script, *arguments,
                                   *([out] if isinstance(out, str) else [])], out, **keys) for t in threads]

    def j1(self, job):
        # irgain: gtype=none of 5.1 is 6.02 dB too loud.
        out, gain = job.path("ffmpeg.wav"), self.response_gain()
        return self.run(job, pairs(job), f"[0:a][1:a]afir=gtype=none:{gain}minp=8192:maxp=32768[o]",
                        ["-map", "[o]", "-c:a", "pcm_f32le"], out, (1,))

    def response_gain(self):
        major = re.search(r"version n?(\d+)", self.version())
        return "irgain=0.5:" if major and int(major.group(1)) < 6 else "irnorm=-1:"

    def j2(self, job):
        out, gain, graph = job.path("ffmpeg.wav"), self.response_gain(), ""
        for i in range(job.tracks):
            # In 5.1 the last partition of most tracks is lost without the silence that is cut off again below.
            graph += (f"[{2 * i}:a]pan=stereo|c0=c0|c1=c0,apad=pad_len=65536[s{i}];"
                      f"[s{i}][{2 * i + 1}:a]afir=gtype=none:{gain}minp=8192:maxp=32768[w{i}];")
        graph += "".join(f"[w{i}]" for i in range(job.tracks)) + f"amix=inputs={job.tracks}:normalize=0,"
        graph += f"atrim=end_sample={job.frames}[o]"
        return self.run(job, pairs(job), graph, ["-map", "[o]", "-c:a", "pcm_f32le"], out)

    def bells(self, bands):
        return ",".join(f"equalizer=f={f!r}:t=q:w={q!r}:g={g!r}:r=f64" for f, g, q in bands)

    def j3(self, job):
        _, files = stems(job, "ffmpeg")
        graph = ";".join(f"[{i}:a]{self.bells(job.bands(i))}[o{i}]" for i in range(job.tracks))
        arguments = [x for i, f in enumerate(files) for x in ("-map", f"[o{i}]", "-c:a", "pcm_f32le", f)]
        return self.run(job, job.inputs(), graph, arguments, files)

    def j4(self, job):
        out, graph = job.path("ffmpeg.wav"), ""
        for i in range(job.tracks):
            left, right = job.gains(i)
            graph += f"[{i}:a]aformat=flt,{self.bells([job.band(i)])},pan=stereo|c0={left!r}*c0|c1={right!r}*c0[p{i}];"
        graph += "".join(f"[p{i}]" for i in range(job.tracks))
        graph += f"amix=inputs={job.tracks}:normalize=0,ebur128=peak=true:framelog=verbose[o]"
        return self.run(job, job.inputs(), graph, ["-map", "[o]", "-c:a", "pcm_s24le"], out)

    def j7(self, job):
        source = job.inputs()[0]
        if len(job.weights) == 12:  # ebur128 refuses channels without places, and nothing but the file can give them
            source = job.path("ffmpeg_in.wav")
            waves.copy_with_mask(job.inputs()[0], source, 0x2D63F)
        return [Run(self.name, 1, [self.executable, "-nostdin", "-hide_banner", "-i", source, "-filter_complex",
                                   "ebur128=peak=true:framelog=verbose", "-f", "null", "-"],
                    pattern=r"(?s).* I: +(\S+) LUFS.*Peak: +(\S+) dBFS")]

    def j8(self, job):
        out = job.path("ffmpeg.wav")
        graph = "".join(f"[{i}:a]" for i in range(job.tracks))
        graph += f"amix=inputs={job.tracks}:normalize=0,pan=stereo|c0={CENTRE}*c0|c1={CENTRE}*c0[o]"
        return self.run(job, job.inputs(), graph, ["-map", "[o]", "-c:a", "pcm_s24le"], out)


class Sox(Tool):
    name, executable = "sox", "sox"

    def j3(self, job):
        _, files = stems(job, "sox")
        lines = [f"{x} {y} " + " ".join(f"equalizer {f!r} {q!r}q {g!r}" for f, g, q in job.bands(i))
                 for i, (x, y) in enumerate(zip(job.inputs(), files))]
        script = text(job.path("sox.txt"), lines)
        return [Run(self.name, t, ["xargs", "-a", script, "-P", t, "-L", 1, "sox", "-D"], files, note="processes")
                for t in (1, 2)]

    def j8(self, job):
        out = job.path("sox.wav")
        inputs = [x for path in job.inputs() for x in ("-v", CENTRE, path)]
        return [Run(self.name, 1, ["sox", "-D", "-m", *inputs, "-b", 24, out, "remix", 1, 1], out)]


class Csound(Tool):
    name, executable = "csound", "csound"

    def run(self, job, instrument, channels, out, flags=("-f",), head="", latency=0, files=None, block=512, **keys):
        """instrument: the body, in which p4 counts tracks; iseconds: how long."""
        seconds = (job.frames + latency) / RATE_HZ
        orchestra = f"<CsoundSynthesizer>\n<CsInstruments>\nsr={RATE_HZ}\nksmps={block}\nnchnls={channels}\n0dbfs=1\n{head}\n"
        orchestra += "instr 1\n" + instrument + "\nendin\n</CsInstruments>\n<CsScore>\n"
        orchestra += "\n".join(f"i 1 0 {seconds!r} {i}" for i in range(job.tracks))
        script = text(job.path("csound.csd"), [orchestra, "</CsScore>", "</CsoundSynthesizer>"])
        output = ["-W", *flags, "-o", out] if out else ["-n"]
        return [Run(self.name, t, ["csound", "-d", "-m0", f"-j{t}", *output, script], files or out, latency, **keys)
                for t in (1, 2)]

    def source(self, job, late=0):
        return f'Sfile sprintf "{job.path("%d.wav")}", p4\nax diskin2 Sfile, 1, {-late / RATE_HZ!r}, 0, 0, 1\n'

    @staticmethod
    def bells(bands):
        return "\n".join("ax biquad ax, " + ", ".join(band) for band in bands) + "\n"

    def coefficients(self, tracks):
        """Tables of each band's coefficients, a value a track; and for each band the six table look-ups."""
        head, lines = "", []
        for b in range(len(tracks[0])):
            sections = [bell(*bands[b]) for bands in tracks]
            for k in range(6):
                head += self.table(f"c{b}_{k}", [section[k] for section in sections])
            lines.append([f"gic{b}_{k}[p4]" for k in range(6)])
        return head, lines

    def table(self, name, values):
        return f"gi{name}[] fillarray " + ", ".join(repr(float(v)) for v in values) + "\n"

    def convolve(self, job):
        part, out = 8192, job.path("csound.wav")
        body = self.source(job) + f'Sir sprintf "{job.path("response_%d.wav")}", p4\nift ftgen 0, 0, 0, -1, Sir, 0, 0, 0\n'
        names = ["al", "ar"][:job.outputs]
        body += f"{', '.join(names)} ftconv ax, ift, {part}\nout {', '.join(names)}"
        return self.run(job, body, job.outputs, out, latency=part, note="out late by a partition")

    j1 = j2 = convolve

    def j3(self, job):
        _, files = stems(job, "csound")
        head, lines = self.coefficients([job.bands(i) for i in range(job.tracks)])
        folder = os.path.dirname(files[0])
        body = self.source(job) + self.bells(lines) + f'Sout sprintf "{folder}/t%d.wav", p4\nfout Sout, 16, ax'
        return self.run(job, body, 1, None, head=head, files=files)

    def j4(self, job):
        head, lines = self.coefficients([[job.band(i)] for i in range(job.tracks)])
        head += self.table("l", [job.gains(i)[0] for i in range(job.tracks)])
        head += self.table("r", [job.gains(i)[1] for i in range(job.tracks)])
        body = self.source(job) + self.bells(lines) + "outs ax*gil[p4], ax*gir[p4]"
        return self.run(job, body, 2, job.path("csound.wav"), flags=["-3"], head=head, note="without loudness")

    def j5(self, job):
        # interp draws a line from the last value to this one, so gains are a block late, and sound is too.
        body = self.source(job, job.grid) + f'Sg sprintf "{job.path("gains_%d.wav")}", p4\n'
        body += "ift ftgen 0, 0, 0, -1, Sg, 0, 0, 0\nkpoint init -1\nkpoint = kpoint + 1\n"
        for c in range(12):
            body += f"kg{c} tab kpoint*12+{c}, ift\nag{c} interp kg{c}\n"
        body += "outc " + ", ".join(f"ax*ag{c}" for c in range(12))
        return self.run(job, body, 12, job.path("csound.wav"), latency=job.grid, block=job.grid,
                        note="gains from a table")

    def j8(self, job):
        body = self.source(job) + f"outs ax*{CENTRE}, ax*{CENTRE}"
        return self.run(job, body, 2, job.path("csound.wav"), flags=["-3"])


class Ecasound(Tool):
    name, executable = "ecasound", "ecasound"

    def j8(self, job):
        out = job.path("ecasound.wav")
        argv = ["ecasound", "-q", "-D", "-b:16384", "-z:nodb", "-z:mixmode,sum", "-f:s24_le,1,48000"]
        for i, path in enumerate(job.inputs()):
            argv += [f"-a:{i + 1}", "-i", path, f"-ea:{100 * CENTRE:.6f}", "-chcopy:1,2"]
        argv += ["-a:" + ",".join(str(i + 1) for i in range(job.tracks)), "-f:s24_le,2,48000", "-o", out]
        return [Run(self.name, 1, argv, out)]


class Supercollider(Tool):
    name, executable, version_arguments = "SuperCollider", "scsynth", ["-v"]
    block = 512

    def run(self, job, definition, parameters, channels, bits, tables=(), latency=0, note=""):
        out, score = job.path("scsynth.wav"), job.path("scsynth.osc")
        supercollider.play(score, definition, job.inputs(), parameters, (job.frames + latency) / RATE_HZ, tables,
                           latency)
        argv = ["scsynth", "-N", score, "_", out, RATE_HZ, "WAV", "float" if bits == 32 else "int24", "-o", channels, "-i",
                0, "-z", self.block, "-b", 2048, "-m", 65536, "-w", 256, "-a", 512, "-D", 0]
        return [Run(self.name, 1, ["env", "SC_JACK_DEFAULT_INPUTS=", *argv], out, latency, note=note)]

    @staticmethod
    def bells(bands):
        return {f"{key}{i}": value for i, (f, g, q) in enumerate(bands) for key, value in
                (("f", f), ("g", g), ("r", 1.0 / q))}

    def j3(self, job):
        parameters = [{"bus": i, **self.bells(job.bands(i))} for i in range(job.tracks)]
        return self.run(job, supercollider.track("bells", job.bands(0)), parameters, job.tracks, 32,
                        note="one file of 64 channels")

    def j4(self, job):
        parameters = [{"p0": job.gains(i)[0], "p1": job.gains(i)[1], **self.bells([job.band(i)])}
                      for i in range(job.tracks)]
        return self.run(job, supercollider.track("strip", [job.band(0)], 2), parameters, 2, 24, note="without loudness")

    def j5(self, job):
        # A control signal becomes a line from its last value, 0 before the first: gains are a block late, so sound is too.
        tables = [job.path(f"gains_{i}.wav") for i in range(job.tracks)]
        return self.run(job, supercollider.moving("mover", 12), [{"gains": 1000 + i} for i in range(job.tracks)], 12, 32,
                        tables, self.block, "gains from a table")

    def j8(self, job):
        return self.run(job, supercollider.same_on_two("strip"), [{"p0": CENTRE}] * job.tracks, 2, 24)


ALL = [Mixdown, Floor, Zita, Brutefir, Ffmpeg, Sox, Csound, Ecasound, Supercollider, Ebur128, Scipy]
