"""PyTorch as it is used without any compiler; as `pytorch_cl` in the channels_last layout."""

import ctypes

import torch

from .. import networks

# glibc's numbers for `mallopt`.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_memory():
    """Tells glibc to keep what is freed for the next tensor. Otherwise it gives large pieces back to the system and gets
    them again at every run, which costs MobileNetV2 a third of its time; PyTorch's guide to performance on CPUs replaces
    the allocator for that reason."""
    library = ctypes.CDLL(None)
    for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        if not library.mallopt(parameter, 1 << 30):
            raise RuntimeError("mallopt does not take it")


class Engine:
    def __init__(self, options, images):
        keep_memory()
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        layout = torch.channels_last if options.engine == "pytorch_cl" else torch.contiguous_format
        self.network = networks.load(options.network).to(memory_format=layout)
        self.images = torch.from_numpy(images).contiguous(memory_format=layout)
        self.output = None

    def run(self):
        with torch.inference_mode():
            self.output = self.network(self.images)

    def found(self):
        return self.output.numpy()
