"""MNN on the CPU, precision `high`: f32."""

import MNN
import numpy

from .. import paths


class Engine:
    def __init__(self, options, images):
        self.interpreter = MNN.Interpreter(str(paths.model(options.network, f"b{options.batch}.mnn")))
        self.session = self.interpreter.createSession(
            {"backend": "CPU", "precision": "high", "numThread": options.threads}
        )
        self.input = self.interpreter.getSessionInput(self.session)
        self.output = self.interpreter.getSessionOutput(self.session)
        self.images = host_tensor(images.shape, images)
        self.logits = numpy.zeros(self.output.getShape(), numpy.float32)
        self.host_output = host_tensor(self.logits.shape, self.logits)

    def run(self):
        self.input.copyFrom(self.images)
        self.interpreter.runSession(self.session)
        self.output.copyToHostTensor(self.host_output)

    def found(self):
        return numpy.array(self.host_output.getData())


def host_tensor(shape, values):
    """A tensor of MNN's in plain NCHW order."""
    return MNN.Tensor(tuple(shape), MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Caffe)
