#!/bin/sh
# cancel.sh NUMBER…: cancels jobs.
. "$(dirname "$0")/queue.sh"
dequeue "$@"
