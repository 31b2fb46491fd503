"""On what device and in which arithmetic a network is trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from teacherstudent.contract.checks import check_one_of, check_whole


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and in which arithmetic a classifier is trained.

    Attributes:
        device: ``"auto"`` is the GPU where there is one.
        data: where the images lie: ``"device"``; ``"host"``, from where every batch is copied; or ``"auto"``,
            the device unless they would take more than half of its free memory.
        precision: ``"float32"``; ``"bfloat16"`` or ``"float16"`` by autocast, the latter with scaled losses.
        channels_last: memory layout of convolutional networks.
        compile: ``torch.compile`` the network; every shape of input that the family can ask for is compiled
            before training starts, the largest first, so that a change of stage costs nothing. Not with
            ``smoothing``, nor with a range of ``batch_size``; listed stages may each have their own.
        probe_batch: examples at a time in probes and tests.

    Raises:
        ValueError: if a value is not one of these, or there is no such device.
    """

    device: str = "auto"
    data: str = "auto"
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    probe_batch: int = 512

    def __post_init__(self) -> None:
        if not isinstance(self.device, str):
            raise ValueError(f"device: expected a name, got {self.device!r}")
        check_one_of("data", self.data, ("auto", "device", "host"))
        check_one_of("precision", self.precision, ("float32", "bfloat16", "float16"))
        check_whole("probe_batch", self.probe_batch)

    def resolve(self) -> torch.device:
        """Return the device.

        Raises:
            ValueError: if there is no such device.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            # Only an allocation shows whether the device is really there.
            found = torch.device(self.device)
            torch.empty(0, device=found)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device: expected one that is there, got {self.device!r}: {error}") from error
        return found

    def place(self, size: int) -> torch.device:
        """Return where images of ``size`` bytes in all are to lie.

        Raises:
            ValueError: if there is no such device.
        """
        device = self.resolve()
        # Half of the free memory is left for activations and weights.
        fits = device.type != "cuda" or size <= torch.cuda.mem_get_info(device)[0] / 2
        if self.data == "device" or (self.data == "auto" and fits):
            return device
        return torch.device("cpu")
