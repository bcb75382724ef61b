"""One canonical form for the many ways one value is written, so that its tokens join.

A rule is a name with a version, and goes into the token's input: the output of ``email/1`` is frozen by
golden vectors, a better rule is ``email/2`` beside it, and tokens of two rules never join by halves. A value
its type's rule can't read falls back to a simpler rule, which is part of the format too: every value has a
token.
"""

import re
import unicodedata
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from clearance.tokenization.phone import e164

# Unicode White_Space, the C0 separators, and the invisible marks that come with copied text. Spelled out,
# because `str.strip` follows the interpreter's Unicode tables.
_EDGE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff\u200b\u200c\u200d\u2060\u200e\u200f"
)
_BLANKS = re.compile(f"[{_EDGE}]+")
_EMAIL = re.compile(f"[^{_EDGE}<>]+@[^{_EDGE}<>@]+")
_ISO_DATE = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+]00:?00)?)?")
# One or two zeros, as floats and amounts are printed; four would be the end of a phone number.
_FLOAT_OF_INTEGER = re.compile(r"([0-9]{5,})\.0{1,2}")
# Digits of these types when written in full: numeric columns lose the zeros in front.
_WIDTHS = {"US_SSN": 9, "ABA_ROUTING_NUMBER": 9}


def ascii_digits(value: str) -> str:
    """NFKC with every decimal digit, of whatever script, as 0-9."""
    if value.isascii():
        return value
    folded = unicodedata.normalize("NFKC", value)
    return "".join(str(unicodedata.digit(c)) if unicodedata.category(c) == "Nd" else c for c in folded)


def _plain(value: str, _entity_type: str, _region: str) -> str:
    """plain/1: NFC, no blanks at the ends. Case and everything inside stay."""
    return (value if value.isascii() else unicodedata.normalize("NFC", value)).strip(_EDGE)


def _email(value: str, _entity_type: str, _region: str) -> str | None:
    """email/1: NFKC, lower case, without ``mailto:``, angle brackets and a final dot."""
    if not value.isascii():
        value = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).lower())
    text = value.strip(_EDGE).lower()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip(_EDGE)
    text = text.removeprefix("mailto:").rstrip(".")
    return text if _EMAIL.fullmatch(text) else None


def _phone(value: str, _entity_type: str, region: str) -> str | None:
    """phone/1: E.164 (``+14155550132``, an extension as ``;ext=12``), national numbers read in ``region``."""
    return e164(_whole_number(ascii_digits(value).strip(_EDGE)), region)


def _identifier(value: str, entity_type: str, _region: str) -> str | None:
    """id/1: letters and digits only, upper case; zeros in front restored where the type's length is fixed."""
    text = _whole_number(ascii_digits(value).strip(_EDGE))
    text = "".join(c for c in unicodedata.normalize("NFKC", text.upper()) if c.isalnum())
    width = _WIDTHS.get(entity_type, 0)
    if len(text) in (width - 1, width - 2) and text.isascii() and text.isdigit():
        text = text.zfill(width)
    return text or None


def _name(value: str, _entity_type: str, _region: str) -> str | None:
    """name/1: NFKC, lower case, one space for each run of blanks."""
    if not value.isascii():
        value = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).lower())
    return _BLANKS.sub(" ", value.strip(_EDGE).lower()) or None


def _address(value: str, _entity_type: str, _region: str) -> str | None:
    """ip/1: the address's bytes in hexadecimal, ``4:`` or ``6:`` in front, an IPv6 zone behind."""
    text = ascii_digits(value).strip(_EDGE)
    try:
        return f"4:{IPv4Address(text).packed.hex()}"
    except AddressValueError:
        pass
    try:
        address, _, zone = text.strip("[]").partition("%")
        return f"6:{IPv6Address(address).packed.hex()}" + (f"%{zone}" if zone else "")
    except AddressValueError:
        return None


def _whole_number(text: str) -> str:
    """``4111111111111111.0``, as integers look after a pass through a float column, without its fraction."""
    match = _FLOAT_OF_INTEGER.fullmatch(text)
    return match[1] if match else text


def _date(value: str, _entity_type: str, _region: str) -> str | None:
    """date/1: ``1990-03-12``, from ISO order alone; a midnight behind it, as timestamps have, is dropped."""
    match = _ISO_DATE.fullmatch(ascii_digits(value).strip(_EDGE))
    return f"{match[1]}-{match[3]}-{match[4]}" if match else None


Rule = Callable[[str, str, str], str | None]

