import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import Run
from teacherstudent.recording.sinks import tensorboard


def test_a_cost_beyond_tensorboards_steps_is_logged_at_the_last_one(tmp_path, synthetic):
    recorder = Recorder(tmp_path, manifest=synthetic.manifest())
    recorder.tests(synthetic.tests(0), spent=1e18, ledger={})
    recorder.tests(synthetic.tests(1), spent=1e19, ledger={})
    state = recorder.state_dict()
    recorder.close("interrupted")
    Recorder(tmp_path, manifest=synthetic.manifest(), resume=state).close("finished")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tag = events.Tags()["scalars"][0]
    assert [event.step for event in events.Scalars(tag)] == [10**18, tensorboard.LAST_STEP]
    assert np.unique(Run.load(tmp_path).tests(["spent"])["spent"]).tolist() == [1e18, 1e19]
