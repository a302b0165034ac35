"""Writes where PyTorch's optimizers go, and what its learning rate schedules give.

    python3 -m venv .venv && .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python cnn-train/tests/pytorch/generate.py

`optimizers.safetensors` and `optimizers.json` (20 steps with fixed gradients; the parameters after some of them, in
float32 and float64) and `schedules.json` go beside this file. `cargo test -p cnn-train --test optimizers --test schedules`
compares.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.optim import lr_scheduler

PINNED = "2.15.0"
FOLDER = Path(__file__).parent
STEPS = 20
# The steps after which the parameters are kept.
KEPT = [1, 2, 3, 10, 20]
# `late` has a gradient in every third step only.
SHAPES = {"weight": (3, 4), "bias": (3,), "late": (2, 2)}

SGD, ADAM, ADAMW, RMSPROP = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop
# Name, kind, options, clip_grad_norm_, clip_grad_value_, whether 1-d parameters are spared from the weight decay.
CASES = [
    ("sgd", SGD, {"lr": 0.1}, None, None, False),
    ("sgd decay", SGD, {"lr": 0.1, "weight_decay": 0.05}, None, None, False),
    ("sgd momentum", SGD, {"lr": 0.1, "momentum": 0.9}, None, None, False),
    ("sgd nesterov decay", SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}, None, None, False),
    ("sgd spared", SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}, None, None, True),
    ("sgd clip norm", SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}, 2.5, None, False),
    ("sgd clip value", SGD, {"lr": 0.1, "momentum": 0.9}, None, 0.4, False),
    ("sgd clip both", SGD, {"lr": 0.1}, 2.0, 0.4, False),
    ("adam", ADAM, {"lr": 0.02}, None, None, False),
    ("adam betas eps decay", ADAM, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}, None, None, False),
    ("adam amsgrad", ADAM, {"lr": 0.02, "amsgrad": True}, None, None, False),
    ("adam clip norm", ADAM, {"lr": 0.02}, 1.0, None, False),
    ("adamw", ADAMW, {"lr": 0.02}, None, None, False),
    ("adamw decay", ADAMW, {"lr": 0.02, "weight_decay": 0.3}, None, None, False),
    ("adamw spared", ADAMW, {"lr": 0.02, "weight_decay": 0.3}, None, None, True),
    ("adamw amsgrad", ADAMW, {"lr": 0.02, "weight_decay": 0.3, "amsgrad": True}, None, None, False),
    ("rmsprop", RMSPROP, {"lr": 0.01}, None, None, False),
    ("rmsprop alpha eps decay", RMSPROP, {"lr": 0.01, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1}, None, None, False),
    ("rmsprop momentum", RMSPROP, {"lr": 0.01, "momentum": 0.9}, None, None, False),
    ("rmsprop centered", RMSPROP, {"lr": 0.01, "centered": True}, None, None, False),
    ("rmsprop centered momentum", RMSPROP, {"lr": 0.01, "centered": True, "momentum": 0.5}, None, None, False),
]


def draws():
    generator = torch.Generator().manual_seed(7)
    start = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    gradients = {}
    for name, shape in SHAPES.items():
        # A common part, so that momentum and averages have something to add up.
        common = torch.randn(shape, generator=generator)
        gradients[name] = torch.stack([common + torch.randn(shape, generator=generator) for _ in range(STEPS)])
    return start, gradients


def learning_rate(lr, step):
    """Not constant: AdamW's decay has it in, momentum has not."""
    return lr * (1.0 + 0.5 * math.sin(step))


def run(kind, options, clip_norm, clip_value, spared, dtype, start, gradients):
    parameters = {name: torch.nn.Parameter(value.to(dtype).clone()) for name, value in start.items()}
    groups = [{"params": list(parameters.values())}]
    if spared:
        groups = [
            {"params": [value for value in parameters.values() if value.ndim != 1]},
            {"params": [value for value in parameters.values() if value.ndim == 1], "weight_decay": 0.0},
        ]
    optimizer = kind(groups, foreach=False, **options)
    kept = {name: [] for name in parameters}
    for step in range(STEPS):
        for name, value in parameters.items():
            has = name != "late" or step % 3 == 2
            value.grad = gradients[name][step].to(dtype).clone() if has else None
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters.values(), clip_norm)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_(parameters.values(), clip_value)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(options["lr"], step)
        optimizer.step()
        if step + 1 in KEPT:
            for name, value in parameters.items():
                kept[name].append(value.detach().clone())
    return {name: torch.stack(values) for name, values in kept.items()}


