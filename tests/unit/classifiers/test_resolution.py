"""Rules for hits, in YAML: each feature alone, files over one another, and what is said of wrong ones."""

import pytest

from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.findings import Span
from clearance.classifiers.looking import look
from clearance.classifiers.resolution import Resolution, load_resolution
from clearance.classifiers.resolve import resolve
from clearance.classifiers.value_lists import hashed
from clearance.classifiers.yaml_files import RulesFile
from clearance.errors import UsageError

SALT = "0123456789abcdef"


def rules(text: str, threshold: float = 0.35) -> Resolution:
    return load_resolution([RulesFile("ours.yaml", f"resolution:\n{text}")], threshold=threshold)


def found(text: str, hits: list[Span], by: Resolution | None = None) -> list[tuple[str, str]]:
    return [(span.entity_type, text[span.start : span.end]) for span in resolve(text, hits, rules=by)]


def hit(text: str, value: str, kind: str, score: float = 0.6, detector: str = "d") -> Span:
    start = text.index(value)
    return Span(start, start + len(value), kind, score, detector)


# ---- the packaged rules ----


def test_a_pattern_that_fits_the_characters_beats_a_models_guess() -> None:
    text = "licence F255-92, number 521-44-9382"
    hits = [
        hit(text, "521-44-9382", "US_SSN", 0.5, "UsSsnRecognizer"),
        hit(text, "521-44-9382", "DRIVER_LICENSE", 0.99, "rampart"),
        hit(text, "number 521-44-9382", "TAX_ID", 0.99, "spacy:en_core_web_md"),
    ]
    assert ("US_SSN", "521-44-9382") in found(text, hits)
    assert not {"DRIVER_LICENSE"} & {kind for kind, _ in found(text, hits)}
    # Alone the guess stands: what it covers stays covered.
    assert found(text, hits[1:2]) == [("DRIVER_LICENSE", "521-44-9382")]


@pytest.mark.parametrize("date", ["02.04.1985", "1994-03-12", "12/03/1994", "31-12-2020"])
def test_a_whole_date_is_no_phone_number(patterns: Engine, date: str) -> None:
    (seen,) = look(patterns, [f"It was on {date} in the morning"])
    assert {span.entity_type for span in seen.spans} == {"DATE_TIME"}


def test_a_phone_number_is_not_a_models_date() -> None:
    text = "ring 212-555-0147 later"
    hits = [
        hit(text, "212-555-0147", "PHONE_NUMBER", 0.4, "PhoneRecognizer"),
        hit(text, "212-555-0147 later", "DATE_TIME", 0.85, "spacy:x"),
    ]
    assert ("PHONE_NUMBER", "212-555-0147") in found(text, hits)


def test_a_date_of_birth_is_more_than_a_date() -> None:
    text = "DOB 03/15/1989"
    hits = [
        hit(text, "03/15/1989", "DATE_TIME", 0.9, "WrittenDate"),
        hit(text, "03/15/1989", "DATE_OF_BIRTH", 0.8, "DateOfBirth"),
        hit(text, "03/15/1989", "PHONE_NUMBER", 0.4, "PhoneRecognizer"),
    ]
    assert found(text, hits) == [("DATE_OF_BIRTH", "03/15/1989")]


def test_the_parts_of_an_address_are_one() -> None:
    text = "to 12 Elm Street,\nSpringfield, IL 62704 by May"
    hits = [
        hit(text, "12 Elm Street", "STREET_ADDRESS"),
        hit(text, "Springfield", "LOCATION"),
        hit(text, "IL 62704", "LOCATION"),
    ]
    assert found(text, hits) == [("STREET_ADDRESS", "12 Elm Street,\nSpringfield, IL 62704")]


def test_places_without_a_street_are_no_address() -> None:
    text = "from Paris, France"
    assert found(text, [hit(text, "Paris", "LOCATION"), hit(text, "France", "LOCATION")]) == [
        ("LOCATION", "Paris"),
        ("LOCATION", "France"),
    ]


def test_nothing_is_merged_across_a_token() -> None:
    text = "Ana       Diaz"
    hits = [hit(text, "Ana", "PERSON"), hit(text, "Diaz", "PERSON")]
    assert len(resolve(text, hits, tokens=[(4, 9, "PERSON")])) == 2


# ---- a user's rules ----


