"""Writes the files that `tests/weights.rs` reads: run `python3 generate.py` in this directory.

Needs PyTorch and safetensors; the tests do not. Values are chosen so that each is exact in its type and
different from the others. What PyTorch holds is written beside, by the safetensors library, as `*.expected`, once for
each group of files that hold the same.
"""

import argparse
import math
import zipfile

import torch
from safetensors.torch import save_file

def values(*shape, start=0, dtype=torch.float32):
    count = math.prod(shape)
    # Multiples of 1/4 below 128: exact in bfloat16's 8 bits up to 32, and in all other types.
    return ((torch.arange(count) + start) % 120 / 4 - 15).reshape(shape).to(dtype)


class Net(torch.nn.Module):
    """`conv1: conv3-4 bn1: bn -> gap -> fc: fc3` of the tests."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)
        self.fc = torch.nn.Linear(4, 3)
        with torch.no_grad():
            self.conv1.weight.copy_(values(4, 2, 3, 3))
            self.bn1.weight.copy_(values(4, start=7))
            self.bn1.bias.copy_(values(4, start=17))
            self.bn1.running_mean.copy_(values(4, start=27))
            self.bn1.running_var.copy_(values(4, start=77))
            self.fc.weight.copy_(values(3, 4, start=37))
            self.fc.bias.copy_(values(3, start=57))


def expected(name, tensors):
    """What PyTorch says the tensors are, contiguous and each for itself."""
    save_file({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}, f"{name}.expected")


def both(name, value, **options):
    torch.save(value, f"{name}.pth", **options)
    torch.save(value, f"{name}_legacy.pth", _use_new_zipfile_serialization=False, **options)


def networks():
    net = Net()
    state = net.state_dict()
    expected("net", state)
    both("net", state)
    both("module", torch.nn.DataParallel(net).state_dict())
    torch.save(torch.compile(torch.nn.DataParallel(net)).state_dict(), "orig_mod.pth")

    # A training program's checkpoint: an optimizer with state, numbers, an object of a class of its own.
    optimizer = torch.optim.AdamW(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    kept = {key: tensor.clone() for key, tensor in state.items()}
    optimizer.step()
    net.load_state_dict(kept)
    checkpoint = {
        "epoch": 3,
        "best": torch.tensor(0.75),
        "arguments": argparse.Namespace(lr=0.1, name="net"),
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    both("checkpoint", checkpoint)
    torch.save({"model": {"state_dict": net.state_dict()}, "ema": {"conv1.weight": values(4, 2, 3, 3)}}, "nested.pth")
    torch.save({"a": net.state_dict(), "b": net.state_dict()}, "two_networks.pth")
    # Only in the newer format: the older one would hold the source of PyTorch's classes and its place.
    torch.save(net, "whole.pth")
    for protocol in (3, 4, 5):
        torch.save(state, f"protocol{protocol}.pth", pickle_protocol=protocol)
    torch.save(state, "protocol4_legacy.pth", pickle_protocol=4, _use_new_zipfile_serialization=False)
    torch.save(dict(net.named_parameters()) | dict(net.named_buffers()), "parameters.pth")

    # Another number of classes.
    other = dict(state, **{"fc.weight": values(5, 4), "fc.bias": values(5)})
    torch.save(other, "five_classes.pth")
    both("half", {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in state.items()})
    both("bfloat16", {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()})
    both("double", {k: v.double() if v.is_floating_point() else v for k, v in state.items()})
    for name, dtype in (("half", torch.float16), ("bfloat16", torch.bfloat16)):
        file = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        save_file(file, f"{name}.safetensors")
    save_file({f"module.{key}": tensor for key, tensor in state.items()}, "module.safetensors")

    torch.serialization.set_crc32_options(False)
    torch.save(state, "no_crc.pth")
    torch.serialization.set_crc32_options(True)


def types():
    """All element types that safetensors names."""
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64 " \
            "complex64 float8_e4m3fn float8_e5m2"
    tensors = {}
    for name in names.split():
        dtype = getattr(torch, name)
        tensors[name] = torch.tensor([0, 1, 2, 5, 1, 0]).reshape(2, 3).to(dtype)
    # Patterns of all exponents, and the infinities and the least of both types.
    special = torch.tensor([0x7C00, 0xFC00, 0x7F80, 0xFF80, 1, 0x8001])
    for dtype in (torch.float16, torch.bfloat16):
        bits = torch.cat([torch.arange(0, 65536, 257), special]).to(torch.uint16).view(dtype)
        tensors[f"all_{dtype}".replace("torch.", "")] = bits[~bits.isnan()]
    expected("types", tensors)
    both("types", tensors)


def views():
    """Tensors that are not in order, or share storages."""
    base = values(4, 6)
    cube = values(3, 4, 5, start=30)
    shared = values(40, start=11)
    tensors = {
        "transposed": base.t(),
        "rows": base[1:3],
        "columns": base[:, 2:5],
        "every_other": base[::2, ::3],
        "permuted": cube.permute(2, 0, 1),
        "middle": cube[1:, 1:3, 2],
        "channels_last": values(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "expanded": values(3, 1).expand(3, 7),
        "repeated": values(1).expand(2, 5),
        "windows": values(10).as_strided((4, 3), (2, 1)),
        "reversed_sizes": values(6).as_strided((2, 3), (1, 2)),
        "scalar": torch.tensor(2.5),
        "scalar_of_many": shared[7],
        "empty": torch.zeros(0, 5),
        "empty_in_the_middle": torch.zeros(3, 0, 2),
        "first": shared[:10],
        "second": shared[10:30].reshape(4, 5),
        "whole": shared,
        "size_one": values(5, start=3).as_strided((5, 1, 1), (1, 99, 77)),
        "parameter": torch.nn.Parameter(values(2, 2, start=3)),
        "frozen": torch.nn.Parameter(values(2, 2, start=9), requires_grad=False),
        "of_a_parameter": torch.nn.Parameter(base)[1].detach(),
    }
    expected("views", tensors)
    both("views", tensors)


def refused():
    """What torch.save writes and is not a network's weights."""
    torch.save(values(3), "tensor.pth")
    torch.save([values(3), values(2)], "list.pth")
    torch.save({"a": torch.eye(3).to_sparse(), "b": values(2)}, "sparse.pth")
    quantized = torch.quantize_per_tensor(values(4), 0.5, 0, torch.qint8)
    torch.save({"a": quantized, "b": values(2)}, "quantized.pth")
    torch.jit.script(torch.nn.Linear(2, 2)).save("torchscript.pt")


def zipped():
    """An archive that someone packed again, with compression."""
    with zipfile.ZipFile("net.pth") as source, zipfile.ZipFile("deflated.pth", "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    torch.manual_seed(0)
    networks()
    types()
    views()
    refused()
    zipped()
