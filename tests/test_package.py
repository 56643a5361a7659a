"""What the package shows of itself."""

import flatchannels


def test_names_that_are_imported_when_asked_for_are_listed():
    assert set(flatchannels.__all__) <= set(dir(flatchannels)) and "__version__" in dir(flatchannels)
    assert all(callable(getattr(flatchannels, name)) for name in flatchannels.__all__)
