"""Tables of runs, and verdicts on the paper's claims."""
