#!/bin/sh
# status.sh NUMBER: prints success, failed or running. A job that has left the queue without an exit code was killed.
. "$(dirname "$0")/queue.sh"
for _ in 1 2 3 4 5; do # a shared file system may show the code late
  if [ -s "$folder/$1.exit" ]; then
    [ "$(cat "$folder/$1.exit")" = 0 ] && echo success || echo failed
    exit
  fi
  if ! jobs=$(waiting 2>/dev/null) || echo "$jobs" | grep -qxF "$1"; then
    echo running
    exit
  fi
  sleep 2
done
echo failed
