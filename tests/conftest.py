"""How many examples tests of properties try: so many by default, thousands with `make thorough-test`."""

from hypothesis import HealthCheck, settings

settings.register_profile("usual", max_examples=200, deadline=None)
settings.register_profile("thorough", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("usual")
