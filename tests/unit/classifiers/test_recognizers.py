"""Every recognizer that the installed Presidio knows is named in our configuration."""

from importlib import resources

import phonenumbers
import pytest
import yaml

from clearance.classifiers.detectors import Detector, countries, load_detectors
from clearance.classifiers.recognizers import build_recognizer, enabled_entries, known_languages, recognizer_entries
from clearance.errors import UsageError


def _presidio() -> list[dict[str, object]]:
    text = resources.files("presidio_analyzer").joinpath("conf", "default_recognizers.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["recognizers"])


def test_every_entry_of_presidio_is_named_once_with_its_region() -> None:
    entries, _ = recognizer_entries()
    assert sorted(e.name for e in entries) == sorted(str(item["name"]) for item in _presidio())
    regions = {str(item["name"]): item.get("country_code") for item in _presidio()}
    assert {e.name: e.region for e in entries} == regions


def test_whatever_is_not_on_by_default_says_why() -> None:
    entries, _ = recognizer_entries()
    assert {e.use for e in entries} == {"default", "asked", "never"}
    assert all(e.reason for e in entries if e.use != "default")


def test_english_has_at_least_stock_presidios_recognizers() -> None:
    stock = {
        str(item["name"])
        for item in _presidio()
        if item.get("enabled", True)
        and "en" in [x["language"] if isinstance(x, dict) else x for x in item.get("supported_languages", ["en"])]  # type: ignore[attr-defined]
    }
    assert stock <= {entry.name for entry in enabled_entries("en", None)}


@pytest.mark.parametrize("language", known_languages())
def test_every_language_can_be_built_in_all_its_regions(language: str) -> None:
    entries, _ = recognizer_entries()
    regions = sorted({e.region for e in entries if e.region})
    for entry in enabled_entries(language, regions):
        assert build_recognizer(entry, language).supported_language == language


def test_regions_switch_recognizers() -> None:
    assert "InAadhaarRecognizer" not in {e.name for e in enabled_entries("en", None)}
    names = {e.name for e in enabled_entries("en", ["IN"])}
    assert "InAadhaarRecognizer" in names
    assert "UsSsnRecognizer" not in names
    assert "EmailRecognizer" in names
    assert "UsNpiRecognizer" in {e.name for e in enabled_entries("en", ["us"])}


@pytest.mark.parametrize(("region", "number"), [("ke", "0712 345678"), ("GB", "020 7946 0018"), ("nz", "021 123 4567")])
def test_phone_numbers_as_dialled_in_any_country(region: str, number: str) -> None:
    (entry,) = (entry for entry in enabled_entries("en", [region]) if entry.name == "PhoneRecognizer")
    found = build_recognizer(entry, "en", [region]).analyze(f"call {number} now", ["PHONE_NUMBER"], None)
    assert [(hit.start, hit.end) for hit in found] == [(5, 5 + len(number))]


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown region: xx"):
        enabled_entries("en", ["xx"])


def test_countries_in_several_languages() -> None:
    def found(language: str, text: str) -> list[str]:
        detector = next(d for d in load_detectors(language) if d.name == "Countries")
        assert isinstance(detector, Detector)
        return [text[s.start : s.end] for s in detector.spans(text)]

    assert found("en", "from Estonia to the United Kingdom and Nigeria") == ["Estonia", "United Kingdom", "Nigeria"]
    assert found("de", "von Estland nach Frankreich") == ["Estland", "Frankreich"]


def test_countries_are_known_where_packages_lie_in_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = countries.__wrapped__("en").pattern.pattern
    monkeypatch.setattr(phonenumbers, "__file__", "/packages.zip/phonenumbers/__init__.py")
    assert countries.__wrapped__("en").pattern.pattern == usual
