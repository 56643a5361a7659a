#!/bin/sh
# submit.sh MINUTES MEGABYTES SCRIPT: submits a job that runs SCRIPT and leaves its exit code; prints its number.
. "$(dirname "$0")/queue.sh"
enqueue "$1" "$2" "$(basename "$3" .sh)" <<END
#!/bin/sh
cd "$PWD"
sh "$3"
echo \$? >"$folder/\${SLURM_JOB_ID:-\${LSB_JOBID:-\$PBS_JOBID}}.exit"
END
