"""Prints how many calls the walks made."""

from walks import TALLY


def pytest_terminal_summary(terminalreporter):
    """Print the tally, if there is one."""
    if TALLY.accepted or TALLY.refused:
        terminalreporter.section("calls")
        for line in TALLY.lines():
            terminalreporter.write_line(line)
