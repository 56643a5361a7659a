# All of the pipeline but `rule all`, which each Snakefile has for itself: the first rule after an include is the default target.
# Datasets → runs → statistics → figures → scorecard; each file reads only what stands before it.

from snakemake.utils import min_version

min_version("9.27")


include: "common.smk"


# A configuration named on the command line replaces the default one, rather than being merged with it.
if not internals.configuration_is_given(workflow):

    configfile: default_configfile()


PUBLISHED = tables_given(config)
config = checked(config)
if internals.is_main_process(workflow):
    progress.shorten_dry_runs()


# <results> in the paths below. The compiled kernels depend on no configuration: all have them in one place.
pathvars:
    results=config["results_dir"],
    kernels=settings.RESULTS,


RESULTS, KERNELS_PLACE = internals.folder(workflow, "results"), internals.folder(workflow, "kernels")
CONTINUE = config["training"]["continue_unfinished"]
if CONTINUE:
    from flatchannels.storage import continuation


include: "asked.smk"


# What figures and scorecard read: tables of our own, or published ones. Of these alone no run can be made.
TABLES = PUBLISHED or "<results>"
if not PUBLISHED:

    include: "datasets.smk"
    include: "runs.smk"
    include: "statistics.smk"
    include: "infinity.smk"
    include: "saddles.smk"
    include: "toy.smk"


SWEEP_FIGURES = []
if not PUBLISHED:

    include: "sweeps.smk"


include: "figures.smk"
include: "report.smk"
if not PUBLISHED:

    include: "publish.smk"
