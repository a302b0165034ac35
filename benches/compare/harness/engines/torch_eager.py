"""PyTorch as it is used without any compiler; as `pytorch_cl` in the channels_last layout."""

import torch

from .. import networks


class Engine:
    def __init__(self, options, images):
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        layout = torch.channels_last if options.engine == "pytorch_cl" else torch.contiguous_format
        self.network = networks.load(options.network).to(memory_format=layout)
        self.images = torch.from_numpy(images).contiguous(memory_format=layout)
        self.output = None

    def run(self):
        with torch.inference_mode():
            self.output = self.network(self.images)

    def logits(self):
        return self.output.numpy()
