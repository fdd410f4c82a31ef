#!/usr/bin/env python3
"""
mixdown beside other tools: makes the files of each job, checks every tool's
result against one in float64, then times whole processes in turn. README.md
tells what the jobs are and how the tools are set up.
"""
import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np

    import jobs
    import tools
except ImportError as problem:
    print(f"{problem}: install python3-numpy and python3-scipy", file=sys.stderr)
    sys.exit(77)  # a skipped test

HERE = os.path.dirname(os.path.abspath(__file__))
SLOW_S = 10.0  # a run that takes longer, or three times as long as the fastest peer's, is timed once: when it is checked
SLOW_RATIO = 3.0
LOUDNESS_LU, TRUE_PEAK_DB = 0.1, 0.3  # EBU Tech 3341 asks for 0.1 LU and for +0.2 and -0.4 dB


def options():
    builds = [os.path.join(HERE, "..", "..", name) for name in ("build", "build-test")]
    build = next((b for b in builds if os.path.exists(os.path.join(b, "bench", "floor"))), builds[0])
    parser = argparse.ArgumentParser(description=__doc__.strip())
    parser.add_argument("--jobs", default="all", help="such as J1,J2 (default: all)")
    parser.add_argument("--tools", default="all", help="such as mixdown,floor,ffmpeg (default: all that are installed)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="signals of a second: is everything in order?")
    parser.add_argument("--mixdown", default=os.path.join(build, "mixdown"), metavar="PATH")
    parser.add_argument("--floor", default=os.path.join(build, "bench", "floor"), metavar="PATH")
    parser.add_argument("--scratch", metavar="FOLDER", help="where the files go (some 5 GB); default: a temporary folder")
    parser.add_argument("--keep", action="store_true", help="leave the files there, and use those that are there already")
    parser.add_argument("--json", metavar="FILE", help="write the results here too")
    parser.add_argument("--require", default="", help="tools that must be there and right, else the exit code is 1")
    return parser.parse_args()


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def execute(run, log):
    """Wall and processor seconds, and what was printed."""
    with open(log, "w+b") as file:
        start = time.perf_counter()
        process = subprocess.Popen(run.argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        printed = file.read().decode(errors="replace")
    if process.returncode != 0:
        last = printed.strip().splitlines()[-1:] or ["it says nothing"]
        raise RuntimeError(f"exit code {process.returncode}: {last[0][:150]}")
    return wall, usage.ru_utime + usage.ru_stime, printed


def peak_db(values):
    peak = float(np.max(np.abs(values), initial=0.0))
    return 20.0 * np.log10(peak) if peak > 0.0 else -999.0


def signal_error_db(run, expected):
    worst, seen = -999.0, 0
    for first, found in run.signals():
        found = found[:, run.latency:run.latency + expected.shape[1]]
        wanted = expected[first:first + found.shape[0]]
        if found.shape[0] > wanted.shape[0]:
            raise RuntimeError(f"{found.shape[0]} channels instead of {wanted.shape[0]}")
        missing = wanted.shape[1] - found.shape[1]
        worst = max(worst, peak_db(np.pad(found, ((0, 0), (0, missing))) - wanted))
        seen += found.shape[0]
    if seen != expected.shape[0]:
        raise RuntimeError(f"{seen} channels instead of {expected.shape[0]}")
    return worst


def check(run, job, expected, printed):
    """What is wrong (None = nothing), and the error: dBFS, or loudness and true peak."""
    if run.pattern:
        match = re.search(run.pattern, printed.replace("\n", " "))
        if not match:
            return "prints no result", "?"
        lu, tp = np.array([float(x) for x in match.groups()]) - expected
        wrong = abs(lu) > LOUDNESS_LU or abs(tp) > TRUE_PEAK_DB
        return ("wrong" if wrong else None), f"{lu:+.2f} LU, {tp:+.2f} dB"
    error = signal_error_db(run, expected)
    wrong = None if error <= job.limit_db else "wrong" if error > -60.0 else "inexact"
    return wrong, f"{error:.0f} dBFS"


def remove_outputs(run):
    """What an earlier run of the same tool wrote must not pass for this one's."""
    if isinstance(run.out, tools.Stems):
        run.out.remove()
        return
    for path in run.out if isinstance(run.out, list) else [run.out]:
        if isinstance(path, str) and os.path.exists(path):
            os.remove(path)


def measure(job, found_tools, rounds, log):
    """Rows of a table: each run with its error and times."""
    expected, rows = job.expected(), []
    for tool in found_tools:
        runs = tool.runs(job)
        if isinstance(runs, str):
            rows.append({"tool": tool.name, "threads": 0, "state": runs, "error": "", "walls": [], "cpus": [], "note": ""})
            continue
        for run in runs[-1:] if job.quick else runs:
            row = {"tool": run.tool, "threads": run.threads, "note": run.note, "walls": [], "cpus": [], "run": run}
            rows.append(row)
            try:
                remove_outputs(run)
                wall, cpu, printed = execute(run, log)
                row["state"], row["error"] = check(run, job, expected, printed)
                row["walls"], row["cpus"] = [wall], [cpu] if run.counted else []
            except (RuntimeError, OSError, ValueError) as problem:
                lacking = run.tool == "mixdown" and 'no layout "mono"' in str(problem)
                row["state"], row["error"] = 'not yet: no layout "mono"' if lacking else f"failed: {problem}", ""
            say(f"  {job.name} {run.tool} {run.threads}: {row['error']} {row['state'] or ''}")
    repeated = [row for row in rows if row["walls"] and row["walls"][0] <= slow_s(rows)]
    for row in repeated if rounds else []:  # the check's run has warmed caches up and is not counted
        row["walls"], row["cpus"] = [], []
    for _ in range(rounds):
        for row in repeated:
            try:
                remove_outputs(row["run"])  # replacing a file costs some tools a wait for the disk, others not
                wall, cpu, _ = execute(row["run"], log)
            except RuntimeError as problem:
                row["state"] = f"failed once: {problem}"
                continue
            row["walls"].append(wall)
            row["cpus"] += [cpu] if row["run"].counted else []
    return rows


def slow_s(rows):
    peer = fastest(rows, lambda tool: tool not in ("floor", "mixdown"))
    return min(SLOW_S, SLOW_RATIO * peer[0]) if peer else SLOW_S


def fastest(rows, wanted, times="walls"):
    """The least minimum, on whatever threads, of rows whose result is right: seconds and tool."""
    found = [(min(row[times]), row["tool"]) for row in rows if row[times] and not row["state"] and wanted(row["tool"])]
    return min(found, default=None)


def summary(rows):
    """How mixdown stands, by wall time, and by processor time, which a busy machine blurs less."""
    words = []
    for times, name in (("walls", "wall"), ("cpus", "processor")):
        ours = fastest(rows, lambda tool: tool == "mixdown", times)
        floor = fastest(rows, lambda tool: tool == "floor", times)
        peer = fastest(rows, lambda tool: tool not in ("floor", "mixdown"), times)
        parts = []
        if ours and peer:
            parts.append(f"{peer[0] / ours[0]:.2f} x as fast as {peer[1]}, the fastest right peer")
        if ours and floor:
            parts.append(f"{ours[0] / floor[0]:.2f} x the floor's time")
        if parts:
            words.append(f"mixdown, {name} time: " + ", ".join(parts) + ".")
    return " ".join(words)


def table(job, rows):
    floor = fastest(rows, lambda tool: tool == "floor")
    lines = [f"### {job.name}: {job.title}", "", "| tool | threads | error | min s | median s | processor s | of the floor | |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in sorted(rows, key=lambda r: min(r["walls"], default=1e9)):
        remark = "; ".join(x for x in (row["state"], row["note"]) if x)
        if row["walls"]:
            best = min(row["walls"])
            ratio = f"{best / floor[0]:.2f}" if floor else ""
            cpu = f"{min(row['cpus']):.3f}" if row["cpus"] else "?"
            lines.append(f"| {row['tool']} | {row['threads']} | {row['error']} | {best:.3f} | "
                         f"{statistics.median(row['walls']):.3f} | {cpu} | {ratio} | {remark} |")
        else:
            lines.append(f"| {row['tool']} | {row['threads'] or ''} | {row['error']} | | | | | {remark} |")
    lines += ["", summary(rows)]
    return "\n".join(lines) + "\n"


def machine():
    """Where the figures come from."""
    cpu = "?"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "load": round(os.getloadavg()[0], 1),
            "commit": commit.stdout.strip() or "?"}


def main():
    arguments = options()
    wanted = None if arguments.jobs == "all" else {name.strip().upper() for name in arguments.jobs.split(",")}
    names = None if arguments.tools == "all" else {name.strip().lower() for name in arguments.tools.split(",")}
    if wanted and "J6" in wanted:
        say("J6 is refused: mixdown has no binaural output yet")
        wanted.discard("J6")
    folder = os.path.abspath(arguments.scratch or tempfile.mkdtemp(prefix="mixdown-peers-"))
    os.makedirs(folder, exist_ok=True)
    tools.Mixdown.executable, tools.Floor.executable = map(os.path.abspath, (arguments.mixdown, arguments.floor))
    report = {"machine": machine(), "quick": arguments.quick, "rounds": arguments.rounds, "versions": {},
              "missing": {}, "jobs": {}}
    found = []
    for kind in tools.ALL:
        tool = kind(folder)
        if names and tool.name.lower() not in names:
            continue
        problem = tool.find()
        if problem:
            report["missing"][tool.name] = problem
            say(f"{tool.name} is left out: {problem}")
        else:
            found.append(tool)
            report["versions"][tool.name] = tool.version()
    required = {name for name in arguments.require.lower().split(",") if name}
    failures = sorted(required - {tool.name.lower() for tool in found})
    try:
        facts = report["machine"]
        print(f"{facts['cores']} cores, {facts['cpu']}, {facts['system']}, commit {facts['commit']}, "
              f"load {facts['load']} before the start\n")
        print("".join(f"- {name}: {version}\n" for name, version in report["versions"].items()))
        for kind in jobs.ALL:
            if wanted is not None and kind.name.split(".")[0] not in wanted and kind.name not in wanted:
                continue
            job = kind(folder, arguments.quick)
            if not (arguments.keep and os.path.exists(job.path("made"))):
                say(f"{job.name}: making its files")
                job.make()
                tools.text(job.path("made"), [""])
            rows = measure(job, found, arguments.rounds, os.path.join(folder, "log"))
            print(table(job, rows), flush=True)
            failures += [f"{job.name} {row['tool']}" for row in rows if row["tool"].lower() in required and
                         row["state"] and not row["state"].startswith("not yet")]
            report["jobs"][job.name] = [{k: v for k, v in row.items() if k != "run"} for row in rows]
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(report, file, indent=1)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    if failures:
        say("not right: " + ", ".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
