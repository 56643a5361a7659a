"""The toy's landscape, gradient flows and descents, each with its table."""

import compile  # first: it says where numba keeps compiled code

from flatchannels.pipeline import jobs
from flatchannels.storage import products, table_files
from flatchannels.storage.schemas.toy import TOY_FLOWS, TOY_LIMITS, TOY_RATES


def main(snakemake):
    compile.once()
    from flatchannels.dynamics.training import Objective
    from flatchannels.studies import toy, toy_descents, toy_landscape

    output, seed, settings = snakemake.output, snakemake.params.seed, dict(snakemake.params.toy)
    frame = toy_landscape.Frame(Objective(toy.ERF_PAIR, toy.infinite_data()))
    finite = toy.finite_data(seed, settings.pop("samples"))
    flows, flow_table = toy_descents.flows(frame, finite, settings.pop("random_starts"), seed)
    descents, rate_table = toy_descents.descents(frame, finite, seed, **settings)
    meta = {"seed": seed, "toy": dict(snakemake.params.toy)}
    for path, name, arrays in [
        (output.landscape, "toy_landscape", toy_landscape.landscape(frame)), (output.flows, "toy_flows", flows),
        (output.descents, "toy_descents", descents),
    ]:  # fmt: skip
        products.write_toy(path, name, arrays, meta)
    for path, schema, table in [
        (output.limits_table, TOY_LIMITS, toy.limits_table(frame.objective.data)), (output.flows_table, TOY_FLOWS, flow_table),
        (output.rates_table, TOY_RATES, rate_table),
    ]:  # fmt: skip
        table_files.write_table(path, schema, table)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
