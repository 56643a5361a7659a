KERNELS = code("compile.py")
os.environ.update(NUMBA_CACHE_DIR=os.path.abspath(f"{KERNELS_PLACE}/{environment.KERNEL_CACHE}/{KERNELS}"))

# An edit of one activation concerns its own runs alone. (The first of them compiles what changed, hence no code in `compile`.)
RUN_CODE = {
    activation: code("runs.py", activation)
    for activation in {block.activation for block in BLOCKS.values()}
}

# With `continue_unfinished`, runs that a limit ended are made again, from where they are, and no others for a new limit.
if CONTINUE and internals.is_main_process(workflow):
    internals.make_again(workflow, [record for record in BLOCKS if continuation.can_go_on(record, config["training"])])


# The kernels are compiled once, before many processes want them at the same time.
rule compile:
    output:
        "<kernels>/compiled.txt",
    log:
        "<kernels>/logs/compile.log",
    benchmark:
        "<kernels>/benchmarks/compile.tsv"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    conda:
        "../../envs/flow.yaml"
    shell:
        'python "$SCRIPTS/compile.py" {output:q} > {log:q} 2>&1'


rule runs:
    input:
        dataset="<results>/datasets/{dataset}.npz",
        compiled="<kernels>/compiled.txt",
    output:
        f"<results>/{names.RECORD}",
    log:
        "<results>/logs/runs/{sweep}/{dataset}/{activation}/{network}/seeds-{first}-{last}.log",
    benchmark:
        "<results>/benchmarks/runs/{sweep}/{dataset}/{activation}/{network}/seeds-{first}-{last}.tsv"
    wildcard_constraints:
        first=r"\d+",
        last=r"\d+",
    params:
        job=run_job,
        asked=lambda wildcards, output: json.dumps(asked(wildcards, output)),
        again=lambda wildcards, output: "continue" if CONTINUE else "",  # takes `output`, so that a change reruns nothing
        code=lambda wildcards: RUN_CODE[wildcards.activation],
    resources:
        mem_mb=growing(1000),
        runtime=growing(240),
    conda:
        "../../envs/flow.yaml"
    shell:
        'python "$SCRIPTS/runs.py" {input.dataset:q} {output:q} {params.job:q} {params.asked:q} {params.again} > {log:q} 2>&1'
