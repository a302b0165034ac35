"""Writes expected.tfevents with TensorBoard's own writer, and reads it again with its own reader.

    python3 cnn-train/tests/tensorboard/generate.py      (tensorboard)
"""

import tempfile
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = Path(__file__).parent

# wall time, step, tag, value
SCALARS = [
    (1700000000.0, 0, "loss/train", 2.25),
    (1700000000.5, 1, "loss/train", 0.0),
    (1700000001.25, 1, "accuracy/valid", 0.8125),
    (1700000002.0, 1 << 33, "größe", -1e-30),
]

path = HERE / "expected.tfevents"
with path.open("wb") as file:
    writer = RecordWriter(file)
    events = [Event(wall_time=1700000000.0, file_version="brain.Event:2")]
    for wall_time, step, tag, value in SCALARS:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        events.append(Event(wall_time=wall_time, step=step, summary=summary))
    for event in events:
        writer.write(event.SerializeToString())
    writer.flush()

with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "events.out.tfevents.1").write_bytes(path.read_bytes())
    read = EventAccumulator(folder)
    read.Reload()
    for tag in read.Tags()["scalars"]:
        print(tag, [(e.wall_time, e.step, e.value) for e in read.Scalars(tag)])