def test_thresholds_by_type_and_detector() -> None:
    by = rules("  thresholds: {US_SSN: 0.5, US_SSN/Weak: 0.3, '*/Noisy': 0.9}", threshold=0.35)
    text = "111 222 333 444"
    hits = [
        hit(text, "111", "US_SSN", 0.4, "Other"),
        hit(text, "222", "US_SSN", 0.3, "Weak"),
        hit(text, "333", "URL", 0.8, "Noisy"),
        hit(text, "444", "URL", 0.35, "Other"),
    ]
    assert found(text, hits, by) == [("US_SSN", "222"), ("URL", "444")]
    assert by.floor == 0.3


def test_allowed_values_and_their_parts_are_no_findings() -> None:
    text = "support@example.com or ana@example.com"
    hits = [
        hit(text, "support@example.com", "EMAIL_ADDRESS", 1.0),
        Span(8, 19, "URL", 0.5, "d"),
        hit(text, "ana@example.com", "EMAIL_ADDRESS", 1.0),
    ]
    kept = [("EMAIL_ADDRESS", "ana@example.com")]
    assert found(text, hits, rules("  allow: [{of: [EMAIL_ADDRESS], values: [Support@Example.com]}]")) == kept
    assert found(text, hits, rules("  allow: [{patterns: ['support@.*']}]")) == kept
    digest = hashed("SUPPORT@example.com", SALT)
    listed = f"  allow: [{{hashed: {{salt: '{SALT}', words: 3, digests: ['{digest}']}}}}]"
    assert found(text, hits, rules(listed)) == kept
    # A list for one type says nothing of another.
    assert len(found(text, hits, rules("  allow: [{of: [PERSON], values: [support@example.com]}]"))) == 2


def test_denied_values_are_found_anywhere_and_beat_everything() -> None:
    text = "About BLUE-falcon, and its pilot Ana; code 77-X."
    person = [hit(text, "Ana", "PERSON", 0.9, "rampart")]
    expected = [("PROJECT", "BLUE-falcon"), ("PROJECT", "Ana")]
    assert found(text, person, rules("  deny: [{entity_type: PROJECT, values: [Blue Falcon, ana]}]")) == expected
    assert found(text, [], rules("  deny: [{entity_type: CODE, patterns: ['\\d{2}-x']}]")) == [("CODE", "77-X")]
    digests = [hashed("blue falcon", SALT), hashed("ana", SALT)]
    listed = f"  deny: [{{entity_type: PROJECT, hashed: {{salt: '{SALT}', words: 2, digests: {digests}}}}}]"
    assert found(text, person, rules(listed)) == expected
    both = "  allow: [{values: [ana]}]\n  deny: [{entity_type: PROJECT, values: [ana]}]"
    assert found(text, person, rules(both)) == [("PROJECT", "Ana")]


def test_the_longest_denied_value_at_a_place_wins() -> None:
    by = rules("  deny: [{entity_type: P, values: [Blue, Blue Falcon Two, Falcon]}]")
    assert found("the blue falcon two and blue", [], by) == [("P", "blue falcon two"), ("P", "blue")]


def test_hot_words_raise_a_score() -> None:
    text = "payroll 521449382 and far away, more than fifty characters on, 521449383"
    hits = [hit(text, "521449382", "US_SSN", 0.1), hit(text, "521449383", "US_SSN", 0.1)]
    to = rules("  hot_words: [{of: [US_SSN], words: [payroll], raise_to: 0.9}]")
    (span,) = resolve(text, hits, rules=to)
    assert (span.start, span.score) == (8, 0.9)
    assert found(text, hits, rules("  hot_words: [{of: [US_SSN], words: [pay*], raise_by: 0.3}]")) == [
        ("US_SSN", "521449382")
    ]
    assert not found(text, hits, rules("  hot_words: [{of: [US_SSN], words: [payroll], raise_to: 0.9, side: behind}]"))
    assert not found(text, hits, rules("  hot_words: [{of: [US_SSN], words: [pay], raise_to: 0.9}]"))


def test_exclusion_words_lower_a_score_or_drop_the_hit() -> None:
    text = "order no 2125550147"
    hits = [hit(text, "2125550147", "PHONE_NUMBER", 0.6)]
    assert not found(text, hits, rules("  exclusion_words: [{of: [PHONE_NUMBER], words: [order no], window: 10}]"))
    assert not found(text, hits, rules("  exclusion_words: [{of: ['*'], words: [order no], lower_by: 0.3}]"))
    (span,) = resolve(text, hits, rules=rules("  exclusion_words: [{of: ['*'], words: [order no], lower_by: 0.2}]"))
    assert span.score == 0.4
    assert found(text, hits, rules("  exclusion_words: [{of: [US_SSN], words: [order no]}]"))


