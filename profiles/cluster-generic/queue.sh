# What differs from queue to queue, for submit.sh, status.sh and cancel.sh beside this. For another queue add its three commands.
#   enqueue MINUTES MEGABYTES NAME   puts the script that it reads from its input into the queue, and prints the job's number
#   waiting                          prints the numbers of all jobs of this user that wait or run, and fails if it cannot know
#   dequeue NUMBER…                  cancels
set -eu
folder=$PWD/results/logs/queue # what jobs say, and the exit code of each
mkdir -p "$folder"

if command -v sbatch >/dev/null; then # Slurm
  enqueue() { sbatch --parsable --nodes=1 --ntasks=1 --time="$1" --mem="$2" --job-name="$3" --output="$folder/%j.log"; }
  waiting() { squeue --me --noheader --format=%A; }
  dequeue() { scancel "$@"; }
elif command -v bsub >/dev/null; then # LSF
  enqueue() { bsub -n 1 -W "$1" -M "$2MB" -J "$3" -o "$folder/%J.log" | sed 's/[^<]*<\([0-9]*\)>.*/\1/'; }
  waiting() { numbers=$(bjobs -noheader -o jobid 2>&1) && echo "$numbers" || echo "$numbers" | grep -q "No unfinished job"; }
  dequeue() { bkill "$@"; }
else # PBS
  enqueue() { qsub -V -l select=1:ncpus=1:mem="$2mb" -l walltime="$1:00" -N "$3" -j oe -o "$folder/"; }
  waiting() { qselect -u "$(id -un)"; }
  dequeue() { qdel "$@"; }
fi
