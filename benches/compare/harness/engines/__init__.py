"""The peers that are used from Python, a file each.

An `Engine` takes the options of the worker and the images, as a NumPy array. `run` is what is timed: from the images
in the engine's own form to the logits in the engine's own form, readable. `found` gives them to NumPy.
"""
