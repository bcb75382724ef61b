"""Value-free facts about one value, counted for each column: the ground on which a column's name is believed.

``traits(value)`` names the facts; only their counts leave this module.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

import yaml

from clearance.classifiers.checks import luhn_fits, vin_check_digit_fits

#: Patterns of a whole value, but for those of streets; ``column_traits`` runs them in RE2 as well: nothing in them that
#: RE2 does not know.
INTEGER = re.compile(r"[+-]?\d+(?:\.0+)?", re.ASCII)
NUMBER = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?", re.ASCII)
#: An age that was worked out from two dates: with decimals, as no count of years has them.
AGE_FRACTION = re.compile(r"\+?(?:[0-9]{1,2}|1[01][0-9]|12[0-4])\.[0-9]+", re.ASCII)
AGE_RANGE = re.compile(r"\d{1,3} ?(?:-|–|to) ?\d{1,3}|\d{1,3}\+|[<>]=? ?\d{1,3}", re.ASCII)
DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    r"|\d{1,2}[- ][A-Za-z]{3,9}[- ,]{1,2}\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?:[T ][0-9:.]{4,15}.{0,6})?",
    re.ASCII,
)
IPISH = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d{1,5})?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*", re.ASCII)
CARD_GROUPS = re.compile(
    r"\d{4} (?:\d{4} \d{4} \d{1,7}|\d{6} \d{4,5})|\d{4}-(?:\d{4}-\d{4}-\d{1,7}|\d{6}-\d{4,5})", re.ASCII
)
# A street with its house number, behind it as in most of Europe or before it; only where the column's name says street.
HOUSED = re.compile(r"[^\W\d_][^\d]{2,48}\d{1,5} ?[a-zA-Z]?\.?(?:[ ,/-].{0,48})?|\d{1,5} ?[a-zA-Z]?,? [^\W\d_].{2,60}")
MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}", re.ASCII)
#: How Brazil writes postcodes, and nobody a phone number.
POSTCODE_OF_EIGHT = re.compile(r"\d{5}-\d{3}", re.ASCII)
#: Digits in the groups that somebody's numbering plan has: behind a plus, a zero or a bracket whatever they are, else
#: as in North America, Brazil, Mexico, India, China, Russia, and in pairs and threes as in much of Europe.
PHONE_GROUPS = re.compile(
    r"[+0(].*|(?:1[ \-.]?)?[2-9]\d{2}[ \-./]{1,2}\d{3}[ \-.]?\d{4}|[2-9]\d{2}[ \-.]\d{4}|\d{2}(?:[ .\-]\d{2}){3,4}"
    r"|[5-9]\d{2}[ .\-]\d{3}[ .\-]\d{3}|[2-9]\d{2} \d{2} \d{3}|\d{3}[ .\-]?\d{2,3}(?:[ .\-]\d{2}){2}"
    r"|[6-9]\d{4}[ \-]\d{5}"
    r"|[3689]\d{3}[ \-]\d{4}|(?:\d{2}[ \-])?9\d{4}-\d{4}|[1-9]\d[ \-.]\d{4}[ \-.]\d{4}|1[3-9]\d[ \-]\d{4}[ \-]\d{4}"
    r"|\d{1,3}[ \-.]\(?\d{2,4}\)?[ \-.]\d{3,5}[ \-.]?\d{3,5}(?:[ \-.]\d{2})?"
    r"|[78][ \-(]{1,2}\d{3}[ \-)]{1,2}\d{3}(?:[ \-]?\d{2}){2}",
    re.ASCII,
)
#: A phone number as ITU-T E.164 has it; as a number of its own it is an integer too.
PLUS = re.compile(r"\+\d{7,15}", re.ASCII)
#: Bank, country, place and branch (ISO 9362); many a word in capitals looks like it too.
BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
#: Seconds or milliseconds since 1970, of the years 2001 to 2033.
EPOCH = re.compile(r"1\d{9}(?:\d{3})?", re.ASCII)
#: As long as MD5, SHA-1, SHA-256 and SHA-512 in hexadecimal.
HASH = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}", re.ASCII)
#: A form of address before a name.
TITLED = re.compile(
    r"(?i:dr|mr|mrs|ms|miss|mx|prof|professor|doctor|herr|frau|mme|mlle|monsieur|madame|sig|signora?|sra?|srta|dott|dra"
    r"|judge|rev)\.? .*"
)
#: A full name that begins or ends with a word for a place or a thing, as no person's does, or few.
THING_NAME = re.compile(
    r"(?i:(?:old|new|upper|lower|north|south|east|west|northern|southern|eastern|western|central|great|little|big|grand"
    r"|royal|city|town|mount|lake|river|port|fort|cape|isle|hotel|cafe|casa|villa|hurricane|typhoon|cyclone|tropical|storm"
    r"|operation|the|smart|ultra|super|premium|deluxe|classic"
    r"|organic|wireless|digital|electric|portable|wooden|leather|cotton|steel|stone|golden|silver|black|white|red|blue"
    r"|green|yellow|grey|gray|pink"
    r"|banque|banco|banca|bank|caisse|caja|cassa|credit|credito|societe|compagnie|institut|instituto|istituto|ecole"
    r"|escuela|escola|colegio|lycee|liceo|universite|universidad|universidade|universita|hopital|hospital|ospedale"
    r"|clinique|clinica|klinik|krankenhaus|pharmacie|farmacia|ristorante|musee|museo|eglise|iglesia|chiesa|gare"
    r"|estacion|estacao|stazione|aeroport|aeropuerto|aeroporto|parque|parc|parco|playa|plage|rue|calle|rua|avenida"
    r"|avenue|piazza|barrio) .*|.* (?:gate|pier|hill|quarry|pond|weir|bridge|street|road|lane|avenue|square|park"
    r"|valley|lake|river|island|beach|bay|harbou?r|port|station|airport|airpark|airfield|municipal|regional|international|intl|county|terminal|tower|house|castle|church|school|college"
    r"|university|academy|hospital|clinic|hotel|inn|resort|restaurant|cafe|pub|club|gym|shop|store|market|mall|cent(?:er|re)"
    r"|plaza|gardens?|farm|forest|mill|mine|plant|factory|works|depot|warehouse|office|building|apartments|heights"
    r"|reserve|museum|library|theat(?:er|re)|cinema|stadium|arena|chair|table|desk|lamp|sofa|mattress|shelf|cabinet|phone"
    r"|laptop|tablet|monitor|keyboard|mouse|printer|camera|headphones|speaker|cable|charger|battery|watch|shirt|shoes"
    r"|boots|jacket|dress|jeans|hat|bag|backpack|wallet|bottle|mug|knife|kit|cream|soap|shampoo|coffee|chocolate|cheese"
    r"|bread|juice|milk|sauce|salad|soup|pizza|burger|sandwich|beer|bike|truck|pump|valve|filter|motor|engine|drill"
    r"|software|app|service|plan|system|edition|series|plus|group|team|league|fund|bank|insurance|bankasi|hastanesi|okulu|lisesi|universitesi|oteli|gmbh|ltda|srl|sarl))"
)
#: One word of a family name, and one to three initials before or behind it: L. Messi, J.-P. de la Cruz, AARONSON,L.H.
_FAMILY = r"[A-Z](?:[^\W\d_]|['’]){2,}(?:[ \-][A-Z](?:[^\W\d_]|['’])+){0,2}"
INITIALLED = re.compile(
    rf"(?:[A-Z]\. ?-?){{1,3}}(?:[a-z]{{1,3}} ){{0,2}}{_FAMILY}|{_FAMILY}(?:, ?| )(?:[A-Z]\.[ \-]?){{1,3}}"
)
NAME_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.\-])*")
_STREET_WORDS = (
    r"\b(?:st|street|ave|avenue|rd|road|blvd|boulevard|ln|lane|dr|drive|ct|court|way|pl|place|sq|square|ter|terrace|pkwy|parkway|cir|circle|hwy|highway|trail|crossing|plaza|alley|row|close|crescent"
    r"|point|park|hill|pass|junction|center|box|rue|via|calle|weg|straße|strasse|str)\b"
)
STREET_WORD = re.compile(_STREET_WORDS, re.IGNORECASE)
#: Too slow for ``re`` in a text of many digits: there :func:`has_street` says the same.
STREET = re.compile(rf"(?:\d+[\w\-/]*|(?:p\.? ?o\.? ?)box\b).{{0,40}}{_STREET_WORDS}", re.IGNORECASE)
# What stands before the street word, read backwards from it.
_BEFORE_STREET_WORD = re.compile(r".{0,40}(?:[\w\-/]*\d|\bxob ?\.?o ?\.?p)", re.IGNORECASE)
# Chinese and Korean names: one of the usual family names (nine people in ten have one of them) and one or two
# syllables, without a space.
_HAN_FAMILIES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾"
    "夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤張劉陳楊黃趙孫馬鄭謝許韓馮鄧蕭葉蘇呂盧鐘譚陸賈韋鄒"
)
_HANGUL_FAMILIES = (
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허남심노하곽성차주우구민유나진지엄채원천방공현함변염여추"
)
#: Words written small inside full names: Hannah van den Berg, Maria da Silva, Antonio del Valle.
PARTICLES = frozenset(
    ["van", "de", "der", "den", "von", "zu", "vom", "ten", "ter", "da", "do", "dos", "das", "di", "del", "della"]
) | frozenset(["dalla", "la", "le", "las", "los", "du", "des", "bin", "bint", "ibn", "al", "el", "y", "e", "af", "av"])
#: What the words of a full name are, one letter each: capital, particle.
_FULL_NAME = re.compile(r"C{2,4}|CC?p{1,2}C{1,2}")
UNSPACED_NAME = re.compile(rf"[{_HAN_FAMILIES}][\u4e00-\u9fff]{{1,2}}|[{_HANGUL_FAMILIES}][\uac00-\ud7a3]{{2}}")
FLAGS = frozenset(["0", "1", "y", "n", "yes", "no", "true", "false", "t", "f"])
_GENDER_WORDS = (
    "male female man woman boy girl men women non-binary nonbinary genderqueer genderfluid agender bigender polygender"
    " transgender trans intersex männlich maennlich weiblich divers mann frau homme femme masculin féminin feminin"
    " hombre mujer masculino femenino homem mulher feminino maschio femmina uomo donna vrouw kvinna kvinde kvinne"
    " mężczyzna kobieta erkek kadın мужской женский 男 女 男性 女性 남 여 남성 여성"
)
GENDERS = frozenset(_GENDER_WORDS.split())
#: Longer values have only the traits ``texty`` and ``long``.
LONG = 120
_SEPARATORS = re.compile(r"[ \-.()/+\u00a0]")


#: So much of a value counts for its shape.
SHAPE_CHARACTERS = 24


class _Shapes(dict[int, str]):
    """Code point -> what it looks like; ASCII is remembered."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isalpha():
            return "A"
        if character.isdigit():
            return "9"
        return character if character in "-./:@+ " else "?"


