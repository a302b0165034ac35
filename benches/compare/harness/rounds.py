"""Measures one network at one batch size and number of threads: all engines in turn, round after round, so that what
else the machine does falls on all of them alike."""

import statistics

import numpy

from .workers import Failed, Worker

FEWEST_RUNS = 3
MOST_RUNS = 5000


def measure(job, engines, rounds, turn_ms, check):
    """Rows of what was measured, and the reasons for what was not: `([{"engine": .., ..}], {engine: reason})`. `check` gives
    the error of what an engine found for the job."""
    workers, missing = {}, {}
    try:
        for engine in engines:
            attempt(engine, missing, lambda: workers.update({engine: Worker(engine, job)}))
        times = interleave(workers, missing, rounds, turn_ms)
        rows = []
        for engine in times:
            attempt(engine, missing, lambda: rows.append(row(workers[engine], times[engine], check)))
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


def row(worker, times, check):
    """What was found about an engine."""
    held, most = worker.memory_mib("VmRSS"), worker.memory_mib("VmHWM")
    error = check(worker.job, numpy.array(worker.found(), numpy.float32))
    return {
        "engine": worker.engine,
        "median_ms": statistics.median(times),
        "min_ms": min(times),
        "max_ms": max(times),
        "peak_rss_mib": most,
        "rss_mib": held,
        "error": error,
    }


def attempt(engine, missing, action):
    """Whether it worked; otherwise the reason stands in `missing`."""
    try:
        action()
        return True
    except Failed as reason:
        missing[engine] = str(reason)
        return False