def test_nonsense_and_precedence_of_ones_own_and_packaged_ones_taken_away() -> None:
    text = "spring 1.2.3.4 and 26.4111111111111111"
    hits = [hit(text, "1.2.3.4", "IP_ADDRESS"), hit(text, "4111111111111111", "CREDIT_CARD", 1.0)]
    assert found(text, hits) == [("IP_ADDRESS", "1.2.3.4")]
    by = rules("  nonsense: {Version: {of: [IP_ADDRESS], before: 'spring '}, CardInFraction: null}")
    assert found(text, hits, by) == [("CREDIT_CARD", "4111111111111111")]
    both = [hit(text, "1.2.3.4", "IP_ADDRESS"), hit(text, "1.2.3.4", "URL", 0.9)]
    assert found(text, both, rules("  precedence: {URL: 150}")) == [("URL", "1.2.3.4")]


def test_a_merge_of_ones_own() -> None:
    text = "A12 B34"
    hits = [hit(text, "A12", "CODE"), hit(text, "B34", "TAX_ID")]
    merge = "  merge: {{Codes: {{of: [CODE, TAX_ID], into: {}, between: ' '}}}}"
    assert found(text, hits, rules(merge.format("TAX_ID"))) == [("TAX_ID", "A12 B34")]
    assert found(text, hits, rules(merge.format("first"))) == [("CODE", "A12 B34")]


# ---- with an engine ----


def test_hot_words_reach_hits_that_the_engine_would_not_report() -> None:
    text = "payroll 521449382"
    files = [RulesFile("r", "resolution: {hot_words: [{of: [US_SSN], words: [payroll], raise_to: 0.8}]}")]
    plain, hot = load_engine(ner=None), load_engine(ner=None, detectors=files)
    assert not look(plain, [text])[0].spans
    assert {span.entity_type for span in look(hot, [text])[0].spans} == {"US_SSN"}
    # Nothing else is found for that.
    quiet = "some 521449382 and 11.11.11 or 12345678"
    assert look(plain, [quiet])[0].spans == look(hot, [quiet])[0].spans
    assert plain.digest != hot.digest


def test_a_users_types_are_the_engines() -> None:
    engine = load_engine(ner=None, detectors=[RulesFile("r", "resolution: {deny: [{entity_type: X1, values: [y]}]}")])
    assert "X1" in engine.entity_types
    # A text that holds the redaction of such a type holds nothing more to find.
    assert look(engine, ["it is [X1]"])[0].spans == ()


