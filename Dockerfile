# The locked environment, the pipeline, and compiled kernels. `docker build -t flatchannels .`, then
#
#   docker run --rm -v "$PWD/results:/flatchannels/results" flatchannels                                    the default preset
#   docker run --rm -v "$PWD/results:/flatchannels/results" flatchannels --configfile config/smoke.yaml    the smoke preset
#
# What follows the name of the image are arguments of snakemake. Gaussian processes need torch: build with --build-arg TORCH=1.
# docs/containers.md has Apptainer, and running as somebody else than root.
FROM python:3.13-slim-bookworm

ARG TORCH=0
# Whoever runs it may have no name in the image: HOME for caches, USER because Snakemake asks for a name.
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 HOME=/tmp USER=flatchannels
WORKDIR /flatchannels

# First what changes rarely: an edit of the code installs nothing anew.
COPY requirements.lock requirements-gp.txt ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock \
    && cp requirements.lock .venv/ \
    && if [ "$TORCH" = 1 ]; then \
         python -m venv .venv-gp \
         && .venv-gp/bin/python -m pip install --quiet -r requirements-gp.txt \
         && cp requirements-gp.txt .venv-gp/; \
       fi
ENV PATH=/flatchannels/.venv/bin:$PATH PYTHONPATH=/flatchannels/workflow

COPY . .

# Whoever runs it may be nobody in particular: results and Snakemake's notes are theirs to write.
RUN mkdir -p results .snakemake && chmod -R a+rwX results .snakemake

ENTRYPOINT ["snakemake", "--cores", "all"]
