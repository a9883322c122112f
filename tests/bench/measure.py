"""Rounds of a measurement beside its reference, and what comes of them."""

import contextlib
import dataclasses
import os
import statistics

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Sample:
    """One measurement. value: the figure that is compared; count: calls or messages in all, which
    CPU time is told by, 0: it is not; told: further figures by what they are."""

    value: float
    count: int = 0
    p50_us: int = None
    p99_us: int = None
    bytes_per_s: int = None
    told: dict = None


def cpu_seconds(pid):
    """User and system time of a process and of its children, dead or alive (PostgreSQL's)."""
    def one(process):
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    total = one(pid)
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        for child in file.read().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += one(child)
    return total


def measured(measure, pids):
    """A sample, and the CPU microseconds for each of its calls, of the processes that had any."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    sample = measure()
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    if not sample.count:
        return sample, {}
    each = {name: round(cpu * 1e6 / sample.count, 2) for name, cpu in used.items()}
    return sample, {name: cpu for name, cpu in each.items() if cpu}


def number(value):
    return round(value) if value >= 1000 else round(value, 1)


def part(sample, cpu):
    """What of a sample and its CPU times is there to be told."""
    told = {key: value for key, value in dataclasses.asdict(sample).items()
            if key not in ("value", "count") and value is not None}
    return {**told, "cpu_us_per_call": cpu} if cpu else told


def compare(rounds, pids, unit, name, measure, reference_name, reference, *, goal, less=False):
    """Rounds of reference and measurement in turn, so that a drift of the machine hits both; the
    median ratio counts. goal: the least ratio, None if it is only for orientation. less: less is
    better, and the ratio is that of the reference to the measurement."""
    taken = []
    for _ in range(rounds):
        beside = measured(reference, pids)
        taken.append((measured(measure, pids), beside))
    ratios = [(sample.value / beside.value) ** (-1 if less else 1)
              for (sample, _), (beside, _) in taken]
    middle = ratios.index(statistics.median_low(ratios))
    (sample, cpu), (beside, beside_cpu) = taken[middle]
    return {
        "id": name, "unit": unit, "value": number(sample.value), **part(sample, cpu),
        "reference_id": reference_name, "reference": number(beside.value),
        **{"reference_" + key: value for key, value in part(beside, beside_cpu).items()},
        "ratio": round(ratios[middle], 2), "goal": goal,
        "ratios": [round(ratio, 2) for ratio in ratios], "notes": []}


def side(row, name, value, prefix):
    told = [f"{row[value]} {row['unit']}"]
    for key, form in (("p50_us", "p50 {} us"), ("p99_us", "p99 {} us")):
        if prefix + key in row:
            told.append(form.format(row[prefix + key]))
    if prefix + "bytes_per_s" in row:
        told.append(f"{row[prefix + 'bytes_per_s'] / 1e6:.1f} MB/s")
    told += [f"{what} {figure}" for what, figure in row.get(prefix + "told", {}).items()]
    if cpu := row.get(prefix + "cpu_us_per_call"):
        told.append("CPU us " + " + ".join(f"{who} {used}" for who, used in cpu.items()))
    return f"  {name:<26} {', '.join(told)}"


def print_rows(rows):
    """Each comparison in full, then all ratios in one table."""
    for row in rows:
        print(row["id"])
        print(side(row, "measured", "value", ""))
        print(side(row, row["reference_id"], "reference", "reference_"))
        for note in row["notes"]:
            print(f"  {note}")
    print(f"\n{'ratio':>6} {'goal':>6}  {'':8} {'rounds':<24} of what; beside what")
    for row in rows:
        goal = "-" if row["goal"] is None else row["goal"]
        verdict = "" if row["goal"] is None else "reached" if row["ratio"] >= row["goal"] else "MISSED"
        rounds = " ".join(map(str, row["ratios"]))
        print(f"{row['ratio']:>6} {goal:>6}  {verdict:8} {rounds:<24} "
              f"{row['id']}; {row['reference_id']}")
