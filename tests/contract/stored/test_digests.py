"""Digests that stand in old run folders: their values are fixed."""

import numpy as np

from teacherstudent.contract.stored.digests import checksum_of, digest_of, quick_digest_of


def test_digests_are_those_of_the_standards():
    # FIPS 180-2, appendix B.1; the second half is left out.
    assert digest_of(b"abc", 32) == "ba7816bf8f01cfea414140de5dae2223"
    assert len(digest_of(b"abc")) == 64
    # The check value of CRC-32 in every catalogue, in one part or in two.
    assert checksum_of(b"123456789") == checksum_of(b"1234", memoryview(b"56789")) == 0xCBF43926


def test_settings_keep_their_digest():
    numbers = np.arange(1000, dtype="<f8").view(np.uint8)
    assert quick_digest_of(numbers.data) == QUICK
    assert quick_digest_of(numbers.tobytes()) == QUICK


QUICK = "1422803bde8361a4bee8ab8a"
"""What manifests of earlier versions hold for these numbers."""
