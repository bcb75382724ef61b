"""Where values are back, the label of all is what they are together."""

from clearance.governance.labels import Label
from clearance.governance.policy import load_policy
from clearance.jobs.reissue import label_with_values


def test_a_name_that_is_back_beside_a_column_of_health_by_its_name_only_is_someones_health() -> None:
    policy = load_policy()
    own, name = Label("internal"), policy.label_of("PERSON")
    row = {"label": own.to_dict(), "looked": {"roles": {"icd": "MEDICAL_DISEASE_DISORDER"}}}
    assert label_with_values(row, {"who": own, "icd": Label("public")}, policy).level == "internal"
    assert label_with_values(row, {"who": name, "icd": Label("public")}, policy).level == "restricted"
    ill = policy.label_of("MEDICAL_DISEASE_DISORDER")
    coded = Label("internal", ill.categories, ill.regimes, ill.subjects)
    assert label_with_values({**row, "looked": {}}, {"who": name, "icd": coded}, policy).level == "restricted"
