"""Every table names a network in the same way."""

import synthetic

from flatchannels.reporting.identity import network_columns, place_columns
from flatchannels.storage.schemas import columns


def test_columns_are_those_of_the_schemas_and_the_family_is_the_name_in_the_configuration():
    draw = {"target": "gaussian-process", "inputs": "normal", "samples": 9, "scale": 0.5}
    meta = synthetic.meta(4, (8, 8), "erf", True, dataset="gp-s0.5-d4-r8x8-erf", spec=draw)
    place, network = place_columns(meta), network_columns(meta)
    assert set(place) == {*columns.PLACE, *columns.WIDTHS, *columns.BIAS} and list(network) == list(columns.NETWORK_COLUMNS)
    assert place["dataset"] == "gp-s0.5-d4-r8x8-erf" and place["widths"] == network["widths"] == "8x8"
    assert network["family"] == "gp-s0.5" and network["setting"] == "gp-s0.5 erf 2 layers"
