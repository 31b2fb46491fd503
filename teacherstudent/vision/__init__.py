"""Image classification: data, knobs, backbones and the training step behind the student `classifier`."""