SHAPES = _Shapes()
SHAPES.update({code: SHAPES[code] for code in range(128)})


def is_texty(value: str) -> bool:
    """Whether a value reads like text: four words or more, three of them with letters.

    A property of the value alone, so that every partition, run and re-scan decides alike.
    """
    # Nearly all text tells within its first words; one cut off at the end of the beginning is left out.
    if len(value) > 400 and (_reads_like_text(value[:60].split()[:-1]) or _reads_like_text(value[:400].split()[:-1])):
        return True
    return _reads_like_text(value.split(maxsplit=400))


def _reads_like_text(words: Sequence[str]) -> bool:
    if len(words) < 4:
        return False
    with_letters = 0
    for word in words:  # text tells by its first three
        if word.isalpha() or any(map(str.isalpha, word)):
            with_letters += 1
            if with_letters == 3:
                return True
    return False


def shape(value: str) -> str:
    """What a value looks like, at most 24 characters: letters A, digits 9, ``-./:@+`` and space kept as themselves."""
    return value[:SHAPE_CHARACTERS].translate(SHAPES)


def traits(value: str) -> list[str]:
    """Facts that hold for a value; an empty list for a blank one. Long values have only ``texty`` and ``long``."""
    text = value.strip()
    if not text:
        return []
    found = ["texty"] if is_texty(text) else []
    if len(text) > LONG:
        return [*found, "long"]
    lower = text.lower()
    bare = _SEPARATORS.sub("", text)
    digits = sum(character.isdecimal() for character in text)
    letters = sum(character.isalpha() for character in text)
    if lower in FLAGS:
        found.append("flag")
    if len(text) <= 24:
        found.append("short")
    if INTEGER.fullmatch(text):
        found.append("integer")
        bare = text.partition(".")[0].lstrip("+-")
        digits = len(bare)
        if digits <= 3 and int(bare) <= 125 and not text.startswith("-"):
            found.append("age")
    elif NUMBER.fullmatch(text):
        return [*found, "fraction", *(["age_fraction"] if AGE_FRACTION.fullmatch(text) else [])]
    if AGE_RANGE.fullmatch(lower):
        found.append("age")
    if bare.isascii() and bare.isdigit():
        separated = bare != text and "integer" not in found
        found += _number_traits(text, bare, separated=separated)
    if DATE.fullmatch(text):
        found.append("date")
    if IPISH.fullmatch(text):
        found.append("ip")
    if MAC.fullmatch(text):
        found.append("mac")
    if "@" in text:
        found.append("at")
    if lower in GENDERS:
        found.append("gender_word")
    found += _code_traits(text, bare, letters, digits)
    return found


