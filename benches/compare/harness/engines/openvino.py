"""OpenVINO's CPU plugin: tuned for latency, f32 (it would take bf16 where the processor has it)."""

import openvino

from .. import paths


class Engine:
    def __init__(self, options, images):
        core = openvino.Core()
        network = core.compile_model(
            core.read_model(paths.model(options.network, f"b{options.batch}.onnx")),
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": options.threads,
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        self.request = network.create_infer_request()
        self.images = images  # The tensor below does not keep them.
        self.request.set_input_tensor(openvino.Tensor(images, shared_memory=True))

    def run(self):
        self.request.infer()

    def found(self):
        return self.request.get_output_tensor().data
