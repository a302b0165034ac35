"""ncnn on the CPU, f32 throughout, Winograd as it chooses."""

import ncnn

from .. import paths


class Engine:
    def __init__(self, options, images):
        self.network = ncnn.Net()
        settings = self.network.opt
        settings.num_threads = options.threads
        for name in dir(settings):
            if name.startswith(("use_fp16", "use_bf16", "use_int8", "use_vulkan")):
                setattr(settings, name, False)
        for load, kind in ((self.network.load_param, "param"), (self.network.load_model, "bin")):
            path = paths.model(options.network, f"ncnn.{kind}")
            if load(str(path)):
                raise RuntimeError(f"ncnn does not take {path}")
        self.images = ncnn.Mat(images, batch_index=0).clone()
        self.output = None

    def run(self):
        extractor = self.network.create_extractor()
        extractor.input("in0", self.images)
        failed, self.output = extractor.extract("out0")
        if failed:
            raise RuntimeError(f"ncnn cannot run it: {failed}")

    def found(self):
        return self.output.numpy(batch_index=0)
