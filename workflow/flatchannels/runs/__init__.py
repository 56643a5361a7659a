"""Training for people: one run with its picture and its file, many runs over processes, resumable."""
