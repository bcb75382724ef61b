"""CPU time of a cold `clearance check` against the imports that no such command can do without.

Prints the median of each arm and their ratio; arms take turns, so that a busy machine slows both. What stands
after `--` is the command to time; without it the registry's part alone is: the label of one dataset among
many, that the audit stands for it, and its observation compared to the data.

    python benchmarks/check_startup.py
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

BASE = [sys.executable, "-c", "from pydantic import BaseModel; import deltalake, click, yaml"]
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


def make_registry(home: Path, datasets: int) -> Path:
    """A registry with that many labelled datasets, and one real one among them."""
    from clearance.governance.audit import Audit
    from clearance.governance.identity import dataset_identity
    from clearance.governance.observation import observe
    from clearance.governance.registry import Registry

    data = home / "orders.csv"
    data.write_text("a,b\n1,2\n")
    key, seen = dataset_identity(str(data)).key, observe(str(data)).to_dict()
    label = {"level": "restricted", "categories": ["user.contact.email"], "regimes": ["GDPR"], "subjects": []}
    registry = Registry(home / "registry-home")
    for number in range(datasets):
        row = {
            "dataset": key if number == datasets // 2 else f"file:///data/{number}",
            "version": seen["version"],
            "kind": "source",
            "label": label,
            "columns": {f"column_{i}": label for i in range(20)},
            "policy_digest": "0" * 64,
            "observation": seen,
        }
        with Audit(registry).filing("label", [("labels", row)], run_id=f"run-{number}", dataset=row["dataset"]):
            pass
    return data


def main() -> None:
    """Run both arms in turns and print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--datasets", type=int, default=100)
    parser.add_argument("--limit", type=float, help="exit 1 above this ratio")
    parser.add_argument("command", nargs="*", help="the command to time, after --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = options.command
        if not command:
            data = make_registry(Path(folder), options.datasets)
            command = [sys.executable, "-c", REGISTRY, str(data), f"{folder}/registry-home"]
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