_RULES: dict[str, tuple[tuple[str, Rule], ...]] = {
    "email": (("email/1", _email), ("plain/1", _plain)),
    "phone": (("phone/1", _phone), ("id/1", _identifier), ("plain/1", _plain)),
    "id": (("id/1", _identifier), ("plain/1", _plain)),
    "name": (("name/1", _name), ("plain/1", _plain)),
    "ip": (("ip/1", _address), ("plain/1", _plain)),
    "date": (("date/1", _date), ("plain/1", _plain)),
    "plain": (("plain/1", _plain),),
}

_FAMILIES = {
    "email": "EMAIL_ADDRESS EMAIL",
    "phone": "PHONE_NUMBER ZA_MOBILE_NUMBER ZA_TELEPHONE_NUMBER",
    "name": "PERSON LOCATION CITY STATE STREET_ADDRESS ORGANIZATION NRP",
    "ip": "IP_ADDRESS",
    "date": "DATE_OF_BIRTH PERSONAL_DATE DATE_TIME",
    "id": """
        BANK_ACCOUNT DRIVERS_LICENSE DRIVER_LICENSE GOVERNMENT_ID LICENSE_PLATE NATIONAL_ID PASSPORT ROUTING_NUMBER
        TAX_ID ZIP ZIP_CODE
        ABA_ROUTING_NUMBER AU_ABN AU_ACN AU_MEDICARE AU_TFN CA_POSTAL_CODE CA_SIN CREDIT_CARD DE_BSNR
        DE_FUEHRERSCHEIN DE_HANDELSREGISTER DE_HEALTH_INSURANCE DE_ID_CARD DE_KFZ DE_LANR DE_PASSPORT DE_PLZ
        DE_SOCIAL_SECURITY DE_TAX_ID DE_TAX_NUMBER DE_VAT_ID ES_NIE ES_NIF ES_PASSPORT
        FI_PERSONAL_IDENTITY_CODE IBAN_CODE IN_AADHAAR IN_GSTIN IN_PAN IN_PASSPORT IN_VEHICLE_REGISTRATION
        IN_VOTER IT_DRIVER_LICENSE IT_FISCAL_CODE IT_IDENTITY_CARD IT_PASSPORT IT_VAT_CODE KR_BRN
        KR_DRIVER_LICENSE KR_FRN KR_PASSPORT KR_RRN MAC_ADDRESS MEDICAL_LICENSE MEDICAL_RECORD_NUMBER NG_NIN
        NG_VEHICLE_REGISTRATION PH_PASSPORT PH_TIN PH_UMID PL_PESEL SE_ORGANISATIONSNUMMER SE_PERSONNUMMER
        SG_NRIC_FIN SG_UEN TH_TNIN TR_LICENSE_PLATE TR_NATIONAL_ID UK_DRIVING_LICENCE UK_NHS UK_NINO
        UK_PASSPORT UK_POSTCODE UK_VEHICLE_REGISTRATION US_BANK_NUMBER US_CLAIM_NUMBER US_DRIVER_LICENSE
        US_HEALTH_INSURANCE_MEMBER_ID US_ITIN US_MBI US_NPI US_PASSPORT US_PRESCRIPTION_NUMBER
        US_PRIOR_AUTHORIZATION_NUMBER US_PROVIDER_TAX_ID US_REFERRAL_NUMBER US_SSN UUID VIN
        ZA_COMPANY_REGISTRATION ZA_DRIVER_LICENSE ZA_ID_NUMBER ZA_INCOME_TAX_NUMBER ZA_LICENSE_PLATE
        ZA_PASSPORT ZA_TRAFFIC_REGISTER_NUMBER ZA_VAT_NUMBER
    """,
}
# Frozen like the rules: moving a type to another family changes its tokens.
_FAMILY_OF = {entity_type: family for family, types in _FAMILIES.items() for entity_type in types.split()}
_REGION_OF = {"ZA_MOBILE_NUMBER": "ZA", "ZA_TELEPHONE_NUMBER": "ZA"}


def family_of(entity_type: str) -> str:
    """The family of rules a type's values are read by; ``plain`` for any type not named here."""
    return _FAMILY_OF.get(entity_type, "plain")


def width_of(entity_type: str) -> int:
    """Digits a value of this type has when written in full, 0 when that differs."""
    return _WIDTHS.get(entity_type, 0)


def region_of(entity_type: str, region: str) -> str:
    """Where numbers of this type are dialled: the type's own country if it has one, else ``region``."""
    return _REGION_OF.get(entity_type, region)


def normalize(value: str, entity_type: str, region: str = "US") -> tuple[str, str]:
    """(rule that could read the value, canonical form). Every value has one, the empty one too.

    ``region`` (ISO 3166-1 alpha-2) is where a phone number without a country code is dialled.
    """
    region = region_of(entity_type, region)
    for name, rule in _RULES[family_of(entity_type)]:
        canonical = rule(value, entity_type, region)
        if canonical is not None:
            return name, canonical
    raise AssertionError("plain/1 reads everything")