@pytest.mark.parametrize(
    ("text", "place", "kind", "detector"),
    [
        ("the rule in Smith v. Jones is old", "Smith v. Jones", "LOCATION", "rampart"),
        ("Halford v Greene", "Halford v", "STREET_ADDRESS", "rampart"),
        ("SMS from +6581234567", "6581234567", "UK_NHS", "NhsRecognizer"),
        ("384 U.S. 436 (1966)", "436", "STREET_ADDRESS", "rampart"),
        ("384 U.S. 436 (1966)", "1966", "LOCATION", "rampart"),
        ("failed with HTTP 413", "413", "STREET_ADDRESS", "rampart"),
        ("raise KeyError(x)", "KeyError", "PERSON", "rampart"),
        ("on May 3rd", "3rd", "PERSON", "rampart"),
        ("my account number is 943-476-5919", "943-476-5919", "UK_NHS", "NhsRecognizer"),
        ("build is red, roll back to 10.2.3.3", "10.2.3.3", "IP_ADDRESS", "IpRecognizer"),
        ("a Kurdish teacher", "Kurdish", "PERSON", "rampart"),
        ("a Tibetan teacher", "Tibetan", "PERSON", "rampart"),
        ("against BARBADOS", "BARBADOS", "PERSON", "rampart"),
        ("Hobart Eaton Ltd [2012]", "Hobart Eaton", "PERSON", "rampart"),
        ("Gurtel Limited and others", "Gurtel", "PERSON", "rampart"),
        ("Dorn v Road Accident Fund", "Road Accident", "PERSON", "PartyBehindVersus"),
        ("of Victoria Legal Aid", "Victoria", "PERSON", "rampart"),
        ("practising in Velenje.", "Velenje", "PERSON", "rampart"),
        ("she applied for asylum", "asylum", "PERSON", "rampart"),
        ("a blue Nissan Hardbody", "blue Nissan Hardbody", "PERSON", "rampart"),
        ("Trooper Hale stopped", "Trooper Hale", "LOCATION", "rampart"),
        ("tell Jira to stop", "Jira", "PERSON", "rampart"),
        ("shop at Lidl", "Lidl", "LOCATION", "rampart"),
        ("in at 23:40, 55 late", "late", "LOCATION", "rampart"),
        ("[1932] AC 562", "AC 562", "STREET_ADDRESS", "rampart"),
        ("(1868) LR 3 HL 330", "LR 3 HL 330", "STREET_ADDRESS", "rampart"),
        ("Budlak, 2021 ONCA 163", "ONCA 163", "STREET_ADDRESS", "rampart"),
        ("968 S.W.2d 319", "W.2d", "STREET_ADDRESS", "rampart"),
        ("matte, 85 x 55 mm", "85 x 55", "STREET_ADDRESS", "rampart"),
        ("is 128 GB", "128", "STREET_ADDRESS", "rampart"),
        ("knocked down 187 pins", "187 pins", "STREET_ADDRESS", "rampart"),
        ("seat 14C, boarding now", "seat 14C, boarding", "STREET_ADDRESS", "rampart"),
        ("size 11, new, 150", "11, new, 150", "STREET_ADDRESS", "rampart"),
        ("order no 5500005555555559", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("lotto numbers 5 12 23 34 41 6", "5 12 23 34 41 6", "PHONE_NUMBER", "PhoneRecognizer"),
        ("turn 3 was crazy, car 44 spun", "car 44 spun", "STREET_ADDRESS", "rampart"),
        ("train 9024 coach b3 seat 61", "coach b3 seat 61", "STREET_ADDRESS", "rampart"),
        ("my meter reads 48213 now", "48213", "LOCATION", "rampart"),
        ("won 4 lost 2 drew 1", "drew 1", "STREET_ADDRESS", "rampart"),
        ("charged with manslaughter", "manslaughter", "PERSON", "rampart"),
        ("Cullen Group Ltd v Revenue", "Cullen", "PERSON", "rampart"),
        ("Slip Copy, 2005 WL 1642582", "1642582", "PHONE_NUMBER", "PhoneRecognizer"),
        ("844 F. Supp. 1338", "F. Supp", "STREET_ADDRESS", "rampart"),
        ("by Irwin Hale Solicitors", "Irwin Hale", "PERSON", "rampart"),
        ("zoom 845 2231 9087", "845 2231 9087", "PHONE_NUMBER", "rampart"),
        ("the House of Lords held", "Lords", "PERSON", "rampart"),
        ("the IBAN is wrong", "IBAN", "PERSON", "rampart"),
        ("size 10-12, qty 3", "10-12, qty", "STREET_ADDRESS", "rampart"),
        ("BP 120/80, HR 72", "120/80, HR 72", "STREET_ADDRESS", "rampart"),
        ("your T4 slip", "T4", "LOCATION", "rampart"),
        ("it says 1Z999AA10123456784", "1Z999AA10123456784", "DRIVER_LICENSE", "rampart"),
        ("477 U.S. 242", "U.S", "STREET_ADDRESS", "rampart"),
        ("a format like XX-999999", "XX-999999", "DRIVER_LICENSE", "rampart"),
        ("192.168.1.300 is not valid", "192.168.1.300", "PHONE_NUMBER", "PhoneRecognizer"),
        ("your last 4 digits? - 4421", "4421", "LOCATION", "rampart"),
        ("see PR #8812", "8812", "LOCATION", "rampart"),
        ("lodged against Slovakia by", "Slovakia", "PERSON", "rampart"),
        ("STATE OF MADHYA PRADESH", "MADHYA PRADESH", "PERSON", "rampart"),
        ("Madras High Court, Madurai Bench", "Madurai Bench", "PERSON", "rampart"),
        ("DOOLIN, Justice.", "Justice", "PERSON", "rampart"),
        ("does ralph lauren sell these", "ralph lauren", "PERSON", "rampart"),
        ("Mr Justice sat", "Justice", "PERSON", "rampart"),
        ("the Government of Karnataka paid", "Karnataka", "PERSON", "rampart"),
        ("in the city of Karnal", "Karnal", "PERSON", "rampart"),
        ("Hall (2001) 52 EHRR 12", "52 EHRR", "STREET_ADDRESS", "rampart"),
        ("Hall [2001] 1 Cr App R 5", "1 Cr App R", "STREET_ADDRESS", "rampart"),
        ("Smith v Hall (1992) 29 NSWLR 336", "29 NSWLR", "STREET_ADDRESS", "rampart"),
        ("seen by PW1 at noon", "PW1", "LOCATION", "rampart"),
        ("sort code 12-34-56", "34-56", "STREET_ADDRESS", "rampart"),
        ("my height is 178", "178", "STREET_ADDRESS", "rampart"),
        ("my card ends in 4242 I think", "4242", "LOCATION", "rampart"),
        ("text STOP to 80085", "80085", "LOCATION", "rampart"),
        ("dial *100# now", "100", "STREET_ADDRESS", "rampart"),
        ("standup in 5", "5", "STREET_ADDRESS", "rampart"),
        ("GET /api/v1/users/1002938475 200", "1002938475", "GOVERNMENT_ID", "rampart"),
        ("ACN 009 658 253 (Defendant)", "009 658", "PHONE_NUMBER", "rampart"),
        ("Maher (1988) 164 CLR 387 applied", "164", "STREET_ADDRESS", "rampart"),
        ("AIR 1981 SC 1161", "1981 SC 1161", "STREET_ADDRESS", "rampart"),
        ("size M or 38", "M", "STREET_ADDRESS", "rampart"),
        ("loyalty card number 6011 0009", "6011 0009", "LOCATION", "rampart"),
        ("gift card code XJ4T-99QK", "XJ4T-99QK", "DRIVER_LICENSE", "rampart"),
        ("Password: [hidden]", "[hidden]", "PASSWORD", "PasswordAssignment"),
        ("by Doreen Hale & Associates (Defendant)", "Doreen Hale", "PERSON", "rampart"),
        ("(Hale Lin & Bok LLP) for", "Hale Lin", "PERSON", "rampart"),
        ("Kasir Hale &\nWebb Lawyers (Plaintiff)", "Webb", "PERSON", "rampart"),
        ("Additional Sessions Judge, Khelwai in Sessions Trial", "Khelwai", "PERSON", "rampart"),
        ("police station at Police Station, Khelwai.", "Khelwai", "PERSON", "rampart"),
        ("the m4 motorway was closed", "m4 motorway", "STREET_ADDRESS", "rampart"),
        ("see room 1204 for that", "1204", "STREET_ADDRESS", "rampart"),
        ("alexa play something", "alexa", "PERSON", "rampart"),
        ("2018 ONSC 7056, 5 R.P.R. (6th) 316", "5 R.P.R", "STREET_ADDRESS", "rampart"),
        ("2018 ONSC 7056, 5 R.P.R. (6th) 316", "6th", "STREET_ADDRESS", "rampart"),
        ("2018 ONSC 7056, 5 R.P.R. (6th) 316", "316", "STREET_ADDRESS", "rampart"),
        ("(instructed by Hollis Sudders) for", "Hollis Sudders", "PERSON", "rampart"),
        ("instructed by Hollis Sudders Edge for her", "Hollis Sudders Edge", "PERSON", "rampart"),
        ("the National Bank of Kenya lent it", "Kenya", "PERSON", "rampart"),
        ("before the Additional Sessions Judge Khelwai in", "Khelwai", "PERSON", "rampart"),
        ("the judges presiding", "judges presiding", "PERSON", "rampart"),
        ("Prosecutor General Khelwai", "General Khelwai", "PERSON", "rampart"),
        ("the Hollis factors", "Hollis", "PERSON", "rampart"),
        ("for Rowton Borough", "Rowton Borough", "PERSON", "rampart"),
        ("SMT. JAYA", "SMT", "PERSON", "rampart"),
        ("on 12.03.2019, 41", "12.03.2019, 41", "PHONE_NUMBER", "PhoneRecognizer"),
        ("our number of users is 4155550173", "4155550173", "PHONE_NUMBER", "PhoneRecognizer"),
        ("claim HX 204581 was paid", "HX 204581", "DRIVER_LICENSE", "rampart"),
        ("they sent NR 5996008 on", "5996008", "GOVERNMENT_ID", "rampart"),
        ("see PR 1290", "PR 1290", "STREET_ADDRESS", "rampart"),
        ("call me at 5, ill be home", "5, ill", "STREET_ADDRESS", "rampart"),
        ("[2023] KECA 1537 (KLR)", "1537", "STREET_ADDRESS", "rampart"),
        ("(Tex. Crim. App. 1985)", "Tex. Crim", "LOCATION", "rampart"),
        ("look in config.json", "json", "PERSON", "rampart"),
        ("it expires june", "june", "PERSON", "rampart"),
        ("password: ${DB_PASS}", "${DB_PASS}", "PASSWORD", "PasswordAssignment"),
        ("password: your-password", "your-password", "PASSWORD", "PasswordAssignment"),
        ("password: {{ vault.pw }}", "{{ vault.pw }}", "PASSWORD", "PasswordAssignment"),
        ("v Murrow Murrow Operations Pty Ltd", "Murrow Murrow", "PERSON", "rampart"),
        ("Hollis + Webb LLP", "Hollis", "PERSON", "rampart"),
        ("(instructed by Messrs Hollis & Webb, Dorn Clarke) for", "Dorn Clarke", "LOCATION", "rampart"),
        ("DEPUTY PRESIDENT VANE\n\nPERTH, 31 MARCH 2020\n", "PERTH", "PERSON", "rampart"),
        ("2019 FC 871\n\nOttawa, Ontario", "871\n\nOttawa, Ontario", "STREET_ADDRESS", "rampart"),
        ("my licence class is F2 now", "F2", "DRIVER_LICENSE", "rampart"),
    ],
)
def test_what_is_said_around_a_hit_takes_it_away(text: str, place: str, kind: str, detector: str) -> None:
    assert found(text, [hit(text, place, kind, 0.45 if kind == "PHONE_NUMBER" else 0.9, detector)]) == []


@pytest.mark.parametrize(
    ("text", "place", "kind", "detector"),
    [
        ("she lives at 436 Vine Street", "436 Vine Street", "STREET_ADDRESS", "rampart"),
        ("Patricia McDonald called", "McDonald", "PERSON", "rampart"),
        ("NHS number is 943-476-5919", "943-476-5919", "UK_NHS", "NhsRecognizer"),
        ("Vila Nova", "Vila Nova", "LOCATION", "rampart"),
        ("server 10.2.3.3 is down", "10.2.3.3", "IP_ADDRESS", "IpRecognizer"),
        ("a French teacher", "French", "PERSON", "rampart"),
        ("Dublin D4", "D4", "LOCATION", "rampart"),
        ("flat 10-12, Leeds", "10-12, Leeds", "STREET_ADDRESS", "rampart"),
        ("in the U.S. today", "U.S", "LOCATION", "rampart"),
        ("Georgia called", "Georgia", "PERSON", "rampart"),
        ("we rolled back to 203.0.113.7", "203.0.113.7", "IP_ADDRESS", "IpRecognizer"),
        ("my library card is 21234567890123", "21234567890123", "GOVERNMENT_ID", "rampart"),
        ("our office: D02 X285", "X285", "LOCATION", "rampart"),
        ("Cork T12 X8RY", "T12", "LOCATION", "rampart"),
        ("Ms Ireland called", "Ireland", "PERSON", "rampart"),
        ("my daughter China is eight", "China", "PERSON", "rampart"),
        ("Dr. Cuban examined her", "Cuban", "PERSON", "rampart"),
        ("My name is Calvin Klein", "Calvin Klein", "PERSON", "rampart"),
        ("Hugo Boss lives next door", "Hugo Boss", "PERSON", "rampart"),
        ("Jim Beam broke his leg", "Jim Beam", "PERSON", "rampart"),
        ("Morgan Stanley, aged 12, was absent", "Morgan Stanley", "PERSON", "rampart"),
        ("Mr Judge has not paid", "Judge", "PERSON", "rampart"),
        ("Justice is our new clerk", "Justice", "PERSON", "rampart"),
        ("the government of Ana Silva fell", "Ana Silva", "PERSON", "rampart"),
        ("the mental state of Tom Reed", "Tom Reed", "PERSON", "rampart"),
        ("In the Supreme Court, Johnny Bench swore", "Johnny Bench", "PERSON", "rampart"),
        ("She moved (2019) 29 Elm Street", "29 Elm Street", "STREET_ADDRESS", "rampart"),
        ("SHE MOVED (2019) 29 ELM STREET", "29 ELM STREET", "STREET_ADDRESS", "rampart"),
        ("SHE MOVED (2019) 29 ELM STREET", "29", "STREET_ADDRESS", "rampart"),
        ("**Zip:** *94107*", "94107", "LOCATION", "rampart"),
        ("my zip is **94107**", "94107", "LOCATION", "rampart"),
        ("the estate of Mary Hollis", "Mary Hollis", "PERSON", "rampart"),
        ("Margaret Court won", "Margaret Court", "PERSON", "rampart"),
        ("Judge Justice Brundrett", "Justice Brundrett", "PERSON", "rampart"),
        ("text from Chicago 60601", "60601", "LOCATION", "rampart"),
        ("ZIP 12345-6789", "6789", "LOCATION", "rampart"),
        ("we met in 5 Elm Street", "5", "STREET_ADDRESS", "rampart"),
        ("Password: [h1dden]", "[h1dden]", "PASSWORD", "PasswordAssignment"),
        ("GET /passport/925665416", "925665416", "PASSPORT", "rampart"),
        ("with Christian in town", "Christian", "PERSON", "rampart"),
        ("with Jordan in town", "Jordan", "PERSON", "rampart"),
        ("spoke to John Hale, Acme Ltd", "John Hale", "PERSON", "rampart"),
        ("he lives in Marta's house", "Marta", "PERSON", "rampart"),
        ("paid by card 5500005555555559", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("call 06 12 34 56 78", "06 12 34 56 78", "PHONE_NUMBER", "PhoneRecognizer"),
        ("come to 12 elm streets", "12 elm", "STREET_ADDRESS", "rampart"),
        ("she is at 187 pine street", "187 pine street", "STREET_ADDRESS", "rampart"),
        ("with this is marcus", "marcus", "PERSON", "rampart"),
        ("I pay the order 5500005555555559", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("order 5500005555555559 exp 12/27", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("ORDER# 5500005555555559 08/29 CVV 123", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("order: 5500005555555559 is my visa", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("secretary of John Hale", "John Hale", "PERSON", "rampart"),
        ("Name: John Hale Hospital No: 12", "John Hale", "PERSON", "rampart"),
        ("contact John Hale Acme Ltd", "John Hale", "PERSON", "rampart"),
        ("seen (2019) ELM STREET 5", "ELM STREET 5", "STREET_ADDRESS", "rampart"),
        ("Officer Hale stopped", "Officer Hale", "LOCATION", "rampart"),
        ("he lives at 14 oaklands", "14 oaklands", "STREET_ADDRESS", "rampart"),
        ("meet me at unit 44 oak street", "unit 44 oak street", "STREET_ADDRESS", "rampart"),
        ("by Irwin Hale Solicitor", "Irwin Hale", "PERSON", "rampart"),
        ("Ms Zoom called", "Zoom", "PERSON", "rampart"),
        ("ask carson about it", "carson", "PERSON", "rampart"),
        ("thx pearson", "pearson", "PERSON", "rampart"),
        ("At the Police Station, Ravi was beaten", "Ravi", "PERSON", "rampart"),
        ("At the Post Office, Margaret paid", "Margaret", "PERSON", "rampart"),
        ("the legal title residing in Margaret alone", "Margaret", "PERSON", "rampart"),
        ("before the District Court, Ravi told", "Ravi", "PERSON", "rampart"),
        ("for my order 5500005555555559, 0927 123", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("use this for the order: 5500005555555559", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("the booking 5500005555555559 12-28", "5500005555555559", "CREDIT_CARD", "CreditCardRecognizer"),
        ("Muhammad Hale Sayed,\nAdvocates", "Muhammad Hale Sayed", "PERSON", "rampart"),
        ("Mr Hale & Associates", "Hale", "PERSON", "rampart"),
        ("Doreen Hale and company for dinner", "Doreen Hale", "PERSON", "rampart"),
        ("the Hilton, room 1204", "1204", "STREET_ADDRESS", "rampart"),
        ("flat a12 is mine", "a12", "STREET_ADDRESS", "rampart"),
        ("with alexa tomorrow", "alexa", "PERSON", "rampart"),
        ("(instructed by Mr Hollis)", "Hollis", "PERSON", "rampart"),
        ("instructed by Jan van der Berg for her", "Jan van der Berg", "PERSON", "rampart"),
        ("a friend of Jordan came", "Jordan", "PERSON", "rampart"),
        ("my licence is HX 204581", "HX 204581", "DRIVER_LICENSE", "rampart"),
        ("passport of hers HX 204581", "HX 204581", "PASSPORT", "rampart"),
        ("HX 204581 is on my licence", "HX 204581", "DRIVER_LICENSE", "rampart"),
        ("her national number: 5996008", "5996008", "GOVERNMENT_ID", "rampart"),
        ("on FM 1290", "FM 1290", "STREET_ADDRESS", "rampart"),
        ("in june it was", "june it", "PERSON", "rampart"),
        ("with june and ana", "june", "PERSON", "rampart"),
        ("Maria, 31 March 2020", "Maria", "PERSON", "rampart"),
        ("her driver licence F255-92", "F255", "US_DRIVER_LICENSE", "UsLicenseRecognizer"),
        ("his bank account number NL55TRIO0123", "NL55TRIO0123", "DRIVER_LICENSE", "rampart"),
        ("password: $ecret99", "$ecret99", "PASSWORD", "PasswordAssignment"),
        ("password: yourmom99", "yourmom99", "PASSWORD", "PasswordAssignment"),
        ("password: %tgb6yhn", "%tgb6yhn", "PASSWORD", "PasswordAssignment"),
    ],
)
def test_what_says_nothing_of_the_kind_leaves_it(text: str, place: str, kind: str, detector: str) -> None:
    assert found(text, [hit(text, place, kind, 0.9, detector)]) == [(kind, place)]


def test_a_time_zone_is_no_phone_and_a_piece_of_a_word_no_host() -> None:
    log = '[10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0"'
    assert found(log, [hit(log, "36 -0700", "PHONE_NUMBER", 0.4, "PhoneRecognizer")]) == []
    assert found(log, [hit(log, "pb.gi", "URL", 0.5, "UrlRecognizer")]) == []
    assert found('"/lib/site.py"', [hit('"/lib/site.py"', "site.py", "URL", 0.5, "UrlRecognizer")]) == []
    assert found("at com.acme.Foo", [hit("at com.acme.Foo", "com.acme.Foo", "URL", 0.5, "UrlRecognizer")]) == []
    assert found("see x.com/a", [hit("see x.com/a", "x.com/a", "URL", 0.5, "UrlRecognizer")]) == [("URL", "x.com/a")]


def test_names_are_joined_over_a_full_stop_only_behind_an_initial_or_a_short_title() -> None:
    text = "Ask Marta. Jan Kos knows, Wm. Penn too"
    hits = [hit(text, name, "PERSON") for name in ("Marta", "Jan Kos", "Wm", "Penn")]
    assert found(text, hits) == [("PERSON", "Marta"), ("PERSON", "Jan Kos"), ("PERSON", "Wm. Penn")]


def test_nonsense_may_ask_a_check() -> None:
    rules = load_resolution(
        [RulesFile("ours.yaml", "resolution: {nonsense: {Card: {of: [CASE_NUMBER], check: luhn}}}")]
    )
    spans = [Span(0, 16, "CASE_NUMBER", 0.9, "Ours")]
    assert resolve("4111111111111111", spans, rules=rules) == ()
    assert resolve("4111111111111112", spans, rules=rules) == tuple(spans)


# ---- wrong files ----


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("resolution: {treshold: {}}", "resolution.treshold"),
        ("resolution: {thresholds: {US_SSN: 2}}", "resolution.thresholds.US_SSN"),
        ("resolution: {thresholds: {us ssn: 0.5}}", "resolution.thresholds.us ssn"),
        ("resolution: {allow: [{of: [PERSON]}]}", "resolution.allow.0"),
        ("resolution: {allow: [{patterns: ['canary(']}]}", "resolution.allow.0.patterns.0"),
        ("resolution: {deny: [{values: [canary]}]}", "resolution.deny.0.entity_type"),
        ("resolution: {deny: [{entity_type: X, values: ['--canary', '--']}]}", "resolution.deny.0"),
        (
            "resolution: {deny: [{entity_type: X, hashed: {salt: canary, digests: []}}]}",
            "resolution.deny.0.hashed.salt",
        ),
        ("resolution: {hot_words: [{of: [X], words: [a], raise_by: 0.1, raise_to: 0.2}]}", "resolution.hot_words.0"),
        ("resolution: {exclusion_words: [{of: [X], words: []}]}", "resolution.exclusion_words.0.words"),
        ("resolution: {nonsense: {A: {of: [X]}}}", "resolution.nonsense.A"),
        ("resolution: {nonsense: {A: {of: [X], check: luhm}}}", "resolution.nonsense.A.check"),
        ("resolution: {merge: {A: {of: [X], into: x, between: ' '}}}", "resolution.merge.A.into"),
        ("resolution: [canary]", "resolution"),
        (
            "resolution:\n  allow: []\n  deny:\n  - entity_type: X\n    values: [1]\n",
            "line 5: resolution.deny.0.values.0",
        ),
        ("resolution:\n  nonsense:\n    CardInFractoin: null\n", "line 3: resolution.nonsense.CardInFractoin"),
        ("version: 1\nresolution: {}", "line 1: unknown key version"),
        ("resolutions: {}", "unknown key resolutions"),
        ("canary-7: {}", "unknown key"),
        ("- resolution", "no resolution"),
        ("resolution: {allow: [canary", "line 1"),
        ("resolution: {thresholds: {A: 0.1, A: 0.2}}", "a key is given twice"),
    ],
)
def test_a_wrong_file_is_told_with_its_place_and_without_its_values(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        load_resolution([RulesFile("ours.yaml", text)])
    assert told in error.value.message and "ours.yaml" in error.value.message
    assert "canary" not in str(error.value) and error.value.hint
    assert error.value.__context__ is None
