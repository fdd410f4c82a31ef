"""Holds formats/session.schema.json against the loader.

Usage: schema_test.py LOAD_SESSION SCHEMA

What the loader takes, the schema takes; what the schema refuses, the loader
refuses; and both know the same keys: the loader, given a key that nothing
resembles, lists the keys that could stand there, and that list must be the
schema's. Needs python3-jsonschema (Debian, Ubuntu).
"""

import copy
import json
import math
import os
import re
import struct
import shutil
import subprocess
import sys
import tempfile
import unittest
import wave

import jsonschema

LOADER, SCHEMA_FILE = sys.argv[1], sys.argv[2]
with open(SCHEMA_FILE, encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def minimal():
    """The shortest session that there is."""
    return {
        "mixdown": 1,
        "sample_rate": 48000,
        "tracks": [{"name": "A", "clips": [{"file": "mono.wav"}]}],
        "deliverables": [{"file": "out/a.wav", "layout": "stereo"}],
    }


def full():
    """A session with every key of the schema at least once."""
    eq = {"type": "eq", "bypass": False, "automation": [], "bands": [
        {"type": "high-pass", "enabled": True, "frequency_hz": 80, "q": 0.7, "slope_db_per_octave": 12},
        {"type": "bell", "frequency_hz": 3000.5, "gain_db": -2.5, "q": 1}]}
    room = {"type": "convolver", "bypass": True, "automation": [], "predelay_ms": 20, "wet_db": -3, "dry_db": 0, "normalize": "energy",
            "impulse_response": {"decay_s": [0.3, 0.2], "predelay_ms": 5, "width": 0.5, "channels": 2, "seed": 7}}
    response = {"type": "convolver", "impulse_response": "stereo.wav", "length_s": 0.05, "matrix": [[0, None], [None, 1]],
                "predelay_ms": 0, "wet_db": 0, "dry_db": None, "normalize": "none"}
    utilities = [
        {"type": "gain", "gain_db": None,
         "automation": [{"parameter": "gain_db", "curve": "hold", "points": [[0, None], [1, 3]]}]},
        {"type": "trim", "gain_db": -3, "channels_db": [0, -0.5]},
        {"type": "polarity", "channels": [1]}, {"type": "width", "width": 0.5, "below_hz": 120},
        {"type": "rotate", "angle_deg": -20}, {"type": "dc-block", "frequency_hz": 10}]
    reverbs = [
        {"type": "reverb", "decay_s": 1.5, "low_decay": 1.2, "low_hz": 200, "high_decay": 0.4, "high_hz": 5000, "size": 0.8,
         "predelay_ms": 12, "diffusion": 0.7, "modulation_ms": 0.1, "modulation_hz": 1, "wet_db": -3, "dry_db": None,
         "outputs": 2},
        {"type": "reverb", "layout": "stereo"}]
    key = {"side_chain": {"from": "Panned", "tap": "pre-fader"}, "key_listen": False, "key_filter": [
        {"type": "high-pass", "enabled": True, "frequency_hz": 80, "q": 0.7, "slope_db_per_octave": 12},
        {"type": "bell", "frequency_hz": 3000.5, "gain_db": -2.5, "q": 1}]}
    band = {"threshold_db": -20, "ratio": 2, "knee_db": 6, "range_db": 12, "attack_ms": 10, "release_ms": 100, "gain_db": 1,
            "solo": False, "bypass": True}
    dynamics = [
        {"type": "compressor", "threshold_db": -18, "ratio": 100, "knee_db": 0, "attack_ms": 5, "release_ms": 80,
         "makeup_db": 3, "auto_makeup": True, "mix": 0.5, "link": 0, "range_db": 20, "detector": "rms", "rms_ms": 5,
         "lookahead_ms": 5, **key},
        {"type": "expander", "threshold_db": -50, "ratio": 2, "knee_db": 3, "range_db": 30, "attack_ms": 1, "hold_ms": 10,
         "release_ms": 80, "mix": 1, "link": 1, "detector": "rms", "rms_ms": 20, "lookahead_ms": 1, **key},
        {"type": "gate", "threshold_db": -50, "hysteresis_db": 4, "range_db": 60, "attack_ms": 0.1, "hold_ms": 10,
         "release_ms": 80, "link": 1, "lookahead_ms": 1, **key},
        {"type": "de-esser", "frequency_hz": 7000, "q": 2, "threshold_db": -30, "ratio": 3, "knee_db": 3, "attack_ms": 1,
         "release_ms": 50, "range_db": 12, "mix": 1, "link": 1, "mode": "wide"},
        {"type": "multiband", "crossovers_hz": [200, 2000], "mix": 1, "link": 1, "detector": "rms", "rms_ms": 10,
         "lookahead_ms": 0, "bands": [band, {}, band]},
        {"type": "transient", "attack_db": 6, "sustain_db": -6, "attack_ms": 20, "sustain_ms": 300, "output_db": -1,
         "mix": 1, "link": 1}]
    delays = [
        {"type": "delay", "time_s": 0.3, "spread": 0.25, "feedback": -0.5, "ping_pong": True, "low_cut_hz": 100,
         "high_cut_hz": 8000, "modulation_ms": 2, "modulation_hz": 0.5, "mix": 1},
        {"type": "delay", "note": "1/8."},
        {"type": "chorus", "voices": 8, "delay_ms": 20, "depth_ms": 4, "rate_hz": 0.6, "spread": 0.5, "feedback": 0.2, "mix": 0.3},
        {"type": "chorus", "note": "1/1"},
        {"type": "flanger", "delay_ms": 0.1, "depth_ms": 2, "rate_hz": 0, "feedback": 0.99, "mix": 0.5, "stereo_phase_deg": 180,
         "shape": "triangle"}, {"type": "flanger", "note": "2/1"},
        {"type": "phaser", "stages": 24, "frequency_hz": 500, "depth_octaves": 2, "rate_hz": 1, "feedback": -0.9, "mix": 1,
         "stereo_phase_deg": -90}, {"type": "phaser", "note": "1/2T"},
        {"type": "tremolo", "rate_hz": 6, "depth": 1, "shape": "saw", "phase_deg": 45, "stereo_phase_deg": 180},
        {"type": "tremolo", "note": "1/16"},
        {"type": "auto-pan", "rate_hz": 0.2, "depth": 0.7, "shape": "square", "phase_deg": -90},
        {"type": "auto-pan", "note": "1/4.."}]
    reverbs.append({"type": "pitch", "semitones": -3.5, "cents": 20, "preserve_formants": True})
    reverbs.append({"type": "saturator", "curve": "tube", "drive_db": 6, "bias": 0.1, "tone_db": -3, "output_db": None,
                    "mix": 0.5, "oversampling": 2})
    linear = {"type": "eq", "phase": "linear", "fir_length": 1023, "bands": [
        {"type": "bell", "frequency_hz": 300, "gain_db": 3, "scope": "side"}]}
    dynamic = {"type": "eq", "phase": "minimum", "side_chain": {"from": "Panned"}, "bands": [
        {"type": "low-shelf", "frequency_hz": 300, "threshold_db": -20, "ratio": 3, "attack_ms": 5, "release_ms": 50,
         "knee_db": 3, "range_db": 12, "direction": "up", "scope": "mid"}],
         "automation": [{"parameter": "bands[0].threshold_db", "points": [[0, -20], [1, -30]]}]}
    for insert in [eq, room, response, linear, dynamic] + utilities + dynamics + delays + reverbs:
        insert.setdefault("bypass", False)
        insert.setdefault("automation", [])
    return {
        "$schema": "session.schema.json",
        "mixdown": 1,
        "title": "Everything",
        "sample_rate": 48000,
        "length_s": 2.5,
        "markers": [{"name": "Verse", "time_s": 0.5}],
        "tempo": [[0, 90], [1, 120.5, "linear"], [2, 60, "hold"]],
        "tracks": [
            {"name": "Still", "channels": 2,
             "clips": [{"file": "mono.wav", "start_s": 0.5, "offset_s": 0.1, "length_s": 0.2, "gain_db": None,
                        "channel": 0, "fade_in": {"length_s": 0.05, "curve": "equal-power"},
                        "fade_out": {"length_s": 0.1, "curve": "s-curve"}, "non_finite": "zero", "nudge_frames": -7,
                        "mute": False, "polarity": True, "envelope": [[0, -6], [0.1, None], [0.2, 3]],
                        "envelope_curve": "hold", "mono_sum": True, "reverse": True,
                        "loop": {"length_s": 0.5, "crossfade_s": 0.05, "curve": "linear"}},
                       {"file": "stereo.wav", "fade_in": {"length_s": 0}, "channels": [1, 0], "speed": 2},
                       {"file": "stereo.wav", "stretch": 0.5, "pitch_semitones": -3.5, "preserve_formants": True}],
             "inserts": [eq, response, linear, dynamic], "fader_db": -4, "mute": False, "solo": True, "solo_safe": True,
             "polarity": True, "delay_ms": -12.5, "groups": ["Band", "All"],
             "sends": [{"to": "Hall", "gain_db": -12, "tap": "pre-fader", "mute": False, "pan": -0.5}, {"to": "Drums"}],
             "automation": [
                 {"parameter": "fader_db", "curve": "linear",
                  "points": [[0, None], [1.5, -144, "hold"], [2, 6, {"curve": "bezier", "out": [0.2, 3]}],
                             [3, 0, {"curve": "exponential", "in": [-0.5, 0]}], [4, 2]]},
                 {"parameter": "send_gain_db", "to": "Hall", "points": [[0, -6]], "curve": "hold"},
                 {"parameter": "send_pan", "to": "Hall", "points": [[0, -1], [1, 1]]}],
             "place": {"objects": [{"azimuth_deg": 20, "elevation_deg": -10, "distance": 1.0}, {"azimuth_deg": -20}]}},
            {"name": "Moving", "clips": [{"file": "mono.wav"}],
             "place": {"object": {"positions": [
                 {"time_s": 0, "azimuth_deg": 90, "elevation_deg": 0, "distance": 1},
                 {"time_s": 1, "azimuth_deg": 3600}]}}},
            {"name": "Panned", "clips": [{"file": "mono.wav"}], "output": "Drums", "group": "Band", "place": {"pan": -0.3},
             "automation": [{"parameter": "pan", "points": [[0, -1], [1, 1]]}]}],
        "buses": [
            {"name": "Drums", "channels": 2, "inserts": utilities + dynamics + delays + reverbs, "fader_db": None, "mute": True, "solo": False,
             "solo_safe": False, "polarity": False, "delay_ms": 3, "groups": [],
             "sends": [{"to": "Hall"}], "automation": [{"parameter": "fader_db", "points": [[0, 0]]}],
             "output": "Hall", "place": {"pan": 0}},
            {"name": "Hall", "channels": 2, "group": "All", "inserts": [room], "place": {"bed": "0+2+0"}}],
        "groups": [
            {"name": "Band", "group": "All", "fader_db": -3, "mute": False, "solo": True,
             "automation": [{"parameter": "fader_db", "curve": "bezier", "points": [[0, None], [1, -3, "hold"]]}]},
            {"name": "All"}],
        "deliverables": [
            {"file": "out/a.wav", "layout": "7.1.4", "bit_depth": 16, "inserts": [copy.deepcopy(eq)]},
            {"file": "out/b.bin", "layout": "5.1", "format": "rf64", "bit_depth": 32, "channel_order": "wave"}],
    }


def variations():
    """Other good sessions: (what, session)."""
    yield "minimal", minimal()
    yield "full", full()
    for curve in ("linear", "equal-power", "exponential", "logarithmic", "s-curve"):
        session = minimal()
        session["tracks"][0]["clips"][0]["fade_out"] = {"length_s": 0.1, "curve": curve}
        yield "fade " + curve, session
    for band in ({"type": "low-pass", "frequency_hz": 80, "slope_db_per_octave": 48}, {"type": "notch", "frequency_hz": 50},
                 {"type": "all-pass", "frequency_hz": 50, "q": 2}, {"type": "band-pass", "frequency_hz": 50},
                 {"type": "tilt", "frequency_hz": 800, "gain_db": 3}, {"type": "low-shelf", "frequency_hz": 80, "gain_db": 3},
                 {"type": "high-shelf", "frequency_hz": 80, "gain_db": 3}):
        session = minimal()
        session["tracks"][0]["inserts"] = [{"type": "eq", "bands": [band]}]
        yield "band " + band["type"], session
    session = minimal()
    session["tracks"][0]["inserts"] = [{"type": "convolver", "impulse_response": {"decay_s": 0.2}}]
    yield "room by one number", session
    for more in ({"envelope": [[0, 0, "hold"], [0.5, -6, {"curve": "bezier", "out": [0.1, 3]}], [1, -3]]},
                 {"envelope": [[0, None], [0.5, 0]], "envelope_curve": "exponential"},
                 {"loop": {"length_s": 3}, "stretch": 2, "reverse": True}, {"loop": {"length_s": 3}, "speed": 0.5},
                 {"mono_sum": True, "file": "stereo.wav", "channels": [1, 0, 1]}, {"mute": True, "nudge_frames": 100}):
        session = minimal()
        session["tracks"][0]["clips"][0].update(more)
        yield "clip " + ", ".join(more), session
    # Not in full(), which is loaded hundreds of times: a plug-in takes a process each.
    for more in ({"parameters": {"shape": "Twice", "on": False, "delay": 3}}, {"parameters": {"gain": 1.5}, "tail_s": 0},
                 {"automation": [{"parameter": "parameters.gain", "points": [[0, 0], [1, 4]]}]}):
        session = minimal()
        session["tracks"][0]["inserts"] = [{"type": "lv2", "uri": "urn:mixdown:test:ports", "bypass": False, **more}]
        yield "plug-in", session
    for more in ({"preset": "Loud"}, {"state": "state.ttl"}):
        session = minimal()
        session["tracks"][0]["inserts"] = [{"type": "lv2", "uri": "urn:mixdown:test:plain", **more}]
        yield "plug-in", session
    session = minimal()
    session["tracks"][0]["clips"] = []
    session["length_s"] = 1
    session["tempo"] = 133.3
    session["sample_rate"] = 44100.0
    session["deliverables"] = [{"file": "a.FLAC", "layout": "stereo"}, {"file": "b", "layout": "4+7+0", "format": "wav"}]
    yield "no clips, whole number with a point, formats", session


def change(path, value):
    """full() with the value at a path such as ("tracks", 0, "name") set, or removed where value is Ellipsis."""
    session = full()
    parent = session
    for part in path[:-1]:
        parent = parent[part]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return session


TRACK, CLIP, PLACE = ("tracks", 0), ("tracks", 0, "clips", 0), ("tracks", 0, "place")
CLIP_2, CLIP_3 = ("tracks", 0, "clips", 1), ("tracks", 0, "clips", 2)
BAND, ROOM = ("tracks", 0, "inserts", 0, "bands", 1), ("buses", 1, "inserts", 0, "impulse_response")
UTILITY = ("buses", 0, "inserts")


def delay(index, key):
    """The path of a key of the inserts behind the utilities and dynamics."""
    return UTILITY + (12 + index, key)


def reverb(index, key):
    """The same of the inserts behind the delays."""
    return delay(12 + index, key)


LINEAR, DYNAMIC = ("tracks", 0, "inserts", 2), ("tracks", 0, "inserts", 3, "bands", 0)
# Each is wrong by itself, and the loader must place it at (or right above) the path that is changed.
WRONG = [
    (("mixdown",), ...), (("mixdown",), 2), (("mixdown",), "1"), (("title",), 3), (("sample_rate",), 7999),
    (("sample_rate",), 384001), (("sample_rate",), 44100.5), (("sample_rate",), "48000"), (("sample_rate",), ...),
    (("length_s",), 0), (("length_s",), -1), (("length_s",), 1e9), (("tracks",), []), (("tracks",), {}), (("tracks",), ...),
    (("tracks", 1), 5), (("buses",), {}), (("buses",), None), (("deliverables",), []), (("deliverables",), ...),
    (("tempo",), 0.5), (("tempo",), "120"), (("tempo",), []),
    (("tempo", 0), 90), (("tempo", 0), [0]), (("tempo", 0), [-1, 90]), (("tempo", 0), [0, 1001]),
    (("tempo", 1), [1, 120, "ramp"]), (("tempo", 1), [1, 120, "linear", 0]), (("markers",), {}), (("markers", 0), "A"), (("markers", 0, "name"), ""),
    (("markers", 0, "time_s"), ...), (("markers", 0, "time_s"), -1), (("$schema",), 1),
    (TRACK + ("name",), ""), (TRACK + ("name",), "a\nb"), (TRACK + ("name",), ...), (TRACK + ("name",), 1),
    (TRACK + ("channels",), 0), (TRACK + ("channels",), 65), (TRACK + ("channels",), 1.5), (TRACK + ("clips",), ...),
    (TRACK + ("clips",), None), (TRACK + ("fader_db",), 49), (TRACK + ("fader_db",), -145), (TRACK + ("fader_db",), "0"),
    (TRACK + ("mute",), 1), (TRACK + ("solo",), "yes"), (TRACK + ("group",), "A"), (TRACK + ("groups",), "A"),
    (TRACK + ("polarity",), "inverted"), (TRACK + ("solo_safe",), 1), (TRACK + ("delay_ms",), -10001), (("buses", 0, "delay_ms"), -1),
    (("buses", 0, "group"), 1), (("groups", 0, "name"), ...), (("groups", 0, "fader_db"), 50),
    (("groups", 0, "group"), None), (("groups", 0, "automation", 0, "parameter"), "pan"),
    (("groups", 0, "automation", 0, "points", 0), [0, "x"]),
    (TRACK + ("sends", 0, "pan"), 1.5), (TRACK + ("sends", 0, "mute"), "yes"), (TRACK + ("sends", 0, "automation"), []),
    (TRACK + ("sends", 0, "to"), ...), (TRACK + ("sends", 0, "tap"), "prefader"), (TRACK + ("sends", 0, "gain_db"), 50),
    (("tracks", 2, "output"), 1), (("tracks", 2, "output"), ""),
    (CLIP + ("file",), ...), (CLIP + ("file",), 3), (CLIP + ("start_s",), -0.1), (CLIP + ("offset_s",), None),
    (CLIP + ("length_s",), 0), (CLIP + ("gain_db",), 48.1), (CLIP + ("channel",), -1), (CLIP + ("channel",), 0.5),
    (CLIP + ("fade_in",), 0.1), (CLIP + ("fade_in", "length_s"), ...), (CLIP + ("fade_in", "curve"), "cosine"),
    (CLIP + ("non_finite",), "ignore"), (CLIP + ("reverse",), 1), (CLIP + ("mute",), 0), (CLIP + ("polarity",), "inverted"),
    (CLIP + ("nudge_frames",), 0.5), (CLIP + ("nudge_frames",), -1e10), (CLIP + ("mono_sum",), 1),
    (CLIP + ("envelope",), []), (CLIP + ("envelope",), ...), (CLIP + ("envelope", 1), [0.1]), (CLIP + ("envelope", 1), [0.1, 49]),
    (CLIP + ("envelope", 1), [-1, 0]), (CLIP + ("envelope", 1), {"time_s": 0.1}), (CLIP + ("envelope_curve",), "cubic"),
    (CLIP + ("channels",), [0]), (CLIP_2 + ("channels",), []), (CLIP_2 + ("channels", 0), -1), (CLIP_2 + ("channels", 0), 0.5),
    (CLIP_2 + ("channels",), 2), (CLIP + ("loop",), 3), (CLIP + ("loop",), True), (CLIP + ("loop", "length_s"), 0),
    (CLIP + ("loop", "length_s"), ...), (CLIP + ("loop", "crossfade_s"), -1), (CLIP + ("loop", "curve"), "hold"),
    (CLIP_2 + ("speed",), 0), (CLIP_2 + ("speed",), 0.24), (CLIP_2 + ("speed",), 4.1),
    (CLIP_3 + ("speed",), 2), (CLIP_3 + ("stretch",), 0), (CLIP_3 + ("stretch",), 10.1),
    (CLIP_3 + ("pitch_semitones",), 25), (CLIP_3 + ("preserve_formants",), 1),
    (TRACK + ("automation", 0, "parameter"), "fader"), (TRACK + ("automation", 0, "parameter"), ...),
    (TRACK + ("automation", 0, "points"), []), (TRACK + ("automation", 0, "points"), ...),
    (TRACK + ("automation", 0, "points", 0), [0]), (TRACK + ("automation", 0, "points", 0), [0, 0, 0]),
    (TRACK + ("automation", 0, "points", 0), [-1, 0]), (TRACK + ("automation", 0, "points", 0), [0, 49]),
    (TRACK + ("automation", 0, "points", 0), [0, "a"]), (TRACK + ("automation", 0, "to"), "Hall"),
    (TRACK + ("automation", 0, "curve"), "spline"), (TRACK + ("automation", 0, "points", 1), [1.5, 0, "spline"]),
    (TRACK + ("automation", 0, "points", 2, 2, "out"), [-0.1, 0]), (TRACK + ("automation", 0, "points", 2, 2, "out"), [0.1]),
    (TRACK + ("automation", 0, "points", 3, 2, "in"), [0.1, 0]), (TRACK + ("automation", 0, "points", 3, 2, "in"), "flat"),
    (TRACK + ("automation", 0, "points", 2), [2, 6, "bezier", "bezier"]), (TRACK + ("automation", 1, "to"), ...),
    (("tracks", 2, "automation", 0, "points", 0), [0, -1.1]), (("tracks", 2, "automation", 0, "points", 0), [0, None]),
    (PLACE, {}), (PLACE, 3), (PLACE, {"pan": 0, "bed": "stereo"}), (PLACE, {"objects": []}), (PLACE, {"ambisonics": {}}),
    (PLACE + ("objects", 0), {}), (PLACE + ("objects", 0, "azimuth_deg"), 3601), (PLACE + ("objects", 0, "elevation_deg"), 91),
    (PLACE + ("objects", 0, "distance"), 0.5), (PLACE + ("objects", 0, "width_deg"), 30), (PLACE + ("objects", 0, "x"), 0),
    (("tracks", 2, "place", "pan"), 1.01), (("tracks", 2, "place", "pan"), None),
    (("tracks", 1, "place", "object", "positions"), []), (("tracks", 1, "place", "object", "distance"), 1),
    (("tracks", 1, "place", "object", "elevation_deg"), 1), (("tracks", 1, "place", "object", "azimuth_deg"), 1),
    (("tracks", 1, "place", "object", "positions", 0, "time_s"), ...),
    (("buses", 0, "channels"), ...), (("buses", 0, "channels"), 0), (("buses", 0, "clips"), []), (("buses", 1, "place", "bed"), 2),
    (("buses", 1, "place", "bed"), "binaural"),
    (TRACK + ("inserts", 0), {"type": "match"}), (TRACK + ("inserts", 0), {"type": "eqq"}), (TRACK + ("inserts", 0), {}),
    (TRACK + ("inserts", 0, "bands"), []), (TRACK + ("inserts", 0, "bands"), ...),
    (BAND + ("type",), "peak"), (BAND + ("frequency_hz",), 0), (BAND + ("frequency_hz",), ...), (BAND + ("gain_db",), 61),
    (BAND + ("gain_db",), ...), (BAND + ("q",), 0), (BAND + ("slope_db_per_octave",), 12), (BAND + ("enabled",), 1),
    (TRACK + ("inserts", 0, "bands", 0), {"type": "low-pass", "frequency_hz": 80, "q": 1, "slope_db_per_octave": 24}),
    (TRACK + ("inserts", 0, "bands", 0, "gain_db"), 1),
    (TRACK + ("inserts", 0, "bands", 0, "slope_db_per_octave"), 18), (BAND + ("ratio",), 2), (BAND + ("scope",), "centre"),
    (LINEAR + ("fir_length",), 1024), (LINEAR + ("fir_length",), 61), (LINEAR + ("phase",), 1),
    (LINEAR + ("bands", 0, "threshold_db"), -20), (LINEAR + ("side_chain",), {"from": "Panned"}),
    (DYNAMIC + ("ratio",), 0.5), (DYNAMIC + ("direction",), "left"),
    (DYNAMIC + ("threshold_db",), 25), (DYNAMIC + ("attack_ms",), 0), (DYNAMIC + ("release_ms",), 0),
    (DYNAMIC + ("knee_db",), 49), (DYNAMIC + ("range_db",), 61),
    (TRACK + ("inserts", 1, "impulse_response"), ...), (TRACK + ("inserts", 1, "impulse_response"), 3),
    (TRACK + ("inserts", 1, "matrix"), []), (TRACK + ("inserts", 1, "matrix"), [[0.5]]), (TRACK + ("inserts", 1, "matrix"), [[-1]]),
    (TRACK + ("inserts", 1, "length_s"), 31), (TRACK + ("inserts", 1, "wet_db"), None),
    (TRACK + ("inserts", 1, "predelay_ms"), 1001), (TRACK + ("inserts", 1, "normalize"), "peak"),
    (ROOM + ("decay_s",), 0), (ROOM + ("decay_s",), ...), (ROOM + ("decay_s",), []), (ROOM + ("width",), 2),
    (ROOM + ("channels",), 0), (ROOM + ("seed",), -1), (ROOM + ("predelay_ms",), -1),
    (("buses", 1, "inserts", 0, "matrix"), [[0]]), (("buses", 1, "inserts", 0, "length_s"), 1),
    (("buses", 1, "inserts", 0, "normalize"), "none"),
    (UTILITY + (0, "gain_db"), 61), (UTILITY + (0, "bypass"), 1), (UTILITY + (0, "automation"), {}),
    (UTILITY + (0, "automation", 0, "points"), []), (UTILITY + (0, "automation", 0, "curve"), "cubic"), (UTILITY + (1, "gain_db"), None), (UTILITY + (1, "channels_db"), []),
    (UTILITY + (1, "channels_db"), [25, 0]), (UTILITY + (2, "channels"), []), (UTILITY + (2, "channels"), [1, 1]),
    (UTILITY + (2, "channels"), [0.5]), (UTILITY + (3, "width"), 2.1), (UTILITY + (3, "below_hz"), 5),
    (UTILITY + (4, "angle_deg"), 3601), (UTILITY + (5, "frequency_hz"), 0.1),
    (UTILITY + (6, "threshold_db"), 25), (UTILITY + (6, "ratio"), 0.5), (UTILITY + (6, "ratio"), None),
    (UTILITY + (6, "attack_ms"), -1), (UTILITY + (6, "link"), 1.1), (UTILITY + (6, "detector"), "mean"),
    (UTILITY + (6, "hysteresis_db"), 3), (UTILITY + (6, "key_filter"), []),
    (UTILITY + (6, "key_filter", 0, "threshold_db"), -20), (UTILITY + (6, "side_chain", "from"), ...),
    (UTILITY + (6, "side_chain"), "Panned"), (UTILITY + (6, "lookahead_ms"), 101), (UTILITY + (7, "range_db"), 145),
    (UTILITY + (7, "makeup_db"), 3), (UTILITY + (8, "knee_db"), 3), (UTILITY + (8, "hold_ms"), 5001),
    (UTILITY + (8, "detector"), "rms"), (UTILITY + (9, "mode"), "both"), (UTILITY + (9, "frequency_hz"), 100),
    (UTILITY + (9, "side_chain"), {"from": "Panned"}), (UTILITY + (10, "crossovers_hz"), []), (UTILITY + (10, "crossovers_hz", 0), 5),
    (UTILITY + (10, "bands"), []), (UTILITY + (10, "bands", 0, "ratio"), 101), (UTILITY + (10, "bands", 0, "mix"), 1),
    (UTILITY + (11, "attack_db"), 25), (UTILITY + (11, "threshold_db"), -20),
    (delay(0, "time_s"), 11), (delay(0, "time_s"), ...), (delay(0, "note"), "1/4"), (delay(1, "note"), "1/3"),
    (delay(1, "note"), 4), (delay(0, "feedback"), 1), (delay(0, "ping_pong"), 1), (delay(0, "spread"), 1.5),
    (delay(0, "mix"), -0.1), (delay(0, "high_cut_hz"), 10), (delay(2, "voices"), 9), (delay(2, "voices"), 1.5),
    (delay(2, "note"), "1/4"), (delay(4, "delay_ms"), 0), (delay(4, "shape"), "square"), (delay(4, "feedback"), -1),
    (delay(6, "stages"), 1), (delay(6, "frequency_hz"), 10), (delay(6, "depth_octaves"), 6),
    (delay(8, "shape"), "round"), (delay(8, "depth"), 1.1), (delay(8, "rate_hz"), 51), (delay(10, "phase_deg"), 361),
    (delay(10, "stereo_phase_deg"), 0),
    (reverb(0, "decay_s"), 0.05), (reverb(0, "high_decay"), 1.1), (reverb(0, "size"), 5),
    (reverb(0, "outputs"), 0), (reverb(0, "layout"), "stereo"), (reverb(1, "layout"), 2),
    (reverb(0, "automation"), [{"parameter": "decay_s", "points": []}]),
    (("deliverables", 0, "file"), ...), (("deliverables", 0, "file"), "x.mp3"), (("deliverables", 0, "file"), "x"),
    (("deliverables", 0, "layout"), ...), (("deliverables", 0, "layout"), "ambisonics"), (("deliverables", 0, "bit_depth"), 20),
    (("deliverables", 0, "format"), "adm"), (("deliverables", 0, "channel_order"), "film"),
    (("deliverables", 0, "loudness_lufs"), -14), (("deliverables", 0, "hrtf"), "x.sofa"),
]


def resolve(schema):
    """The schema behind a $ref, if it is one."""
    while "$ref" in schema:
        target = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def branch(schema, instance):
    """The schema that describes the instance, where the schema offers several."""
    schema = resolve(schema)
    if "oneOf" in schema and "properties" not in schema:
        for choice in schema["oneOf"]:
            if VALIDATOR.evolve(schema=resolve(choice)).is_valid(instance):
                return branch(choice, instance)
    return schema


def objects(instance, schema=None, path=()):
    """Every object of an instance with the schema of its keys and its path."""
    schema = branch(SCHEMA if schema is None else schema, instance)
    if isinstance(instance, dict):
        yield path, instance, schema
        for key, value in instance.items():
            yield from objects(value, schema["properties"][key], path + (key,))
    elif isinstance(instance, list) and "prefixItems" in schema:
        for index, (value, item) in enumerate(zip(instance, schema["prefixItems"])):
            if isinstance(item, dict):
                yield from objects(value, item, path + (index,))
    elif isinstance(instance, list) and "items" in schema:
        for index, value in enumerate(instance):
            yield from objects(value, schema["items"], path + (index,))


def all_object_schemas(schema=SCHEMA, seen=None):
    """Every object schema that can be reached, by the id of its dictionary."""
    seen = {} if seen is None else seen
    schema = resolve(schema)
    if id(schema) in seen:
        return seen
    if "properties" in schema:
        seen[id(schema)] = schema
    children = list(schema.get("properties", {}).values())
    if "items" in schema:
        children.append(schema["items"])
    children += schema.get("prefixItems", [])
    if "properties" not in schema:  # else oneOf says which keys go together
        children += schema.get("oneOf", [])
    for child in children:
        if isinstance(child, dict):
            all_object_schemas(child, seen)
    return seen


def pointer(path):
    return "/" + "/".join(str(part) for part in path)


class SchemaTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        state = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lv2", "other.ttl")
        shutil.copy(state, os.path.join(cls.folder, "state.ttl"))
        for name, channels in (("mono.wav", 1), ("stereo.wav", 2)):
            with wave.open(os.path.join(cls.folder, name), "wb") as file:
                file.setnchannels(channels)
                file.setsampwidth(2)
                file.setframerate(48000)
                samples = [int(1000 * math.sin(i // channels)) for i in range(48000 * channels)]
                file.writeframes(struct.pack("<%dh" % len(samples), *samples))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def load(self, sessions):
        """The loader's answer for each session."""
        files = []
        for index, session in enumerate(sessions):
            files.append(os.path.join(self.folder, "%d.json" % index))
            with open(files[-1], "w", encoding="utf-8") as file:
                json.dump(session, file, indent=1)
        answer = subprocess.run([LOADER] + files, capture_output=True, text=True, timeout=300)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        lines = [json.loads(line) for line in answer.stdout.splitlines()]
        self.assertEqual(len(lines), len(files))
        return lines

    def test_schema_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        for schema in all_object_schemas().values():
            self.assertIs(schema.get("additionalProperties"), False, list(schema["properties"]))
        self.assertEqual(SCHEMA["$defs"]["lv2"]["not"], {"required": ["preset", "state"]})

    def test_good_sessions(self):
        names, sessions = zip(*variations())
        for name, session, answer in zip(names, sessions, self.load(sessions)):
            self.assertEqual([error.message for error in VALIDATOR.iter_errors(session)], [], name)
            self.assertEqual([p for p in answer["problems"] if p["error"]], [], name)
            self.assertEqual(answer["result"], 0, name)

    def test_examples(self):
        """The examples' audio may not be there; nothing else is missing."""
        folder = os.path.join(os.path.dirname(os.path.abspath(SCHEMA_FILE)), "..", "examples")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".json"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    example = json.load(file)
                self.assertEqual([e.message for e in VALIDATOR.iter_errors(example)], [], name)
                for problem in self.load([example])[0]["problems"]:
                    self.assertRegex(problem["text"], "there is no such file$", name)

    def test_readme_has_every_insert(self):
        """A row for each insert, which names its keys."""
        with open(os.path.join(os.path.dirname(os.path.abspath(SCHEMA_FILE)), "..", "README.md"), encoding="utf-8") as file:
            rows = dict(re.findall(r"^\| `([a-z0-9-]+)` (\|.*\|.*\|)$", file.read(), re.MULTILINE))
        for insert in map(resolve, SCHEMA["$defs"]["inserts"]["items"]["oneOf"]):
            name, keys = insert["properties"]["type"]["const"], set(insert["properties"]) - {"type", "bypass", "automation"}
            self.assertIn(name, rows)
            self.assertEqual([key for key in sorted(keys) if "`%s`" % key not in rows[name]], [], name)

    def test_readme(self):
        """So do the README's sessions; keys that stand twice would hide one another."""
        def without_twins(pairs):
            self.assertEqual(len(pairs), len(dict(pairs)), pairs)
            return dict(pairs)
        with open(os.path.join(os.path.dirname(os.path.abspath(SCHEMA_FILE)), "..", "README.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```json\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
        self.assertTrue(blocks)
        for block in blocks:
            session = json.loads(block, object_pairs_hook=without_twins)
            self.assertEqual([e.message for e in VALIDATOR.iter_errors(session)], [])
            # Nothing but its recordings is missing.
            (answer,) = self.load([session])
            self.assertTrue(answer["problems"])
            for problem in answer["problems"]:
                self.assertRegex(problem["text"], "there is no such file$")

    def test_full_has_every_key(self):
        seen = {}
        for _, instance, schema in objects(full()):
            seen.setdefault(id(schema), set()).update(instance)
        for key, schema in all_object_schemas().items():
            # The equaliser and the convolver have nothing that moves: seen once full() has an insert that has.
            if schema is SCHEMA["$defs"]["insert_automated"] and key not in seen:
                continue
            if schema is SCHEMA["$defs"]["lv2"]:  # in variations()
                continue
            self.assertEqual(seen.get(key, set()), set(schema["properties"]))

    def test_wrong_values(self):
        sessions = [change(path, value) for path, value in WRONG]
        for (path, value), session, answer in zip(WRONG, sessions, self.load(sessions)):
            what = "%s = %r" % (pointer(path), value)
            self.assertFalse(VALIDATOR.is_valid(session), "the schema takes " + what)
            self.assertEqual(answer["result"], 3, "the loader takes " + what)
            errors = [p for p in answer["problems"] if p["error"]]
            near = [p for p in errors if p["path"] and p["line"] > 0 and p["column"] > 0 and
                    (p["path"].startswith(pointer(path)) or p["path"] == pointer(path[:-1]))]
            self.assertTrue(near, "%s: no message is placed there: %r" % (what, errors))

    def test_same_keys(self):
        """The keys that the loader lists at each object are the schema's."""
        stranger = "q" * 40
        places = list(objects(full()))
        sessions = [change(path + (stranger,), 0) for path, _, _ in places]
        for (path, _, schema), answer in zip(places, self.load(sessions)):
            texts = [p["text"] for p in answer["problems"] if p["path"] == pointer(path + (stranger,))]
            self.assertEqual(len(texts), 1, "%s: %r" % (pointer(path), answer["problems"]))
            start = 'unknown key "%s"; here it could be ' % stranger
            self.assertTrue(texts[0].startswith(start), texts[0])
            known = texts[0][len(start):].replace(" or ", ", ").split(", ")
            self.assertEqual(sorted(known), sorted('"%s"' % key for key in schema["properties"]), pointer(path))

    def test_misspelt_keys(self):
        """Every key of the schema, misspelt, brings up the right one."""
        cases = []
        for path, instance, _ in objects(full()):
            for key in instance:
                wrong = key + "x" if len(key) < 3 else key[0] + key[2] + key[1] + key[3:]
                if wrong == key:
                    wrong = key + "x"
                session = change(path + (key,), ...)
                parent = session
                for part in path:
                    parent = parent[part]
                parent[wrong] = instance[key]
                cases.append((path, key, wrong, session))
        for (path, key, wrong, session), answer in zip(cases, self.load([case[3] for case in cases])):
            self.assertFalse(VALIDATOR.is_valid(session), wrong)
            # Without its type an insert's keys cannot be known.
            if key == "type" and "inserts" in path and "bands" not in path:
                continue
            wanted = 'unknown key "%s"; did you mean "%s"?' % (wrong, key)
            texts = [p["text"] for p in answer["problems"] if p["path"] == pointer(path + (wrong,))]
            self.assertEqual(texts, [wanted], pointer(path))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
