import argparse

import pytest

from teacherstudent.running.engines.processes import Processes
from teacherstudent.running.engines.words import add_engine_options, chosen_engine, make_engine


def chosen(*words):
    parser = argparse.ArgumentParser()
    add_engine_options(parser)
    return chosen_engine(parser.parse_args(words))


def test_the_usual_engine_is_processes_of_this_machine():
    assert isinstance(chosen(), Processes)
    assert isinstance(make_engine("processes"), Processes)
    own = Processes()
    assert make_engine(own) is own


@pytest.mark.parametrize("words", [("--address", "auto"), ("--num-gpus", "0.5")])
def test_words_that_would_have_no_effect_are_refused(words):
    with pytest.raises(ValueError, match=f"{words[0]}: expected only beside --engine ray"):
        chosen(*words)


def test_wrong_engines_are_named():
    with pytest.raises(ValueError, match=r"engine: expected one of .*, got 'rai' \(did you mean 'ray'\?\)"):
        make_engine("rai")
    with pytest.raises(TypeError, match="engine: expected one of"):
        make_engine(3)


def test_words_of_ray_reach_its_engine():
    pytest.importorskip("ray", reason="the extra ray is not installed")
    engine = chosen("--engine", "ray", "--address", "10.0.0.1:6379", "--num-gpus", "0.5")
    assert (engine.address, engine.num_gpus) == ("10.0.0.1:6379", 0.5)
