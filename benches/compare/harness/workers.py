"""Worker processes, seen from the driver."""

import json
import os
import subprocess
import sys
import time

from . import paths

PYTHON = ["pytorch", "pytorch_cl", "onnxruntime", "openvino", "ncnn", "mnn"]
RUST = ["ours", "candle", "tract", "rten"]
ENGINES = RUST[:2] + PYTHON + RUST[2:]
# This project's other precisions: only where `--engines` names them.
VARIANTS = ["ours_exact", "ours_bf16"]
TRAINING_ENGINES = ["ours", "candle", "burn", "pytorch", "pytorch_cl"]
# Without a plan, by candle's automatic differentiation.
TRAINING_VARIANTS = ["ours_loop"]


class Failed(Exception):
    """An engine does not run a network; the message is the reason."""


class Worker:
    """One engine with one job in a process of its own, on as many processors as it may have threads."""

    def __init__(self, engine, job):
        self.engine, self.job = engine, job
        if engine in PYTHON:
            command = [sys.executable, "-W", "ignore", "-m", "harness.worker", "--engine", engine, *job.arguments()]
        else:
            command = [paths.RUST_WORKER, "--engine", engine, "--models", job.models, *job.arguments()]
        self.log = job.log(engine)
        self.log.parent.mkdir(exist_ok=True)
        self.process = start(command, job.threads, self.log)
        try:
            self.answer()
        except Failed:
            self.stop()
            raise

    def answer(self, **request):
        """What the worker answers to a request, or says when it is ready."""
        try:
            if request:
                print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self.log.read_text().strip().splitlines()[-1:]
            raise Failed(f"ended with {self.process.wait()}: {''.join(said)}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def run(self, count):
        """Milliseconds of so many runs, after one that does not count. The worker is idle when this returns."""
        times = self.answer(run=count)["ms"]
        self.settle()
        return times

    def found(self):
        """The logits of the last run, flat, or the losses of the first steps."""
        return self.answer(found=True)["found"]

    def memory_mib(self, what):
        """Memory of the process as Linux counts it: `VmRSS` is what it holds, `VmHWM` the most that it has held."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(f"{what}:"):
                    return int(line.split()[1]) / 1024
        raise Failed(f"no {what}")

    def settle(self):
        """Waits until the process is idle: threads of some peers spin for a while after their work (ONNX Runtime's
        for some 20 ms), and shall not do so in another's time."""
        for _ in range(50):
            before = cpu_seconds(self.process.pid)
            time.sleep(0.01)
            if cpu_seconds(self.process.pid) - before < 0.0005:
                return

    def stop(self):
        """Ends the process."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cpu_seconds(process):
    """Processor time of all threads of a process, by its clock's number (clock_getcpuclockid)."""
    return time.clock_gettime((~process << 3) | 2)


def start(command, threads, log):
    """A process that can use the first `threads` processors, and thinks that there are no more. Its errors are one line."""
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    count = str(threads)
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "RTEN_NUM_THREADS"]
    return subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=open(log, "w"),
        text=True,
        env=os.environ | dict.fromkeys(names, count) | {"PYTHONPATH": str(paths.CRATE), "RUST_BACKTRACE": "0"},
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )


def fma_peak(threads):
    """GFLOP/s that so many processors reach with multiply-adds on registers alone."""
    process = start([paths.RUST_WORKER, "--engine", "fma_peak", "--threads", threads], threads, os.devnull)
    said, _ = process.communicate()
    return float(said)