def _number_traits(text: str, bare: str, *, separated: bool) -> list[str]:
    """Facts about a value that is all digits, but for separators; ``bare`` is it without them."""
    found = []
    length = len(bare)
    if 12 <= length <= 19:
        found.append("card")
        if luhn_fits(bare):
            found.append("luhn")
            if CARD_GROUPS.fullmatch(text):
                found.append("card_written")
    if 7 <= length <= 9:
        found.append("ssn")
    if length == 9:
        found.append("nine")
    if 7 <= length <= 15 and not POSTCODE_OF_EIGHT.fullmatch(text):
        found.append("phone")
        if (separated and PHONE_GROUPS.fullmatch(text)) or PLUS.fullmatch(text):
            found.append("phone_formatted")
    if 5 <= length <= 17:
        found.append("account")
    if not separated and EPOCH.fullmatch(bare):
        found.append("epoch")
    return found


def _code_traits(text: str, bare: str, letters: int, digits: int) -> list[str]:
    """Facts about names, addresses and codes of letters and digits."""
    found = []
    words = text.split()
    if not digits and 1 <= len(words) <= 5 and len(text) <= 60 and _is_name(words):
        found.append("personish")
        if len(words) == 1 and is_somebody(text):
            found.append("given_name")
        if len(words) == 1 and is_surname(text):
            found.append("surname")
        if _is_full_name(words) or UNSPACED_NAME.fullmatch(text):
            found.append("fullname")
            if is_somebody(text):
                found.append("somebody")
            elif text.isascii():
                found.append("unknown_name")
                if THING_NAME.fullmatch(text):
                    found.append("thing_name")
    if not digits and len(text) <= 60 and INITIALLED.fullmatch(text):
        found.append("initialled")
    if letters >= 2 and (digits or len(words) >= 2):
        found.append("addressish")
    street = has_street(text)
    if street:
        found.append("street")
    if street or HOUSED.fullmatch(text):
        found.append("housed")
    if bare.isalnum() and 4 <= len(bare) <= 20 and digits >= 3:
        found.append("code")
    if bare.isalnum() and 4 <= len(bare) <= 10 and digits and letters:
        found.append("plate")
    if BIC.fullmatch(text):
        found.append("bic")
    if HASH.fullmatch(text):
        found.append("hash")
    if bare.isalnum() and 15 <= len(bare) <= 34 and bare[:2].isalpha() and bare[2:4].isdigit():
        found.append("iban")
    if len(text) == 17 and text.isalnum() and digits >= 3:
        found.append("vin")
        if vin_check_digit_fits(text):
            found.append("vin_checked")
    if len(words) == 1 and len(text) >= 4:
        found.append("secretish")
        if len(text) >= 16 and letters and digits:
            found.append("long_secret")
    if len(words) == 1 and 3 <= len(text) <= 32 and letters and "@" not in text and ":" not in text:
        found.append("handle")
    if letters and not digits:
        found.append("wordish")
    return found


