"""A Python worker: one engine, one network, one process.

It loads the network, warms up, says `{"ready": true}` and then answers requests, a line of JSON each:
`{"run": 5}` with the milliseconds of five runs, `{"logits": true}` with the logits. Between requests it waits for its
standard input. `src/protocol.rs` is the same in Rust.
"""

import argparse
import importlib
import json
import os
import sys
import time

from . import networks, paths

WARM_RUNS = 3
WARM_SECONDS = 0.3


def main():
    """Serves requests until the standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--network", required=True, choices=networks.NAMES)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    # What libraries print goes to the log, not between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    try:
        engine = load(options)
        warm_up(engine)
        answer(ready=True)
        for line in sys.stdin:
            request = json.loads(line)
            if "run" in request:
                engine.run()
                answer(ms=[timed(engine) for _ in range(request["run"])])
            else:
                answer(logits=engine.logits().ravel().tolist())
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")
        raise


def load(options):
    """The engine with the network and its input."""
    from safetensors.numpy import load_file

    failed = paths.model(options.network, f"{options.engine}.failed")
    if failed.exists():
        raise RuntimeError(f"the conversion failed: {failed.read_text()}")
    name = {"pytorch": "torch_eager", "pytorch_cl": "torch_eager"}.get(options.engine, options.engine)
    module = importlib.import_module(f".engines.{name}", __package__)
    images = load_file(paths.model(options.network, "data.safetensors"))["input"][: options.batch]
    return module.Engine(options, images)


def warm_up(engine):
    """Runs until nothing is new."""
    began = time.perf_counter()
    runs = 0
    while runs < WARM_RUNS or time.perf_counter() - began < WARM_SECONDS:
        engine.run()
        runs += 1


def timed(engine):
    """Milliseconds of one run."""
    began = time.perf_counter_ns()
    engine.run()
    return (time.perf_counter_ns() - began) / 1e6


if __name__ == "__main__":
    main()
