"""A Python worker: one engine, one network, one process.

It loads the network, warms up, says `{"ready": true}` and then answers requests, a line of JSON each:
`{"run": 5}` with the milliseconds of five runs, `{"found": true}` with the logits of the last run, or with the losses of the
first steps of training. Between requests it waits for its standard input. `src/protocol.rs` is the same in Rust.
"""

import argparse
import importlib
import json
import os
import sys
import time

from . import paths

WARM_RUNS = 3
WARM_SECONDS = 0.3


def main():
    """Serves requests until the standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--task", required=True, choices=LOADERS)
    parser.add_argument("--network", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, default=0.0)
    options = parser.parse_args()
    # What libraries print goes to the log, not between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    try:
        engine = LOADERS[options.task](options)
        warm_up(engine)
        answer(ready=True)
        for line in sys.stdin:
            request = json.loads(line)
            if "run" in request:
                engine.run()
                answer(ms=[timed(engine) for _ in range(request["run"])])
            else:
                answer(found=engine.found().ravel().tolist())
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")
        raise


def load_inference(options):
    """The engine with the network and its input."""
    from safetensors.numpy import load_file

    failed = paths.model(options.network, f"{options.engine}.failed")
    if failed.exists():
        raise RuntimeError(f"the conversion failed: {failed.read_text()}")
    name = {"pytorch": "torch_eager", "pytorch_cl": "torch_eager"}.get(options.engine, options.engine)
    module = importlib.import_module(f".engines.{name}", __package__)
    images = load_file(paths.model(options.network, "data.safetensors"))["input"][: options.batch]
    return module.Engine(options, images)


def load_training(options):
    """The engine with the network, its input and what it shall say of it."""
    from .engines.torch_training import Engine

    return Engine(options)


LOADERS = {"inference": load_inference, "training": load_training}


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
