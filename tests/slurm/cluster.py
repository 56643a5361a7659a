"""A real Slurm on this machine, in a folder of its own: a controller and three nodes, as long as the `with` block lasts.

Nothing outside the folder is touched, and no Slurm that the machine may have is disturbed: the configuration is named by
SLURM_CONF, the ports are free ones, users are not authenticated, and the daemons are stopped by their process numbers.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

NODES = ["n1", "n2", "n3"]
PROGRAMS = ["slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol"]
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
PluginDir={plugins}
MinJobAge=600
ReturnToService=2
KillWait=2
SlurmctldParameters=enable_configless=0
SchedulerParameters=sched_interval=2,sched_min_interval=0
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=60 State=UP
"""


def missing():
    """What this machine lacks for a Slurm of its own; empty where there is everything."""
    programs = [name for name in PROGRAMS if not shutil.which(name)]
    if programs:
        return f"{', '.join(programs)} not found (Debian, Ubuntu: apt-get install slurm-wlm)"
    return "" if os.geteuid() == 0 else "slurmd must be started by root"


@contextmanager
def slurm(folder, prolog="#!/bin/sh\n"):
    """Start Slurm in a folder; yields the environment in which sbatch, squeue, scancel find it.

    prolog : text of a script that every job runs before its own.
    """
    folder = Path(folder)
    (folder / "state").mkdir(parents=True)
    write_script(folder / "prolog", prolog)
    ports = free_ports(1 + len(NODES))
    host = socket.gethostname().split(".")[0]
    nodes = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=8000" for name, port in zip(NODES, ports[1:])
    ]
    plugins = next(Path("/usr/lib").glob("*/slurm-wlm")) if list(Path("/usr/lib").glob("*/slurm-wlm")) else "/usr/lib/slurm"
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=host, ports=ports, folder=folder, plugins=plugins, nodes="\n".join(nodes)))
    # Snakemake's plugin takes SLURM_CONF away from the srun inside a job.
    write_script(folder / "bin" / "srun", f'#!/bin/sh\nSLURM_CONF={configuration} exec {shutil.which("srun")} "$@"\n')
    environment = os.environ | {"SLURM_CONF": str(configuration), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    daemons = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever is told to stop stops the daemons first
    try:
        for command in [["slurmctld", "-D"], *(["slurmd", "-D", "-N", name] for name in NODES)]:
            with open(folder / f"{command[0]}-{command[-1]}.out", "w") as output:
                daemons.append(subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True))
        wait_for(lambda: ask("sinfo", "-h", "-N", "-o", "%T", environment=environment).split() == ["idle"] * len(NODES), 30)
        yield environment
    finally:
        subprocess.run(["scancel", "--user", "root", "--full", "--signal=KILL"], env=environment, timeout=20, check=False)
        for daemon in daemons[::-1]:
            stop(daemon)


def write_script(path, text):
    """An executable file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def ask(*command, environment):
    """What a command of Slurm prints."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20).stdout


def wait_for(condition, seconds):
    """Until the condition holds; TimeoutError after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"still not so after {seconds} s: {condition}")
        time.sleep(0.2)


def stop(daemon):
    """End one process that was started here, by force where it does not obey."""
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(5)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def free_ports(count):
    """Ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
