"""Changing the files of a run folder as somebody does who also makes their digests anew."""

from teacherstudent.recording.disk import plain
from teacherstudent.recording.tables import encode, read_table


def edit(path, change):
    """Let ``change`` alter what a sealed file holds."""
    value = plain.read_sealed(path)
    change(value)
    plain.write_sealed(path, value)


def rewrite(folder, change):
    """Let ``change`` alter the columns of a run's tests."""
    path = folder / "tests.parquet"
    table = read_table(path)
    change(table)
    path.write_bytes(encode(table))
