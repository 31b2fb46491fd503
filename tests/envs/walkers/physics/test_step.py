"""One step is Box2D's, from its own state."""

from __future__ import annotations

import numpy as np
import pytest
from walker_twins import Twins

from teacherstudent.envs.walkers.embodiments import EMBODIMENTS


@pytest.mark.parametrize("walker", EMBODIMENTS)
@pytest.mark.parametrize("track", ["stumps", "hexagons"])
def test_one_step_from_box2d_s_state_is_box2d_s_step(walker, track):
    """Falls included: where the hull touches, both end the episode within a step of each other."""
    twins = Twins(walker, track, 32, solver="exact")
    over, late = np.zeros(32, bool), np.full(32, -1)
    rng, errors, rewards, flagged = np.random.default_rng(3), [], [], []
    flags = 4 + 5 * np.arange(1, twins.motors // 2 + 1) - 1
    for _ in range(130):
        actions = rng.uniform(-1, 1, (32, twins.motors)).astype(np.float32)
        for i in np.flatnonzero(~over):
            twins.copy(i)
        before = over.copy()
        mine, paid, ended, _, _ = twins.step(actions)
        late[over & (late < 0)] = np.where(ended, 1, 2)[over & (late < 0)]
        for i in np.flatnonzero(~before):
            seen, reward, over[i], _, _ = twins.envs[i].step(actions[i])
            assert over[i] or not ended[i]  # ours never falls first
            if over[i]:
                late[i] = 0 if ended[i] else -1
                continue
            flagged.append(mine[i, flags] == seen[flags])
            errors.append(np.abs(np.delete(mine[i] - seen, flags)))
            rewards.append(abs(paid[i] - reward))
    assert np.quantile(errors, 0.95) < 1e-3
    assert np.quantile(np.max(errors, axis=1), 0.85) < 2e-2
    assert np.quantile(rewards, 0.99) < 1e-3
    assert np.mean(flagged) > 0.995
    falls = over & (late >= 0)
    assert falls.sum() >= 5
    assert (late[falls] <= 1).all()
