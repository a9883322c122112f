"""What a program tells of itself: its metrics, checked against Prometheus' text format, its log; and
what the kernel tells of it."""

import re
import time

import programs

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SERIES = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def wait_until(condition):
    end = time.monotonic() + programs.WAIT
    while not condition():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.01)


def rss(program):
    """Bytes of memory that it has."""
    with open(f"/proc/{program.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def is_plain(program):
    """Sanitizers keep memory that was freed: then there is nothing to be measured."""
    with open(f"/proc/{program.process.pid}/maps", encoding="ascii") as maps:
        return not any(name in line for line in maps for name in ("libasan", "libtsan"))


def holds(program, secret):
    """Whether its memory has these bytes. Not of one with a sanitizer, whose memory has no end."""
    with open(f"/proc/{program.process.pid}/maps", encoding="ascii") as maps:
        ranges = [line.split()[0] for line in maps if line.split()[1].startswith("rw")]
    with open(f"/proc/{program.process.pid}/mem", "rb", buffering=0) as memory:
        for first, last in (map(lambda n: int(n, 16), r.split("-")) for r in ranges):
            memory.seek(first)
            try:
                if secret in memory.read(last - first):
                    return True
            except OSError:  # it has been given back meanwhile
                pass
    return False


def parse(text):
    """{name: {((label, value), ...): number}}; asserts all that the format (0.0.4) says."""
    series, kinds, current = {}, {}, None
    assert text.endswith("\n")
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in kinds and lines[i + 1].startswith(f"# TYPE {current} "), line
        elif line.startswith("# TYPE "):
            kinds[current] = line.split(" ", 3)[3]
            assert kinds[current] in SUFFIXES
            assert kinds[current] != "counter" or current.endswith("_total")
        else:
            match = SERIES.fullmatch(line)
            assert match, line
            name, labels, value = match.group(1), match.group(2) or "", float(match.groups()[-1])
            assert name in {current + suffix for suffix in SUFFIXES[kinds[current]]}, line
            key = tuple(sorted((k, re.sub(r"\\(.)", r"\1", v)) for k, v in re.findall(LABEL, labels)))
            assert key not in series.setdefault(name, {}), line
            series[name][key] = value
    for name, kind in kinds.items():
        if kind == "histogram":
            check_histogram(series, name)
    return series


def check_histogram(series, name):
    for key, count in series.get(name + "_count", {}).items():
        buckets = [(float(dict(k)["le"]), v) for k, v in series[name + "_bucket"].items()
                   if tuple(p for p in k if p[0] != "le") == key]
        assert [v for _, v in sorted(buckets)] == sorted(v for _, v in buckets), name
        assert max(buckets) == (float("inf"), count), name


class Metrics:
    """One scrape."""

    def __init__(self, program):
        answer = programs.http_request(program.admin, "GET", "/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.series = parse(answer.body.decode())

    def value(self, name, **labels):
        """0 for a series that has not been counted yet."""
        return self.series.get(name, {}).get(tuple(sorted(labels.items())), 0)


def value(program, name, **labels):
    return Metrics(program).value(name, **labels)


FIELD = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "=\\]+))(?: |$)')


def fields(line):
    """A line of the log as a dictionary; asserts that it is one."""
    at, found = 0, {}
    while at < len(line):
        match = FIELD.match(line, at)
        assert match, line
        key, quoted, plain = match.groups()
        assert key not in found, line
        found[key] = plain if plain is not None else re.sub(
            r"\\(u....|.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1][-1])
            if m[1][0] != "u" else chr(int(m[1][1:], 16)), quoted)
        at = match.end()
    return found


def logged(program, event, **wanted):
    """The lines of that event with these values."""
    lines = [fields(line) for line in program.log_text().splitlines() if line.startswith("time=")]
    return [line for line in lines if line["event"] == event
            and all(line.get(key) == value for key, value in wanted.items())]


def wait_logged(program, event, **wanted):
    wait_until(lambda: logged(program, event, **wanted))
    return logged(program, event, **wanted)
