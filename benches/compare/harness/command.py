"""What the commands have in common: options, and the loop over everything that is measured."""

import argparse
import json
import os
import sys

from . import paths, report, rounds, workers

FIELDS = ["engine", "median_ms", "min_ms", "max_ms", "peak_rss_mib", "rss_mib"]


def parser(task, description):
    """The options that all commands have."""
    parser = argparse.ArgumentParser(prog=f"benches/compare.sh {task}", description=description)
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="1,2")
    parser.add_argument("--rounds", type=int, default=7, help="how often it is each engine's turn")
    parser.add_argument("--quick", action="store_true", help="one short round: whether all works")
    return parser


def parse(parser, arguments):
    """Reads the command line."""
    options = parser.parse_args(arguments)
    options.turn_ms = 30 if options.quick else 200
    if options.quick:
        options.rounds = 1
    return options


def measure(task, jobs, options, *, checked, flops, check):
    """Measures, prints and writes; fails where `checked` is wrong: `check` gives the error of what was found for a job.
    `flops` are those of a job's run."""
    load = os.getloadavg()[0]
    if load > 0.3:
        print(f"the machine is not idle (load {load:.1f}): take the numbers for what they are")
    peaks = {threads: workers.fma_peak(threads) for threads in options.threads}
    print("FMA peak: " + ", ".join(f"{peak:.0f} GFLOP/s on {threads}" for threads, peak in peaks.items()))
    print(report.head(checked), flush=True)
    measured, absent, wrong = [], [], []
    for job in jobs:
        rows, missing = rounds.measure(job, options.engines, options.rounds, options.turn_ms, check)
        for line in report.lines(job, rows, missing, flops(job), peaks[job.threads]):
            print(line, flush=True)
        measured += [job.place() | {field: rounded(row[field]) for field in FIELDS} for row in rows]
        absent += [job.place() | {"engine": engine, "reason": missing[engine]} for engine in missing]
        wrong += [row["engine"] for row in rows if not report.agrees(row)]
        write(f"{task}.json", measured)
        write(f"{task}_missing.json", absent)
    if absent:
        print(f"missing: {len(absent)} measurements, see above")
    if wrong:
        sys.exit(f"wrong {checked}: {', '.join(sorted(set(wrong)))}")


def some_of(known):
    """Reads a list such as `alexnet,vgg16`, in the order of what is known."""

    def read(text):
        wanted = text.split(",")
        unknown = set(wanted) - set(map(str, known))
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(map(str, known))}")
        return [item for item in known if str(item) in wanted]

    return read


def numbers(text):
    """Reads a list such as `1,2`."""
    return [int(number) for number in text.split(",")]


def rounded(value):
    """Numbers to the nanosecond, or to what nobody will miss."""
    return round(value, 6) if isinstance(value, float) else value


def write(name, rows):
    """Writes a list of rows, a line each."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    (paths.MADE / name).write_text(f"[\n{lines}\n]\n")
