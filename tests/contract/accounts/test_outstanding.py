import numpy as np

from teacherstudent.contract.accounts.outstanding import Outstanding


def test_outstanding_ids_agree_with_a_plain_set():
    rng = np.random.default_rng(0)
    ids, plain, issued = Outstanding(), set(), 0
    for step in range(3000):
        n = int(rng.integers(1, 9))
        assert ids.peek(n).tolist() == list(range(issued, issued + n))
        ids.issue(n)
        plain |= set(range(issued, issued + n))
        issued += n
        k = int(rng.integers(0, 2 * n)) if step < 2000 or rng.random() < 0.5 else 0
        closing = rng.permutation(sorted(plain))[:k].astype(np.int64)
        ids.check(closing, "here")
        ids.close(closing)
        plain -= set(closing.tolist())
        if step % 100 == 0:
            assert ids.open_ids().tolist() == sorted(plain)
            ids = Outstanding.of(ids.state())
    assert ids.open_ids().tolist() == sorted(plain)
    assert ids.peek(1)[0] == issued


def test_bookkeeping_stays_small_when_ids_are_told():
    ids = Outstanding()
    for _ in range(1000):
        new = ids.peek(50)
        ids.issue(50)
        ids.close(new)
    assert len(ids._open) <= 128
