"""Actor and critic of the student `rsl-rl`, and what their actions mean to environments.

Only `teacherstudent.students.rsl_rl.ppo` imports from here.
"""
