"""How many examples tests of properties try, thousands with `make thorough-test`; and that Ctrl-C reaches the processes of tests."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("usual", max_examples=200, deadline=None)
settings.register_profile("thorough", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("usual")

# A shell starts jobs in the background with this signal ignored, and all their children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