def optimizers():
    start, gradients = draws()
    tensors = {f"start.{name}": value for name, value in start.items()}
    tensors |= {f"gradients.{name}": value for name, value in gradients.items()}
    cases = []
    for name, kind, options, clip_norm, clip_value, spared in CASES:
        for dtype, label in [(torch.float32, "f32"), (torch.float64, "f64")]:
            for parameter, values in run(kind, options, clip_norm, clip_value, spared, dtype, start, gradients).items():
                tensors[f"{name}.{label}.{parameter}"] = values
        case = {"name": name, "kind": kind.__name__, "options": options, "spared": spared}
        cases.append(case | {"clip_norm": clip_norm, "clip_value": clip_value})
    save_file(dict(sorted(tensors.items())), FOLDER / "optimizers.safetensors")
    lines = ",\n".join(json.dumps(case) for case in cases)
    rates = [learning_rate(1.0, step) for step in range(STEPS)]
    head = f'"steps": {STEPS}, "kept": {KEPT}, "rates": {json.dumps(rates)}'
    (FOLDER / "optimizers.json").write_text(f'{{{head}, "cases": [\n{lines}\n]}}\n')


def rates(make, steps, lr=0.3, momentum=False):
    """The learning rate (and momentum) of each step, where the scheduler moves after each."""
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = SGD([parameter], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        group = optimizer.param_groups[0]
        found.append([group["lr"], group["momentum"]] if momentum else group["lr"])
        optimizer.step()
        scheduler.step()
    return found


def warm_up(first, iterations, after):
    def make(optimizer):
        ramp = lr_scheduler.LinearLR(optimizer, start_factor=first, total_iters=iterations)
        return lr_scheduler.SequentialLR(optimizer, [ramp, after(optimizer)], milestones=[iterations])

    return make


def schedules():
    cosine = lr_scheduler.CosineAnnealingLR
    found = {
        "constant": rates(lambda o: lr_scheduler.ConstantLR(o, factor=1.0), 12),
        "step 4 0.5": rates(lambda o: lr_scheduler.StepLR(o, 4, 0.5), 17),
        "milestones 3 4 10 0.1": rates(lambda o: lr_scheduler.MultiStepLR(o, [3, 4, 10], 0.1), 14),
        "exponential 0.9": rates(lambda o: lr_scheduler.ExponentialLR(o, 0.9), 14),
        "cosine 20": rates(lambda o: cosine(o, 20), 20),
        "cosine 20 to 0.01": rates(lambda o: cosine(o, 20, eta_min=0.3 * 0.01), 20),
        "one cycle 50": rates(lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=50), 50, momentum=True),
        "one cycle 37, 0.2, 10, 100": rates(
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.3, total_steps=37, pct_start=0.2, div_factor=10, final_div_factor=100, base_momentum=0.8, max_momentum=0.9
            ),
            37,
            momentum=True,
        ),
        "one cycle 40 linear": rates(
            lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=40, anneal_strategy="linear"), 40, momentum=True
        ),
        "warm-up 5 from 0.1, cosine 20": rates(warm_up(0.1, 5, lambda o: cosine(o, 20)), 25),
        "warm-up 4 from 0.25, step 6 0.5": rates(warm_up(0.25, 4, lambda o: lr_scheduler.StepLR(o, 6, 0.5)), 24),
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in found.items())
    (FOLDER / "schedules.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    if torch.__version__.split("+")[0] != PINNED:
        raise SystemExit(f"the references are made with PyTorch {PINNED}, this is {torch.__version__}")
    torch.set_num_threads(1)
    optimizers()
    schedules()
