"""`benches/compare.sh gpu`: this project beside PyTorch on one GPU, in one run.

Inference of VGG-16, ResNet-50 and MobileNetV2 in batches of 1, 32 and 256, and training of ResNet-50 in batches of 64 and 256, in
f32, TF32 and bf16; PyTorch eagerly, with channels last, and compiled. Engines are processes that take turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

NETWORKS = ["vgg16", "resnet50", "mobilenet_v2"]
PRECISIONS = ["f32", "tf32", "bf16"]
ENGINES = ["ours", "eager", "channels_last", "compile"]
TOLERANCE = {"f32": 1e-3, "tf32": 1e-2, "bf16": 5e-2}


def main(arguments):
    """The command."""
    parser = argparse.ArgumentParser(prog="benches/compare.sh gpu", description=__doc__)
    parser.add_argument("--worker", help="this project's worker, built with --features cudnn or cuda")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--precisions", default=",".join(PRECISIONS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--batch", default="1,32,256", help="of inference")
    parser.add_argument("--training-batch", default="64,256", help="of ResNet-50's training; empty for none")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turn-ms", type=int, default=300)
    parser.add_argument("--out", default="gpu.json")
    parser.add_argument("--as-engine", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.as_engine:
        return engine(*options.as_engine)
    some = lambda text: [item for item in text.split(",") if item]
    jobs = [
        ("inference", network, int(batch), precision)
        for network in some(options.networks)
        for batch in some(options.batch)
        for precision in some(options.precisions)
    ]
    jobs += [
        ("training", "resnet50", int(batch), precision)
        for batch in some(options.training_batch)
        for precision in some(options.precisions)
    ]
    rows, wrong = [], []
    for job in jobs:
        found = measure(job, some(options.engines), options)
        for row in found:
            print(
                f"{row['task']:9} {row['network']:12} {row['batch']:4} {row['precision']:4} {row['engine']:13} "
                + (f"{row['median_ms']:9.3f} ms  {row['images_per_s']:9.0f} images/s  {row['memory_mib']:6} MiB  "
                   f"off {row['off']:.1e}" if "median_ms" in row else row["reason"]),
                flush=True,
            )
            if row.get("off", 0) > TOLERANCE[row["precision"]]:
                wrong.append(row)
        rows += found
        with open(options.out, "w") as file:
            file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    if wrong:
        sys.exit(f"wrong numbers: {wrong}")


def measure(job, engines, options):
    """The rows of one job."""
    task, network, batch, precision = job
    place = {"task": task, "network": network, "batch": batch, "precision": precision}
    weights = export(network)
    workers, rows = {}, []
    for name in engines:
        arguments = [task, network, weights, str(batch), precision]
        if name == "ours":
            command = [options.worker, *arguments]
        else:
            command = [sys.executable, "-m", "harness", "gpu", "--as-engine", name, *arguments]
        workers[name] = Worker(command)
    times = {name: [] for name in workers}
    for _ in range(options.rounds):
        for name, worker in workers.items():
            times[name] += worker.turn(options.turn_ms)
    expected = reference(task, network, weights, batch)
    for name, worker in workers.items():
        row = place | {"engine": name}
        if times[name] and worker.check:
            scale = max(map(abs, expected)) if expected else 1.0
            off = max((abs(a - b) for a, b in zip(worker.check, expected)), default=0.0) / scale if expected else 0.0
            median = statistics.median(times[name])
            row |= {
                "median_ms": median, "min_ms": min(times[name]), "max_ms": max(times[name]),
                "images_per_s": 1e3 * batch / median, "memory_mib": worker.memory(), "off": off,
            }
        else:
            row["reason"] = worker.reason()
        rows.append(row)
        worker.end()
    return rows


REFERENCES = {}


def reference(task, network, weights, batch):
    """What PyTorch computes eagerly in f32, once for all precisions."""
    job = (task, network, batch)
    if job not in REFERENCES:
        arguments = [task, network, weights, str(batch), "f32"]
        worker = Worker([sys.executable, "-m", "harness", "gpu", "--as-engine", "eager", *arguments])
        REFERENCES[job] = worker.check
        worker.end()
    return REFERENCES[job]


class Worker:
    """A process that has a network on the GPU."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.check = self.read("check")

    def read(self, key):
        """What it says next; nothing if it failed."""
        line = self.process.stdout.readline()
        return json.loads(line)[key] if line else []

    def turn(self, milliseconds):
        """The times of its runs."""
        if self.process.poll() is not None:
            return []
        self.process.stdin.write(f"turn {milliseconds}\n")
        self.process.stdin.flush()
        return self.read("ms")

    def memory(self):
        """MiB that it has on the GPU, with its libraries; 0 where nobody says."""
        query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
        try:
            lines = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
        except FileNotFoundError:
            return 0
        found = [int(line.split(",")[1]) for line in lines if line.split(",")[0].strip() == str(self.process.pid)]
        return found[0] if found else 0

    def reason(self):
        """Why it says nothing."""
        self.process.kill()
        return (self.process.stderr.read().strip().splitlines() or ["it says nothing"])[-1]

    def end(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()


def export(network):
    """The file of its weights, made now if it is not there."""
    from safetensors.torch import save_file

    from . import networks, paths, weights

    file = paths.model(network, "gpu.safetensors")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        state = weights.fill(networks.build(network), networks.INPUTS[network]).state_dict()
        save_file({key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}, file)
    return str(file)


def engine(name, task, network, weights, batch, precision):
    """PyTorch's side: what `benches/gpu.rs` does."""
    import torch
    from safetensors.torch import load_file

    from . import networks

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True
    net = networks.build(network)
    net.load_state_dict(load_file(weights), strict=False)
    net = net.to(device)
    batch = int(batch)
    shape = (batch, *networks.INPUTS[network])
    index = torch.arange(torch.Size(shape).numel())
    images = (((index * 7919 + 13) % 1009) / 504.5 - 1.0).float().reshape(shape).to(device)
    if name in ("channels_last", "compile"):
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    mixed = lambda: torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    if task == "inference":
        net.eval()
        if precision == "bf16":
            net, images = net.bfloat16(), images.bfloat16()
        forward = torch.compile(net, mode="max-autotune") if name == "compile" else net

        def run():
            with torch.inference_mode():
                logits = forward(images)
            wait()
            return logits

        for _ in range(3):
            check = run()[0].float().tolist()
    else:
        net.train()
        labels = (torch.arange(batch) * 37 % 1000).to(device)
        optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9, fused=device.type == "cuda")
        forward = torch.compile(net) if name == "compile" else net

        def run():
            optimizer.zero_grad(set_to_none=True)
            with mixed():
                loss = torch.nn.functional.cross_entropy(forward(images), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        check = [run() for _ in range(3)]
    print(json.dumps({"check": check}), flush=True)
    for line in sys.stdin:
        milliseconds = float(line.split()[1])
        run()
        start, times = time.perf_counter(), []
        while len(times) < 3 or time.perf_counter() - start < 1e-3 * milliseconds:
            began = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - began))
        print(json.dumps({"ms": times}), flush=True)
