"""Records how PyTorch's losses go in the first 50 steps of training: see README.md."""

import json
import pathlib
import sys

import torch
import torchvision

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "models"))
import formula  # noqa: E402

STEPS = 50
BATCHES = 10
"""Batches of an epoch: each is seen five times."""


class LeNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = torch.nn.Conv2d(6, 16, 5)
        self.fc1 = torch.nn.Linear(400, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, x):
        pool = torch.nn.functional.max_pool2d
        x = pool(self.conv1(x).relu(), 2)
        x = pool(self.conv2(x).relu(), 2)
        x = self.fc1(x.flatten(1)).relu()
        return self.fc3(self.fc2(x).relu())


class TinyVgg(torch.nn.Module):
    def __init__(self):
        super().__init__()
        widths = [3, 16, 16, 32, 32]
        for index in range(4):
            self.add_module(f"conv{index + 1}", torch.nn.Conv2d(widths[index], widths[index + 1], 3, padding=1, bias=False))
            self.add_module(f"bn{index + 1}", torch.nn.BatchNorm2d(widths[index + 1]))
        self.fc1 = torch.nn.Linear(32 * 8 * 8, 64)
        self.fc2 = torch.nn.Linear(64, 10)

    def forward(self, x):
        for index in range(1, 5):
            x = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(x)).relu()
            if index % 2 == 0:
                x = torch.nn.functional.max_pool2d(x, 2)
        return self.fc2(self.fc1(x.flatten(1)).relu())


NETWORKS = {
    "lenet5": (LeNet, (32, 1, 28, 28), 10),
    "tiny_vgg": (TinyVgg, (32, 3, 32, 32), 10),
    "resnet18": (lambda: torchvision.models.resnet18(num_classes=10), (16, 3, 64, 64), 10),
}
OPTIMIZERS = {
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4),
    "adamw": lambda parameters, lr: torch.optim.AdamW(parameters, lr=lr, weight_decay=0.01),
}
RATES = {
    "lenet5": {"sgd": 1e-2, "adamw": 5e-5},
    "tiny_vgg": {"sgd": 5e-5, "adamw": 2e-5},
    "resnet18": {"sgd": 5e-6, "adamw": 1e-6},
}
"""Learning rates at which PyTorch follows itself in another memory layout: faster, and roundings grow from step to step."""


def batch(shape, classes, index):
    """Images with a bright square for their class, so that there is something to learn."""
    count = shape[0] * shape[1] * shape[2] * shape[3]
    images = torch.from_numpy(formula.values(f"batch{index}", count)).reshape(shape)
    labels = ((torch.from_numpy(formula.values(f"labels{index}", shape[0])) + 1) * (classes / 2)).long()
    for image, label in zip(images, labels):
        row, column = (label.item() // 4) * 6, (label.item() % 4) * 6
        image[:, row : row + 6, column : column + 6] += 1
    return images, labels


def network(name):
    net = NETWORKS[name][0]()
    with torch.no_grad():
        for path, tensor in net.state_dict().items():
            if "num_batches" not in path:
                values = formula.tensor(path, tuple(tensor.shape), 1.0)
                tensor.copy_(torch.from_numpy(values).reshape(tensor.shape))
    return net.train()


def losses(name, optimizer, memory_format):
    _, shape, classes = NETWORKS[name]
    net = network(name).to(memory_format=memory_format)
    step = OPTIMIZERS[optimizer](net.parameters(), RATES[name][optimizer])
    found = []
    for index in range(STEPS):
        images, labels = batch(shape, classes, index % BATCHES)
        loss = torch.nn.functional.cross_entropy(net(images.to(memory_format=memory_format)), labels)
        step.zero_grad()
        loss.backward()
        step.step()
        found.append(loss.item())
    return found


MIXED_STEPS = 5


def mixed(name):
    """The first losses under autocast, and how far the first gradients are from those of f32, all together."""
    _, shape, classes = NETWORKS[name]

    def loss_of(net, index, autocast):
        images, labels = batch(shape, classes, index)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            logits = net(images)
        return torch.nn.functional.cross_entropy(logits.float(), labels)

    gradients = []
    for autocast in [False, True]:
        net = network(name)
        loss_of(net, 0, autocast).backward()
        gradients.append(torch.cat([parameter.grad.flatten().double() for parameter in net.parameters()]))
    apart = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    net = network(name)
    step = OPTIMIZERS["sgd"](net.parameters(), RATES[name]["sgd"])
    found = []
    for index in range(MIXED_STEPS):
        loss = loss_of(net, index, True)
        step.zero_grad()
        loss.backward()
        step.step()
        found.append(loss.item())
    return {"losses": found, "gradients": apart.item()}


def main():
    assert torch.__version__.startswith("2.15.0"), torch.__version__
    recorded = {}
    for name in NETWORKS:
        for optimizer in OPTIMIZERS:
            found = losses(name, optimizer, torch.contiguous_format)
            other = losses(name, optimizer, torch.channels_last)
            away = max(abs(a - b) / abs(b) for a, b in zip(found, other))
            print(f"{name} {optimizer}: {found[0]:.4f} to {found[-1]:.4f}, in another layout {away:.1e} off", flush=True)
            assert away < 5e-5, "roundings grow too fast: the test would test its own conditioning"
            recorded[f"{name} {optimizer}"] = found
    folder = pathlib.Path(__file__).parent
    (folder / "losses.json").write_text(json.dumps(recorded, indent=0) + "\n")
    in_mixed_precision = {name: mixed(name) for name in NETWORKS}
    print(in_mixed_precision)
    (folder / "mixed.json").write_text(json.dumps(in_mixed_precision, indent=0) + "\n")


if __name__ == "__main__":
    main()
