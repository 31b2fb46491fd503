# %% [markdown]
# # Your own loop: CleanRL-style
#
# An algorithm in one file, as in CleanRL: you see every line of it, and nothing of it may change for a
# teacher. `TeacherEnv` wraps one gymnasium environment; several of them, in one process, share a teacher.
#
# ## Environments
#
# `reset` asks the teacher for a task, the step that ends an episode tells it. So the loop below needs no
# line about teachers.

# %%
import gymnasium as gym
import numpy as np
import torch
from torch import nn

from teacherstudent import TeacherEnv, envs, teachers

torch.manual_seed(0)
family = envs.make("cartpole-parameters")
teacher = teachers.make("alp-gmm", family, seed=0, fit_rate=50)
slots = 8
vec = gym.vector.SyncVectorEnv(
    [lambda: TeacherEnv(family.make_env(), teacher, mastered=family.mastered) for _ in range(slots)],
    autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
)

# %% [markdown]
# ## The agent
#
# An actor and a critic, and advantages by generalised advantage estimation.

# %%
inputs = vec.single_observation_space.shape[0]
actor = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, vec.single_action_space.n))
critic = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=2e-3)
gamma, lam, steps, epochs = 0.99, 0.95, 128, 6


def advantages(rewards, values, dones, last):
    """Return advantages (steps, slots)."""
    found = torch.zeros_like(rewards)
    ahead = torch.zeros(slots)
    for t in reversed(range(steps)):
        following = last if t == steps - 1 else values[t + 1]
        error = rewards[t] + gamma * following * (1 - dones[t]) - values[t]
        ahead = error + gamma * lam * (1 - dones[t]) * ahead
        found[t] = ahead
    return found


# %% [markdown]
# ## PPO
#
# Sixteen rounds of 1 024 steps each.

# %%
observation, _ = vec.reset(seed=0)
for _ in range(16):
    seen = torch.zeros(steps, slots, inputs)
    chosen = torch.zeros(steps, slots, dtype=torch.long)
    logs, rewards, dones, values = (torch.zeros(steps, slots) for _ in range(4))
    for t in range(steps):
        seen[t] = torch.as_tensor(observation)
        with torch.no_grad():
            policy = torch.distributions.Categorical(logits=actor(seen[t]))
            chosen[t] = policy.sample()
            logs[t] = policy.log_prob(chosen[t])
            values[t] = critic(seen[t])[:, 0]
        observation, reward, ended, cut, _ = vec.step(chosen[t].numpy())
        rewards[t] = torch.as_tensor(reward)
        dones[t] = torch.as_tensor(ended | cut)
    with torch.no_grad():
        gain = advantages(rewards, values, dones, critic(torch.as_tensor(observation))[:, 0])
    target = gain + values
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)
    for _ in range(epochs):
        for rows in torch.randperm(steps * slots).split(256):
            policy = torch.distributions.Categorical(logits=actor(seen.flatten(0, 1)[rows]))
            ratio = (policy.log_prob(chosen.flatten()[rows]) - logs.flatten()[rows]).exp()
            surrogate = torch.min(ratio * gain.flatten()[rows], ratio.clip(0.8, 1.2) * gain.flatten()[rows])
            error = critic(seen.flatten(0, 1)[rows])[:, 0] - target.flatten()[rows]
            loss = -surrogate.mean() + 0.5 * error.square().mean() - 0.01 * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
print({name: round(float(value), 2) for name, value in teacher.metrics().items()})

# %% [markdown]
# (For brevity an episode that the time limit cuts counts as ended here; a real script bootstraps it.)
#
# ## Test
#
# The fixed test tasks are played on an environment without a teacher: the task goes into `reset`.

# %%
test = family.make_env()
scores = []
for task in family.test_tasks()[:20]:
    observation, _ = test.reset(seed=0, options={"task": task})
    done, score = False, 0.0
    while not done:
        with torch.no_grad():
            action = int(actor(torch.as_tensor(observation)).argmax())
        observation, reward, ended, cut, _ = test.step(action)
        score += float(reward)
        done = ended or cut
    scores.append(score)
print(f"mean return on 20 test tasks: {np.mean(scores):.0f} of 500")

# %% [markdown]
# ## A whole vector environment
#
# `TeacherVectorEnv` stands around a vector environment that is there already, `AsyncVectorEnv` too.
#
# ## Without gymnasium
#
# Behind all of these stand two calls. In a loop of any kind, ask for tasks and tell what happened;
# outcomes may come late, in any order, or never.

# %%
from teacherstudent import Outcomes

assignment = teacher.ask(4, progress=0.5)
scores = np.array([20.0, 180.0, 500.0])  # of the first three tasks; the fourth crashed
teacher.tell(
    Outcomes(
        ids=assignment.ids[:3], tasks=assignment.tasks[:3], score=scores, cost=np.array([20.0, 180.0, 500.0])
    )
)
teacher.drop(assignment.ids[3:])
print("told:", len(scores), "dropped:", 1)
