# All of the pipeline but `rule all`, which each Snakefile has for itself: the first rule after an include is the default target.
# Datasets → runs → statistics → figures → scorecard; each file reads only what stands before it.

from snakemake.utils import min_version

min_version("9.27")


include: "common.smk"


# A configuration named on the command line replaces the default one, rather than being merged with it.
if not internals.configuration_is_given(workflow):

    configfile: default_configfile()


config = checked(config)
os.environ.update(FLATCHANNELS_ASKED=json.dumps(settings.origin(config)))  # readers refuse what was made otherwise
CONTINUE = config["training"]["continue_unfinished"]
if CONTINUE:
    from flatchannels.storage import continuation


include: "datasets.smk"
include: "runs.smk"
include: "statistics.smk"
include: "infinity.smk"
include: "saddles.smk"
include: "toy.smk"
include: "figures.smk"
include: "report.smk"
