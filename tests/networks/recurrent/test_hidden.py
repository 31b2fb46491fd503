import torch

from teacherstudent.networks.recurrent.hidden import pack

# time goes down, slots go across; slot 1 is left out
DONE = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]], dtype=torch.bool)


def test_pieces_of_episodes_are_packed_without_a_gap():
    packed = pack(DONE, torch.tensor([2, 0]))
    # slot 2: steps 0 to 2, then 3; slot 0: steps 0 and 1, then 2 and 3 (cut by the rollout)
    assert packed.slots.tolist() == [2, 0, 0, 2]
    assert packed.late.tolist() == [False, False, True, True]
    assert packed.last.tolist() == [2 * 3 + 2, 1 * 3 + 0, 3 * 3 + 0, 3 * 3 + 2]
    assert packed.sizes.tolist() == [4, 3, 1]
    assert packed.steps.tolist() == [2, 0, 6, 11, 5, 3, 9, 8]


def test_pieces_that_began_before_start_with_what_their_slot_remembers():
    packed = pack(DONE, torch.tensor([2, 0]))
    first = torch.tensor([[[1.0], [2.0], [3.0]]])
    (start,) = packed.start((first,))
    assert start.tolist() == [[[3.0], [1.0], [0.0], [0.0]]]
    assert packed.start(()) == ()
