"""What a stage says, done by hand: a function for every knob, on what a user has.

====================  ==========================================================================
knob                  function
====================  ==========================================================================
``bandwidth``         ``low_frequency_crop(images, size)``
``resize``            ``resize(images, size)``
``magnitude``         ``augment(images, magnitude)``
``lr_spread``         ``layerwise_rates(optimizer, model, spread)``
``smoothing``         ``smooth(model, sigma)``
``freeze``            ``freeze(model, share)``
``lr_scale``          ``set_rate(optimizer, scale)``
``batch_size``        ``batch_size(loader, rows)``
``data_fraction``     `ShareBatchSampler`: its attribute ``fraction``
``self_distillation`` ``distil(labels, previous, weight)``
``sequence_length``   ``sequence_length(batch, length)``
none                  ``weights(weigher, losses, indices)``, where a teacher weighs examples
====================  ==========================================================================
"""

from teacherstudent.adapters.supervised.weighing import weights
from teacherstudent.networks.knobs.augmentation import augment
from teacherstudent.networks.knobs.batches import batch_size, sequence_length
from teacherstudent.networks.knobs.freezing import freeze
from teacherstudent.networks.knobs.rates import layerwise_rates, set_rate
from teacherstudent.networks.knobs.resampling import low_frequency_crop, resize
from teacherstudent.networks.knobs.sampling import distil
from teacherstudent.networks.knobs.smoothing import smooth

__all__ = [
    "augment",
    "batch_size",
    "distil",
    "freeze",
    "layerwise_rates",
    "low_frequency_crop",
    "resize",
    "sequence_length",
    "set_rate",
    "smooth",
    "weights",
]
