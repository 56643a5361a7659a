"""Every table names a network in the same way."""

import pandas as pd
import synthetic

from flatchannels.reporting.groups import one_hidden_layer
from flatchannels.reporting.identity import network_columns, place_columns
from flatchannels.storage.schemas import columns


def test_columns_are_those_of_the_schemas_and_the_family_is_the_name_in_the_configuration():
    draw = {"target": "gaussian-process", "inputs": "normal", "samples": 9, "scale": 0.5}
    meta = synthetic.meta(4, (8, 8), "erf", True, dataset="gp-s0.5-d4-r8x8-erf", spec=draw)
    place, network = place_columns(meta), network_columns(meta)
    assert set(place) == {*columns.PLACE, *columns.WIDTHS, *columns.BIAS, *columns.PROTOCOL_COLUMNS} and list(network) == list(
        columns.NETWORK_COLUMNS
    )
    assert place["dataset"] == "gp-s0.5-d4-r8x8-erf" and place["widths"] == network["widths"] == "8x8"
    assert network["family"] == "gp-s0.5" and network["setting"] == "gp-s0.5 erf 2 layers"


def test_a_protocol_has_its_columns_and_a_setting_of_its_own():
    protocol = {"initial_scale": 0.1, "optimiser": "sgd", "rate": 0.01, "batch": 16, "budget": 500}
    plain, own = network_columns(synthetic.meta()), network_columns(synthetic.meta(protocol=protocol))
    assert {key: plain[key] for key in columns.PROTOCOL_COLUMNS} == synthetic.PROTOCOL
    assert {key: own[key] for key in columns.PROTOCOL_COLUMNS} == synthetic.PROTOCOL | protocol
    assert own["setting"] == f"{plain['setting']} scale0.1-sgd-rate0.01-batch16-steps500"


def test_networks_with_one_hidden_layer_are_told_by_their_widths():
    table = pd.DataFrame({"widths": ["4", "4x4", "16", "2x2x2"], "seed": range(4)})
    assert one_hidden_layer(table)["seed"].tolist() == [0, 2]
    empty = one_hidden_layer(table.head(0))
    assert empty.empty and list(empty) == list(table)
