"""CPU time of a cold `clearance check` against the imports that no such command can do without.

Prints the median of each arm and their ratio; arms take turns, so that a busy machine slows both. What stands
after `--` is the command to time; without it a check of one dataset among many that a registry holds is, or with
--registry-only its part alone: the label, that the audit stands for it, and its observation compared to the data.

    python benchmarks/check_startup.py --datasets 10000 --limit 4
    python benchmarks/check_startup.py --limit 3 -- clearance check orders --solution support-bot
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from registry_fill import fill

BASE = [sys.executable, "-c", "from pydantic import BaseModel; import deltalake, click, yaml"]
SOLUTION = """
solutions:
- {name: bot, owner: me, hosting: private, clearance: restricted, usage: [analytics], inputs_may_train: false,
   regimes: [GDPR, CCPA, HIPAA, PCI DSS, COPPA, PDPA]}
"""
REGISTRY = """
import sys
from clearance.governance.identity import dataset_identity
from clearance.governance.registry import Registry
from clearance.governance.standing import standing
assert standing(Registry(sys.argv[2]), dataset_identity(sys.argv[1])).state == "current"
assert not {"pyspark", "pyarrow", "pandas", "numpy"} & set(sys.modules)
"""


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one process and its children. A verdict's exit code (3, 4, 5) is no failure."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode in {1, 2}:
        sys.exit(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run both arms in turns and print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--registry-only", action="store_true", help="time the registry's part alone")
    parser.add_argument("--limit", type=float, help="exit 1 above this ratio")
    parser.add_argument("command", nargs="*", help="the command to time, after --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = options.command
        if not command:
            data, home = Path(folder) / "orders.csv", f"{folder}/home"
            data.write_text("a,b\n1,2\n")
            fill(Path(home), data, options.datasets, options.columns)
            command = [sys.executable, "-c", REGISTRY, str(data), home]
            if not options.registry_only:
                (Path(folder) / "solutions.yaml").write_text(SOLUTION)
                rest = ["--solutions", f"{folder}/solutions.yaml", "--home", home]
                command = [sys.executable, "-m", "clearance.jobs.cli", "check", str(data), "--solution", "bot", *rest]
        arms: dict[str, list[float]] = {"base": [], "command": []}
        cpu_seconds(BASE)
        cpu_seconds(command)
        for _ in range(options.runs):
            arms["base"].append(cpu_seconds(BASE))
            arms["command"].append(cpu_seconds(command))
    base, own = (statistics.median(times) for times in arms.values())
    ratio = own / base
    print(json.dumps({"base_s": round(base, 3), "command_s": round(own, 3), "ratio": round(ratio, 2)}))
    if options.limit is not None and ratio > options.limit:
        sys.exit(f"{ratio:.2f} times the base, allowed {options.limit}")


if __name__ == "__main__":
    main()
