"""What a registry of many datasets and findings costs: CPU seconds of what people and gates do with it.

    python benchmarks/registry_scale.py --datasets 10000 --columns 100

Each figure is of one call, in this process, after its imports; `check` is of `clearance check` as a function. The cold
command beside its imports: `benchmarks/check_startup.py --datasets 10000`.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from registry_fill import fill

from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.governance.mending import examine
from clearance.governance.policy import load_policy
from clearance.governance.registry import Registry
from clearance.governance.solutions import Solution
from clearance.jobs.check import check
from clearance.jobs.review_task import Review


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the quickest of some calls: the first may read from a cold disk."""
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return round(min(found), 3)


def main() -> None:
    """Fill one, use it, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "orders.csv"
        data.write_text("a,b\n1,2\n")
        fill(Path(folder) / "home", data, options.datasets, options.columns)
        registry, policy, identity = Registry(f"{folder}/home"), load_policy(), dataset_identity(str(data))
        bot = Solution(name="bot", owner="me", hosting="private", clearance="restricted", usage=["analytics"],
                       inputs_may_train=False)  # fmt: skip
        size = sum(file.stat().st_size for file in Path(registry.home).rglob("*.parquet"))
        figures = {
            "datasets": options.datasets,
            "findings": options.datasets * options.columns,
            "megabytes": round(size / 1e6, 1),
            "check": cpu(lambda: check(identity, bot, policy, registry)),
            "review_items": cpu(lambda: Review(identity, policy, registry).items()),
            "show_all": cpu(lambda: registry.latest_each("labels", columns=["label", "version", "kind", "at"])),
            "append": cpu(lambda: Audit(registry).outcome(Audit(registry).intent("benchmark", run_id="r"), "done")),
            "verify": cpu(lambda: Audit(registry).verify(), times=1),
            "doctor": cpu(lambda: examine(registry, verify=False), times=1),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
