"""Devices by name, and what lies on them."""

import pytest
import torch

from teacherstudent.networks.device import Machine


def test_devices_that_are_not_there():
    with pytest.raises(ValueError, match="device: expected one that is there, got 'cuda:77'"):
        Machine(device="cuda:77").resolve()


def test_images_lie_on_the_device_while_they_take_at_most_half_of_its_free_memory(monkeypatch):
    monkeypatch.setattr(Machine, "resolve", lambda _: torch.device("cuda:0"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 4000))
    assert Machine().place(500).type == "cuda"
    assert Machine().place(501).type == "cpu"
    assert Machine(data="device").place(10**12).type == "cuda"
    assert Machine(data="host").place(1).type == "cpu"
