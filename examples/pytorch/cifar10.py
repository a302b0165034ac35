"""What PyTorch reaches on the repository's part of CIFAR-10 with the networks, data and schedule of `cifar10`.

    python examples/pytorch/cifar10.py

writes cifar10.json beside this file, which the example prints its own accuracy beside. Needs torch, numpy and Pillow.
"""

import argparse
import json
import pathlib
import time

import numpy
import torch
from PIL import Image
from torch import nn

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent.parent / "data" / "cifar10"
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(3, 1, 1)
# As the example's defaults.
EPOCHS, BATCH_SIZE, LR, SMOOTHING = 20, 64, 0.01, 0.1


def pictures(name):
    """The pictures of a mosaic, as bytes, and their classes."""
    mosaic = numpy.asarray(Image.open(DATA / f"{name}.webp").convert("RGB"))
    rows, columns = mosaic.shape[0] // 32, mosaic.shape[1] // 32
    tiles = mosaic.reshape(rows, 32, columns, 32, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, 32, 32)
    return torch.from_numpy(tiles.copy()), torch.arange(10).repeat_interleave(len(tiles) // 10)


def normalized(images):
    return (images.float() / 255 - MEAN) / STD


def augmented(images, generator):
    """RandomCrop(32, padding=4) and RandomHorizontalFlip() of each picture."""
    padded = nn.functional.pad(images, (4, 4, 4, 4))
    out = torch.empty_like(images)
    for index in range(len(images)):
        top, left = torch.randint(0, 9, (2,), generator=generator).tolist()
        crop = padded[index, :, top : top + 32, left : left + 32]
        out[index] = crop.flip(-1) if torch.rand((), generator=generator) < 0.5 else crop
    return out


def conv(inputs, outputs, kernel=3, stride=1):
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def tiny_vgg():
    layers, inputs = [], 3
    for width in [32, 64, 128]:
        layers += [*conv(inputs, width), nn.ReLU(), *conv(width, width), nn.ReLU(), nn.MaxPool2d(2)]
        inputs = width
    head = [nn.Flatten(), nn.Linear(128 * 16, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10)]
    return nn.Sequential(*layers, *head)


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(*conv(inputs, outputs, stride=stride), nn.ReLU(), *conv(outputs, outputs))
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(*conv(inputs, outputs, 1, stride))

    def forward(self, x):
        return (self.body(x) + self.skip(x)).relu()


def resnet14():
    layers, inputs = [*conv(3, 16), nn.ReLU()], 16
    for width, stride in [(16, 1), (32, 2), (64, 2)]:
        layers += [Basic(inputs, width, stride), Basic(width, width, 1)]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


NETWORKS = {"vgg": tiny_vgg, "resnet": resnet14}


def accuracy(make, seed, train, test):
    """The share of the test pictures that a network trained from this seed names right, in percent."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = make()
    decayed = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    spared = [parameter for parameter in net.parameters() if parameter.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": spared, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=LR, momentum=0.9, nesterov=True)
    images, labels = train
    steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator)
        for indices in order.split(BATCH_SIZE):
            x = normalized(augmented(images[indices], generator))
            loss = nn.functional.cross_entropy(net(x), labels[indices], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        right = sum(
            int((net(normalized(x)).argmax(1) == y).sum()) for x, y in zip(test[0].split(250), test[1].split(250))
        )
    return 100 * right / len(test[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    seeds = parser.parse_args().seeds
    train, test = pictures("train"), pictures("test")
    record = {"torch": torch.__version__.split("+")[0], "epochs": EPOCHS, "batch_size": BATCH_SIZE, "lr": LR}
    for name, make in NETWORKS.items():
        record[name] = []
        for seed in range(seeds):
            start = time.time()
            record[name].append(accuracy(make, seed, train, test))
            print(f"{name}, seed {seed}: {record[name][-1]:.1f} % in {time.time() - start:.0f} s", flush=True)
            (HERE / "cifar10.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
