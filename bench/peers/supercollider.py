"""Scores for scsynth -N (non-realtime), with synth definitions written as binary files: no sclang is needed."""
import struct

RATES = {"ir": 0, "kr": 1, "ar": 2}


def pstring(text):
    return bytes([len(text)]) + text.encode()


class Def:
    """A synth definition. Signals are (unit, output) or numbers."""

    def __init__(self, name, **parameters):
        self.name, self.constants, self.units, self.parameters = name, [], [], parameters
        if parameters:
            self.control = self.add("Control", "kr", outputs=len(parameters))

    def parameter(self, name):
        return self.control[list(self.parameters).index(name)]

    def add(self, kind, rate, *inputs, outputs=1, special=0):
        self.units.append((kind, rate, inputs, outputs, special))
        return [(len(self.units) - 1, i) for i in range(outputs)]

    def multiply(self, a, b, rate="ar"):
        return self.add("BinaryOpUGen", rate, a, b, special=2)[0]

    def _input(self, value):
        if isinstance(value, tuple):
            return struct.pack(">ii", *value)
        if value not in self.constants:
            self.constants.append(value)
        return struct.pack(">ii", -1, self.constants.index(value))

    def file(self):
        """Format 2 of SuperCollider's synth definitions."""
        units = b""
        for kind, rate, inputs, outputs, special in self.units:
            units += pstring(kind) + struct.pack(">biih", RATES[rate], len(inputs), outputs, special)
            units += b"".join(self._input(x) for x in inputs) + bytes([RATES[rate]]) * outputs
        data = b"SCgf" + struct.pack(">ih", 2, 1) + pstring(self.name)
        data += struct.pack(">i", len(self.constants)) + b"".join(struct.pack(">f", c) for c in self.constants)
        data += struct.pack(">i", len(self.parameters))
        data += b"".join(struct.pack(">f", v) for v in self.parameters.values())
        data += struct.pack(">i", len(self.parameters))
        data += b"".join(pstring(n) + struct.pack(">i", i) for i, n in enumerate(self.parameters))
        return data + struct.pack(">i", len(self.units)) + units + struct.pack(">h", 0)


def message(address, *arguments):
    def padded(data):
        return data + bytes(-len(data) % 4)
    tags, data = ",", b""
    for x in arguments:
        if isinstance(x, int):
            tags, data = tags + "i", data + struct.pack(">i", x)
        elif isinstance(x, float):
            tags, data = tags + "f", data + struct.pack(">f", x)
        elif isinstance(x, bytes):
            tags, data = tags + "b", data + struct.pack(">i", len(x)) + padded(x)
        else:
            tags, data = tags + "s", data + padded(x.encode() + b"\0")
    return padded(address.encode() + b"\0") + padded(tags.encode() + b"\0") + data


def score(path, messages, seconds):
    """All messages at time 0, then an end."""
    def bundle(time_s, parts):
        data = b"#bundle\0" + struct.pack(">Q", int(time_s * 2 ** 32))
        data += b"".join(struct.pack(">i", len(p)) + p for p in parts)
        return struct.pack(">i", len(data)) + data
    with open(path, "wb") as file:
        for part in messages:  # a bundle each: scsynth bounds a bundle's size
            file.write(bundle(0.0, [part]))
        file.write(bundle(seconds, [message("/c_set", 0, 0)]))


def disk_in(definition, buffer):
    return definition.add("DiskIn", "ar", buffer, 0.0)[0]


def track(name, bands=(), outputs=1):
    """A track from disk: bells, then gains to `outputs` neighbouring buses. Parameters: buf, bus, f0 g0 r0 ..., p0 ..."""
    parameters = {"buf": 0.0, "bus": 0.0}
    for i in range(len(bands)):
        parameters.update({f"f{i}": 0.0, f"g{i}": 0.0, f"r{i}": 1.0})
    parameters.update({f"p{i}": 1.0 for i in range(outputs)})
    d = Def(name, **parameters)
    x = disk_in(d, d.parameter("buf"))
    for i in range(len(bands)):
        x = d.add("BPeakEQ", "ar", x, d.parameter(f"f{i}"), d.parameter(f"r{i}"), d.parameter(f"g{i}"))[0]
    panned = [d.multiply(x, d.parameter(f"p{i}")) for i in range(outputs)]
    d.add("Out", "ar", d.parameter("bus"), *panned, outputs=0)
    return d


def same_on_two(name):
    d = Def(name, buf=0.0, p0=1.0)
    x = d.multiply(disk_in(d, d.parameter("buf")), d.parameter("p0"))
    d.add("Out", "ar", 0.0, x, x, outputs=0)
    return d


def moving(name, channels):
    """A track times a table of gains, one point a block; control signals become straight lines between blocks."""
    d = Def(name, buf=0.0, gains=1.0)
    x = disk_in(d, d.parameter("buf"))
    table = d.add("PlayBuf", "kr", d.parameter("gains"), 1.0, 1.0, 0.0, 0.0, 0.0, outputs=channels)
    d.add("Out", "ar", 0.0, *[d.multiply(x, g) for g in table], outputs=0)
    return d


def play(path, definition, files, parameters, seconds, tables=(), late=0):
    """One synth a file; parameters: for each, its settings. tables: files of gains, read whole. late: frames of
    silence before each file."""
    messages = [message("/d_recv", definition.file())]
    for i, file in enumerate(files):
        messages += [message("/b_alloc", i, 65536, 1), message("/b_read", i, file, 0, 65536 - late, late, 1)]
    for i, file in enumerate(tables):
        messages.append(message("/b_allocRead", 1000 + i, file, 0, 0))
    for i, settings in enumerate(parameters):
        pairs = [x for name, value in settings.items() for x in (name, float(value))]
        messages.append(message("/s_new", definition.name, 2000 + i, 1, 0, "buf", float(i), *pairs))
    score(path, messages, seconds)
