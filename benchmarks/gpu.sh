#!/usr/bin/env bash
# Everything that only a GPU can show, one log a part: benchmarks/gpu.sh OUT [--quick]
# Needs the extra dev. A part that fails or takes too long does not stop the others; the exit code is how many did.
# --quick runs the small version of each part, on the CPU if there is no GPU.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:?"expected a folder for the logs"} quick=${2:-}
mkdir -p "$out"
device=cuda large=(--full 224 --sizes 32 64 96 128 160 192 224 --channels 3 --batch 128) budget=(--budget 1e7)
if ! python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  [ "$quick" = --quick ] || { echo "expected a CUDA device, found none (--quick runs without)"; exit 64; }
  device=cpu large=() budget=()
fi
failed=0

part() { # part NAME SECONDS COMMAND...: its log holds the command, what it printed, and its exit code
  local name=$1 limit=$2 code=0; shift 2
  echo "\$ $*" > "$out/$name.log"
  timeout "$limit" "$@" >> "$out/$name.log" 2>&1 || code=$?
  echo "exit code $code after ${SECONDS}s" | tee -a "$out/$name.log" | sed "s/^/$name: /"
  [ "$code" = 0 ] || failed=$((failed + 1))
}

python - > "$out/machine.log" 2>&1 <<'PY'
import platform, torch
print(platform.processor(), torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
PY
part tests 600 python -m pytest -q -m gpu
part mazes 120 python benchmarks/maze.py --device $device --batches 1024 16384 65536 $quick
part walkers 180 python benchmarks/walker.py --device $device --batches 4096 16384 65536 $quick
part training-mazes 240 python benchmarks/training.py --family maze --student rsl-rl --device auto \
  --n-envs 4096 --budget 5e7 $quick
part training-mazes-lstm 240 python benchmarks/training.py --family maze --student rsl-rl --device auto \
  --n-envs 4096 --lstm 256 --budget 2e7 $quick
part training-walkers 240 python benchmarks/training.py --student rsl-rl --device auto --n-envs 4096 --budget 2e7 $quick
part stages 240 python benchmarks/stages.py "${large[@]}" --precision bfloat16 --channels-last $quick
part mazes-25-walls 600 python experiments/mazes_25_walls.py --seeds 0 --jobs 1 "${budget[@]}" --out "$out/runs" $quick
exit $failed
