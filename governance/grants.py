"""Access controls derived from labels: who may read which columns of which table, as files for people to review.

Nothing is granted here. What a solution may have is asked of the rules of a check, column by column; what can't be
decided is not granted.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearance.governance.combinations import raised
from clearance.governance.decisions import Conflict, decide
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_flows import OTHERS
from clearance.governance.policy import Policy
from clearance.governance.solutions import Solution
from clearance.governance.undeclared import Undeclared
from clearance.paths import parse_path, sql_name, top_level

#: AWS takes so many entries in one BatchGrantPermissions.
_BATCH = 20


@dataclass(frozen=True, slots=True)
class Grant:
    """What one solution may read of one table. ``columns`` None: all of them; empty: nothing.

    ``table`` is catalog, schema and table; ``why`` says what keeps the rest away.
    """

    solution: str
    dataset: str
    table: tuple[str, str, str]
    level: str
    columns: tuple[str, ...] | None
    why: tuple[str, ...]
    principals: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "solution": self.solution,
            "dataset": self.dataset,
            "level": self.level,
            "columns": None if self.columns is None else list(self.columns),
            "why": list(self.why),
            "principals": dict(self.principals),
        }


def grant(
    dataset: str,
    label: Label,
    columns: Mapping[str, Label],
    types: Mapping[str, tuple[str, ...]],
    facts: Mapping[str, Any],
    solution: Solution,
    policy: Policy,
    more: Sequence[Conflict] = (),
    *,
    roles: Mapping[str, Label] | None = None,
    undeclared: Sequence[Undeclared] = (),
) -> Grant:
    """What the rules let a solution read of a table: all of it, or the columns that no rule objects to.

    ``more`` are objections to the dataset as a whole, such as to where its data come from; ``roles`` and ``undeclared``
    as for ``decide``.
    """
    also = roles or {}

    def objections(label: Label, columns: Mapping[str, Label]) -> tuple[Conflict, ...]:
        told = decide(
            label, facts, solution, policy,
            column_labels=columns,
            column_types={path: types.get(path, ()) for path in columns},
            column_roles={path: own for path, own in also.items() if path in columns},
            more=more,
            undeclared=[one for one in undeclared if one.path is None or one.path in columns],
            dataset=dataset,
        )  # fmt: skip
        return told.conflicts

    found = objections(label, columns)
    level = label.level
    principals = {key: value for key, value in solution.principals.model_dump().items() if value}
    why = tuple(dict.fromkeys(_told(conflict) for conflict in found))
    if not found:
        return Grant(solution.name, dataset, _parts(dataset), level, None, (), principals)
    # A nested field can't be granted without its column.
    refused = {top_level(path) for conflict in found for path in _columns_of(conflict)}
    rest = {path: own for path, own in columns.items() if top_level(path) not in refused}
    kept = {path: own for path, own in also.items() if path in rest}
    accounted = raised(combine(columns.values(), policy.levels), columns, policy, also)
    whole = raised(combine(rest.values(), policy.levels), rest, policy, kept)
    # What stands in no column, or in one without a name, can't be left out by leaving columns out.
    if (
        not rest
        or OTHERS in columns
        or combine((accounted, label), policy.levels) != accounted
        or objections(whole, rest)
    ):
        return Grant(solution.name, dataset, _parts(dataset), level, (), why, principals)
    names = tuple(dict.fromkeys(top_level(path) for path in rest))
    return Grant(solution.name, dataset, _parts(dataset), level, names, why, principals)


def _columns_of(conflict: Conflict) -> list[str]:
    if conflict.column is not None:
        return [conflict.column]
    return [path for path in conflict.facts.get("columns", ()) if path]


def _told(conflict: Conflict) -> str:
    columns = _columns_of(conflict)
    missing = f" (missing: {conflict.facts['missing']})" if "missing" in conflict.facts else ""
    return f"{conflict.rule}{' at ' + ', '.join(columns) if columns else ''}{missing}"


def _parts(dataset: str) -> tuple[str, str, str]:
    """Catalog, schema and table of a table's key."""
    name = dataset.rpartition("/")[2].removeprefix("table:")
    parts = [step.name for step in parse_path(name)]
    catalog, schema, table = parts
    return catalog, schema, table


