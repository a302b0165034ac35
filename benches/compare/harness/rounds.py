"""Measures one network at one batch size and number of threads: all engines in turn, round after round, so that what
else the machine does falls on all of them alike."""

import statistics

import numpy
from safetensors.numpy import load_file

from . import paths
from .workers import Failed, Worker

FEWEST_RUNS = 3
MOST_RUNS = 5000


def measure(network, batch, threads, engines, rounds, turn_ms):
    """Rows of what was measured, and the reasons for what was not: `([{"engine": .., ..}], {engine: reason})`."""
    workers, missing = {}, {}
    try:
        for engine in engines:
            attempt(engine, missing, lambda: workers.update({engine: Worker(engine, network, batch, threads)}))
        times = interleave(workers, missing, rounds, turn_ms)
        expected = load_file(paths.model(network, "data.safetensors"))["logits"][:batch].ravel()
        rows = []
        for engine in times:
            attempt(engine, missing, lambda: rows.append(row(workers[engine], times[engine], expected)))
    finally:
        for worker in workers.values():
            worker.stop()
    return rows, missing


def interleave(workers, missing, rounds, turn_ms):
    """Milliseconds of every run of every engine."""
    counts = {}
    for engine, worker in workers.items():
        attempt(engine, missing, lambda: counts.update({engine: runs_for(turn_ms, worker.run(FEWEST_RUNS))}))
    times = {engine: [] for engine in counts}
    for number in range(rounds):
        order = list(times)
        # Each round begins with another engine.
        shift = number % max(len(order), 1)
        for engine in order[shift:] + order[:shift]:
            if not attempt(engine, missing, lambda: times[engine].extend(workers[engine].run(counts[engine]))):
                del times[engine]
    return times


def runs_for(turn_ms, sample):
    """How many runs fill a turn."""
    return max(FEWEST_RUNS, min(MOST_RUNS, round(turn_ms / statistics.median(sample))))


def row(worker, times, expected):
    """What was found about an engine."""
    held, most = worker.memory_mib("VmRSS"), worker.memory_mib("VmHWM")
    found = numpy.array(worker.logits(), numpy.float32)
    if found.shape != expected.shape:
        raise Failed(f"gives {found.size} logits instead of {expected.size}")
    return {
        "engine": worker.engine,
        "median_ms": statistics.median(times),
        "min_ms": min(times),
        "max_ms": max(times),
        "peak_rss_mib": most,
        "rss_mib": held,
        "error": float(abs(found - expected).max() / abs(expected).max()),
    }


def attempt(engine, missing, action):
    """Whether it worked; otherwise the reason stands in `missing`."""
    try:
        action()
        return True
    except Failed as reason:
        missing[engine] = str(reason)
        return False
