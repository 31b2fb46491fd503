#!/usr/bin/env bash
# Wheels for benchmarks/gpu.sh on a GPU machine without a network: benchmarks/wheels.sh FOLDER [PYTHON] [TENSORDICT]
#
# They are what an image of torch, numba-cuda and scikit-learn usually lacks, without dependencies. PYTHON is the
# version there (3.12). TENSORDICT is the release that was built for the torch there (0.12 for torch 2.11).
set -euo pipefail
folder=${1:?"expected a folder for the wheels"} python=${2:-3.12} tensordict=${3:-0.12}
most=$((64 * 1024 * 1024))
platforms=()
for name in manylinux_2_28 manylinux_2_27 manylinux_2_24 manylinux_2_17 manylinux2014 manylinux1; do
  platforms+=(--platform "${name}_x86_64")
done
mkdir -p "$folder"
python3 -m pip download -q --no-deps --only-binary=:all: --python-version "$python" --implementation cp \
  "${platforms[@]}" -d "$folder" \
  gymnasium farama-notifications cloudpickle stable-baselines3 sb3-contrib rsl-rl-lib "tensordict==$tensordict.*" \
  pyvers orjson GitPython gitdb smmap
size=$(du -sb "$folder" | cut -f1)
du -h "$folder"/*.whl
[ "$size" -le "$most" ] || { echo "expected at most $most bytes of wheels, got $size"; exit 1; }