def has_street(text: str) -> bool:
    """Whether STREET is somewhere in a text: a word for a street, and close before it a number or a post box."""
    return any(_BEFORE_STREET_WORD.match(text[: word.start()][::-1]) for word in STREET_WORD.finditer(text))


@lru_cache(maxsize=1)
def given_names() -> frozenset[str]:
    """Usual given names, without accents and in lower case."""
    return _names_in("given_names")


@lru_cache(maxsize=1)
def surnames() -> frozenset[str]:
    """Usual family names, without accents and in lower case."""
    return _names_in("surnames")


def _names_in(name: str) -> frozenset[str]:
    text = resources.files("clearance.classifiers").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return frozenset(yaml.safe_load(text)[name].split())


def is_somebody(text: str) -> bool:
    """Whether a name begins with a form of address, begins or ends with a usual given name, or ends with a usual family
    name behind another word."""
    lower = _folded(text)
    first, last = lower.split(" ", 1)[0].strip(","), lower.rsplit(" ", 1)[-1].strip(",")
    return (
        first in given_names()
        or last in given_names()
        or (first != last and last in surnames() and THING_NAME.fullmatch(text) is None)
        or TITLED.fullmatch(text) is not None
    )


def is_surname(text: str) -> bool:
    """Whether one word is a usual family name."""
    return _folded(text).strip(",") in surnames()


def _folded(text: str) -> str:
    """A name as the lists write it."""
    lower = text.lower()
    if text.isascii():
        return lower
    return "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))


def _begins_a_name(word: str) -> bool:
    """With a capital, or in a script that has none (Korean names are written in one word)."""
    first = word[0]
    without_case = first.isalpha() and first.lower() == first.upper()
    return first.isupper() or (without_case and not "\uac00" <= first <= "\ud7a3")


def _is_full_name(words: list[str]) -> bool:
    if not 2 <= len(words) <= 5:
        return False
    kinds = ("C" if _begins_a_name(word) else "p" if word in PARTICLES else "x" for word in words)
    return _FULL_NAME.fullmatch("".join(kinds)) is not None


def _is_name(words: list[str]) -> bool:
    return all(NAME_WORD.fullmatch(word.strip(",")) for word in words)
