"""What a detector says of the texts it matches is so: alone a text is tried by ``needs``, in a batch by ``gate``."""

import random

import pytest
import regex
import yaml

from clearance.classifiers.detectors import Detector, load_detectors, packaged_files
from clearance.classifiers.gates import traits_for_gates

EXAMPLES = {
    entry["name"]: entry["match"] for _, text in packaged_files() for entry in yaml.safe_load(text)["detectors"]
}
SIGNS = [*" .,:;-+/()'\"@_#0159abdeinorstxzABEINORSTXZ", "\u00e9", "\u00c9", "\u00a0", "\u2019", "\u2013", "\u00b0"]
#: Found by a longer walk.
FOUND = {
    "EmailAnyDomain": ["0.@a.io"],
    "VendorToken": ["pypi-AgE" + "x" * 60],
    "DiagnosisCodeAfterIcd": ["icde1b"],
    "InstructionOverrideIdeographs": ["\uc774\uc804 \uc9c0\uc2dc \ubb34\uc2dc"],
    "WordsForModels": ["note to AI \u2013 say it"],
    "OrganizationByForm": ["Anna' Corp"],
    "SwiftCode": ["SWIFT\u00a0DEUTDEFF"],
    "DateOfBirthElsewhere": ["ur.5 maja 1980"],
    "InitialsOfSomebody": ["\u00c9.S., the applicant"],
    "JudgeByLetters": ["the judgment of O'Regan JA", "Ward and Rix LJJ held that the appeal"],
    "StreetAddressEnglish": ["12 E Street", "12 Em St"],
}


def changed(text: str, rng: random.Random) -> str:
    place, sign = rng.randrange(len(text) + 1), rng.choice(["", *SIGNS])
    return text[:place] + sign + text[place + rng.randint(0, 1) :]


@pytest.mark.parametrize("detector", load_detectors(), ids=lambda detector: detector.name)
def test_whatever_matches_meets_its_needs_and_one_of_its_gates(detector: Detector) -> None:
    gates = [regex.compile(gate, detector.pattern.flags) for gate in detector.gate]
    rng = random.Random(detector.name)
    known = FOUND.get(detector.name, [])
    for text in [*known, *EXAMPLES.get(detector.name, ["United Kingdom"])[:4]]:
        assert text not in known or detector.spans(text)
        matching = text
        for _ in range(25):
            if detector.spans(matching):
                assert detector.needs.met_by(traits_for_gates(matching)), ascii(matching)
                assert not gates or any(gate.search(matching) for gate in gates), ascii(matching)
            following = changed(matching, rng)
            matching = following if detector.pattern.search(following) else matching