def unity_catalog(grants: Iterable[Grant]) -> str:
    """SQL for Unity Catalog. It knows no grant of columns, so some columns are granted as a view of them.

    https://docs.databricks.com/sql/language-manual/security-grant.html
    """
    lines = ["-- Derived from labels by Clearance. Review before you run it."]
    for one in grants:
        principal = one.principals.get("unity_catalog")
        if principal is None:
            continue
        catalog, schema, table = (sql_name(part) for part in one.table)
        who, place = sql_name(principal), f"{catalog}.{schema}.{table}"
        lines += ["", f"-- {_comment(one)}"]
        if one.columns is None:
            lines += [*_use(catalog, schema, who), f"GRANT SELECT ON TABLE {place} TO {who};"]
            continue
        lines.append(f"REVOKE SELECT ON TABLE {place} FROM {who};")  # noqa: S608 - names are quoted, people review it
        view = f"{catalog}.{schema}.{sql_name(f'{one.table[2]}_for_{one.solution}')}"
        if one.columns:
            chosen = ", ".join(sql_name(name) for name in one.columns)
            made = f"CREATE OR REPLACE VIEW {view} AS SELECT {chosen} FROM {place};"  # noqa: S608 - as above
            lines += [
                made,
                *_use(catalog, schema, who),
                f"GRANT SELECT ON VIEW {view} TO {who};",
            ]
    return "\n".join(lines) + "\n"


def _use(catalog: str, schema: str, who: str) -> list[str]:
    return [
        f"GRANT USE CATALOG ON CATALOG {catalog} TO {who};",
        f"GRANT USE SCHEMA ON SCHEMA {catalog}.{schema} TO {who};",
    ]


def _comment(one: Grant) -> str:
    told = "; ".join([f"{one.solution} on {'.'.join(one.table)}, {one.level}: {_scope(one)}", *one.why])
    return " ".join(told.split())


def _scope(one: Grant) -> str:
    return "all" if one.columns is None else f"{len(one.columns)} columns" if one.columns else "nothing"


def lake_formation(grants: Iterable[Grant]) -> list[str]:
    """Documents for ``aws lakeformation batch-grant-permissions --cli-input-json``, each of at most 20 entries."""
    entries: list[dict[str, Any]] = []
    for one in grants:
        arn = one.principals.get("lake_formation")
        if arn is None or one.columns == ():
            continue
        place = {"DatabaseName": one.table[1], "Name": one.table[2]}
        resource: dict[str, Any] = {"Table": place}
        if one.columns is not None:
            resource = {"TableWithColumns": {**place, "ColumnNames": list(one.columns)}}
        entries.append(
            {
                "Id": str(len(entries) % _BATCH + 1),
                "Principal": {"DataLakePrincipalIdentifier": arn},
                "Resource": resource,
                "Permissions": ["SELECT"],
            }
        )
    batches = [entries[at : at + _BATCH] for at in range(0, len(entries), _BATCH)]
    return [json.dumps({"Entries": batch}, indent=2) for batch in batches]


def ranger(grants: Iterable[Grant], service: str = "hive") -> str:
    """Policies of a Hive service for Ranger's import: what is not granted is denied to the role.

    https://cwiki.apache.org/confluence/display/RANGER/User+Guide+For+Import-Export
    """
    policies = []
    for one in grants:
        role = one.principals.get("ranger")
        if role is None:
            continue
        item = {
            "accesses": [{"type": "select", "isAllowed": True}],
            "users": [], "groups": [], "roles": [role], "conditions": [], "delegateAdmin": False,
        }  # fmt: skip
        # Where nothing may be read, all columns are denied.
        policies.append(
            {
                "service": service,
                "name": f"clearance: {one.solution} on {'.'.join(one.table)}",
                "description": _comment(one),
                "policyType": 0,
                "isEnabled": True,
                "isAuditEnabled": True,
                "resources": {
                    "database": _values([one.table[1]]),
                    "table": _values([one.table[2]]),
                    "column": _values(list(one.columns) if one.columns else ["*"]),
                },
                "policyItems": [item] if one.columns != () else [],
                "denyPolicyItems": [item] if one.columns == () else [],
            }
        )
    return json.dumps({"policies": policies}, indent=2) + "\n"


def _values(values: list[str]) -> dict[str, Any]:
    return {"values": values, "isExcludes": False, "isRecursive": False}
