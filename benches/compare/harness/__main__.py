"""How long inference takes here and elsewhere: see benches/compare/README.md."""

import argparse
import json
import os
import sys

from . import networks, paths, recipe, report, rounds, workers

FIELDS = ["engine", "median_ms", "min_ms", "max_ms", "peak_rss_mib", "rss_mib"]


def main():
    """Measures, prints and writes; fails where logits are wrong."""
    options = parse()
    recipe.make(options.networks)
    load = os.getloadavg()[0]
    if load > 0.3:
        print(f"the machine is not idle (load {load:.1f}): take the numbers for what they are")
    peaks = {threads: workers.fma_peak(threads) for threads in options.threads}
    print("FMA peak: " + ", ".join(f"{peak:.0f} GFLOP/s on {threads}" for threads, peak in peaks.items()))
    print(report.HEAD, flush=True)
    measured, absent, wrong = [], [], []
    for network in options.networks:
        for batch in options.batch:
            for threads in options.threads:
                place = {"network": network, "batch": batch, "threads": threads}
                rows, missing = rounds.measure(
                    network, batch, threads, options.engines, options.rounds, options.turn_ms
                )
                flops = 2 * networks.MACS[network] * batch
                for line in report.lines(network, batch, threads, rows, missing, flops, peaks[threads]):
                    print(line, flush=True)
                measured += [place | {field: rounded(row[field]) for field in FIELDS} for row in rows]
                absent += [place | {"engine": engine, "reason": missing[engine]} for engine in missing]
                wrong += [place | {"engine": row["engine"]} for row in rows if not report.agrees(row)]
                write("inference.json", measured)
                write("inference_missing.json", absent)
    if absent:
        print(f"missing: {len(absent)} measurements, see above")
    if wrong:
        sys.exit(f"wrong logits: {', '.join(sorted({row['engine'] for row in wrong}))}")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(prog="benches/compare.sh inference", description=__doc__)
    engines = workers.ENGINES + workers.VARIANTS
    parser.add_argument("--networks", type=some_of(networks.NAMES), default=networks.NAMES, help="a,b")
    parser.add_argument("--engines", type=some_of(engines), default=workers.ENGINES, help="a,b")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="1,2")
    parser.add_argument("--batch", type=some_of(networks.BATCHES), default=networks.BATCHES, help="1,8")
    parser.add_argument("--rounds", type=int, default=7, help="how often it is each engine's turn")
    parser.add_argument("--quick", action="store_true", help="one short round: whether all works")
    options = parser.parse_args()
    options.turn_ms = 30 if options.quick else 200
    if options.quick:
        options.rounds = 1
    return options


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


if __name__ == "__main__":
    main()
