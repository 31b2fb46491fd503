#!/usr/bin/env bash
# What only a GPU can show, within eight minutes: benchmarks/gpu.sh OUT [--quick] [--wheels FOLDER]
#
# The parts come in the order of their worth, and each is written to OUT/gpu.log as soon as it ends, so a machine that
# is taken back early has shown the most important ones. A part that fails or takes too long does not stop the
# others; the exit code is how many did. --wheels installs what benchmarks/wheels.sh put into FOLDER, on a
# machine that has torch and numba-cuda but no network. --quick runs the small version of each part, on the
# CPU if there is no GPU.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:?"expected a folder for the log"} quick="" wheels=""
shift
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=--quick ;;
    --wheels) wheels=${2:?"--wheels: expected a folder"}; shift ;;
    *) echo "expected --quick or --wheels FOLDER, got $1"; exit 64 ;;
  esac
  shift
done
mkdir -p "$out"
log=$out/gpu.log
: > "$log"
seconds=450  # for all parts; the rest of the eight minutes is for what lies between them
failed=0
export PYTHONUNBUFFERED=1

if [ -n "$wheels" ]; then
  # Beside the machine's own packages, not over them: its torch must stay.
  pip install -q --no-index --no-deps --no-compile --target "$out/site" "$wheels"/*.whl 2>&1 | tee -a "$log"
  export PYTHONPATH="$PWD:$out/site"
fi
device=cuda slots=4096
large=(--full 224 --sizes 32 96 160 224 --channels 3 --batch 128 --backbones resnet vit)
if ! python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  [ "$quick" = --quick ] || { echo "expected a CUDA device, found none (--quick runs without)"; exit 64; }
  device=cpu large=() seconds=3000  # kernels for the CPU take longer to compile than a part may last
fi

part() { # part NAME SECONDS COMMAND...: the log holds the command, what it printed, and its exit code
  local name=$1 limit=$2 code=0 left=$((seconds - SECONDS)) begin=$SECONDS
  shift 2
  if [ "$left" -lt 10 ]; then
    echo "== $name: no time left" | tee -a "$log"
    failed=$((failed + 1))
    return
  fi
  printf '\n== %s\n$ %s\n' "$name" "$*" >> "$log"
  [ "$device" = cuda ] || limit=$left
  timeout $((limit < left ? limit : left)) "$@" >> "$log" 2>&1 || code=$?
  echo "== $name: exit code $code after $((SECONDS - begin)) s" | tee -a "$log"
  [ "$code" = 0 ] || failed=$((failed + 1))
}

training() { # training NAME SECONDS OPTION...
  local name=$1 limit=$2
  shift 2
  part "$name" "$limit" python benchmarks/training.py --student rsl-rl --device auto --n-envs "$slots" "$@" $quick
}

python - 2>&1 <<'PY' | tee -a "$log"
import importlib.metadata, platform, torch
gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
names = ("numpy", "numba", "numba-cuda", "gymnasium", "stable-baselines3", "rsl-rl-lib", "tensordict")
versions = []
for name in names:
    try:
        versions.append(f"{name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
        versions.append(f"no {name}")
print(gpu, platform.machine(), "python", platform.python_version(), "torch", torch.__version__, *versions, sep=", ")
PY
git rev-parse HEAD 2>/dev/null | sed 's/^/commit /' | tee -a "$log"
part kernels 120 python -m pytest -q -m gpu -p no:xdist
part slots 120 python benchmarks/tensors.py --device $device --families stump-tracks maze goal-maze --rounds 2 $quick
training training-walkers 60 --budget 2e7 --tests 2
training training-mazes 60 --family maze --budget 2e7 --tests 2
training training-mazes-lstm 60 --family maze --lstm 256 --budget 1e7 --tests 2
part stages 75 python benchmarks/stages.py "${large[@]}" --precision bfloat16 --channels-last $quick
echo "== done after $SECONDS s, $failed failed" | tee -a "$log"
exit $failed
