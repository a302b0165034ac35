"""ONNX Runtime's CPU provider, all graph optimizations."""

import onnxruntime

from .. import paths


class Engine:
    def __init__(self, options, images):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.inter_op_num_threads = 1
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            paths.model(options.network, f"b{options.batch}.onnx"), settings, ["CPUExecutionProvider"]
        )
        self.feed = {"input": images}
        self.output = None

    def run(self):
        self.output = self.session.run(None, self.feed)[0]

    def found(self):
        return self.output
