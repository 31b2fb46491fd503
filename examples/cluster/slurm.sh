#!/usr/bin/env bash
# A study as a Slurm array: one task for each teacher and seed. Set the lists, the command and the array's last number:
# teachers times seeds, minus one.
#
#   mkdir -p logs
#   array=$(sbatch --parsable examples/cluster/slurm.sh)
#   sbatch --dependency=afterany:$array --wrap "teacherstudent compare runs/stump-tracks"
#
#SBATCH --job-name=study
#SBATCH --array=0-14
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=08:00:00
#SBATCH --output=logs/%A_%a.txt
#SBATCH --requeue
#SBATCH --signal=TERM@120  # two minutes before its time is up, a run is told to save itself
set -euo pipefail

teachers=(random alp-gmm riac)
seeds=(0 1 2 3 4)

# Seeds are outermost, so that early tasks compare teachers.
index=${SLURM_ARRAY_TASK_ID:?start this script by sbatch, or set SLURM_ARRAY_TASK_ID}
count=$((${#teachers[@]} * ${#seeds[@]}))
if ((index >= count)); then
  echo "SLURM_ARRAY_TASK_ID: expected 0 to $((count - 1)), got $index: set --array=0-$((count - 1))" >&2
  exit 2
fi
teacher=${teachers[index % ${#teachers[@]}]}
seed=${seeds[index / ${#teachers[@]}]}

# --resume goes on where an earlier try of this task was stopped; a run that is not there begins.
# exec: Slurm's signal reaches the command itself.
threads=${SLURM_CPUS_PER_TASK:-1}
exec srun --ntasks=1 --cpus-per-task="$threads" \
  teacherstudent run --teacher "$teacher" --seeds "$seed" --family stump-tracks --budget 2e6 \
  --threads "$threads" --jobs 1 --out runs --no-compare --resume "$@"
