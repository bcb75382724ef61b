"""The one table that all detection benchmarks measure on: twelve columns, made up, the same for the same seed.

    python benchmarks/mixed_table.py --rows 1000000 --to /tmp/mixed

What repeats decides what a scan costs, so here it is, as distinct values over rows (of 100,000; of 1,000,000):

==========  ================================================  ================
column      values                                            distinct share
==========  ================================================  ================
id          bigint, the row's number                          1; 1
email       ``given.surname<number>@example.com|net|org``     1; 1
card        16 digits, Luhn-valid, written without spaces     1; 1
ssn         ``ddd-dd-dddd``                                   1; 1
phone       exchange 555 of real areas, in three styles       1; 1
iban        German, valid check digits                        1; 1
full_name   given name, initial, surname                      1; 1
city        40 cities                                         0.0004; 0.00004
country     12 countries                                      0.00012; 0.000012
status      4 words                                           0.00004; 0.000004
amount      decimal(10,2) below 2,500                         0.82; 0.25
note        60 characters of words; one in ten holds an       1; 1
            e-mail address and one in twenty a phone number
==========  ================================================  ================

Every value is a function of seed and row number alone: parts made apart are the parts of the whole. Columns that say
1 stay distinct up to 1,200,000 rows.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Rows written to one file, so that Spark can read on all its cores.
ROWS_A_FILE = 62_500


def _listed(words: str, separator: str = " ") -> list[str]:
    return words.split(separator)


_GIVEN = _listed(
    "Alba Anton Bela Bruno Cara Cyril Dora Dario Edda Emil Fina Falk Gesa Gero Hanna Henk Ida Ivo Jana Jonas Kira Karl"
    " Lena Leo Mara Milo Nora Nils Olga Otto Pia Paul Rita Rolf Sara Sven Tara Theo Uma Veit Vera Wim Xenia Yann Zoe"
    " Abel Berta Claus Dana Eddy Flora Gus Hella Igor Jutta Knut Lola Max Nele Orla Pepe Romy Sami Tilda"
)
_SYLLABLES = _listed(
    "Ash Bran Cal Dor Elm Fen Gar Hol Ing Jar Kel Lor Mal Nor Oak Pel Quin Ros Sil Tor Ul Var Wen Yar Zel"
)
_ENDINGS = _listed(
    "bach berg brook burn by cott dale den field ford gate ham hurst land ley low man mere mond ner rick ridge sen ston"
    " stow ton vale ville wald well wick win wood worth wyn"
)
_AREAS = _listed(
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252"
    " 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320"
    " 321 323 325 330 334 336 337 339 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417"
    " 419 423 424 425 432 434 435 440 443 469 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517"
    " 518 520 530 540 541 551 559 561 562 563"
)
_CITIES = _listed(
    "Aachen;Bergen;Bilbao;Boston;Bristol;Brno;Cork;Dallas;Denver;Dresden;Dublin;Gdansk;Geneva;Genoa;Ghent;Graz;Hamburg;"
    "Kyoto;Leeds;Leipzig;Lima;Lisbon;Lyon;Madrid;Malaga;Malmo;Miami;Milan;Nantes;New York;Oslo;Ottawa;Porto;Quito;"
    "San Diego;Seville;Tampa;Turin;Utrecht;Zurich",
    ";",
)
_COUNTRIES = _listed(
    "Germany;France;Spain;Italy;Norway;Portugal;Ireland;United Kingdom;United States;Canada;Japan;Peru",
    ";",
)
_STATUS = ("open", "closed", "pending", "on hold")
_WORDS = _listed(
    "the order was late and will be sent again box with red cover returned after two weeks but seal is not broken so"
    " refund goes back when goods are in stock please check label before next round of packing item seems damaged from"
    " rain left at desk during lunch crew asked for new parts since old ones do not fit frame"
)

Numbers = npt.NDArray[np.uint64]


def arrow_table(rows: int, seed: int = 7, *, start: int = 0) -> pa.Table:
    """Rows ``start`` to ``start + rows`` of the table. Raises ValueError where columns would stop being distinct."""
    if start + rows > 1_200_000:
        raise ValueError("distinct columns repeat beyond 1,200,000 rows")
    row = np.arange(start, start + rows, dtype=np.uint64)
    person = _spread(row, len(_GIVEN) * 26 * len(_SYLLABLES) * len(_ENDINGS), seed)
    given, rest = _pick(_GIVEN, person), person // np.uint64(len(_GIVEN))
    initial, rest = _pick([chr(65 + i) for i in range(26)], rest), rest // np.uint64(26)
    surname = _join(_pick(_SYLLABLES, rest), _pick(_ENDINGS, rest // np.uint64(len(_SYLLABLES))))
    domain = _pick(["@example.com", "@example.net", "@example.org"], _mixed(row, seed, 1))
    email = _join(pc.ascii_lower(given), ".", pc.ascii_lower(surname), _digits(row), domain)
    phone = _phones(_spread(row, len(_AREAS) * 10_000, seed))
    return pa.table(
        {
            "id": pa.array(row.astype(np.int64)),
            "email": email,
            "card": _cards(_spread(row, 10**9, seed)),
            "ssn": _ssns(_spread(row, 600 * 99 * 9_999, seed)),
            "phone": phone,
            "iban": _ibans(_spread(row, 10**10, seed)),
            "full_name": _join(given, " ", initial, ". ", surname),
            "city": _pick(_CITIES, _mixed(row, seed, 2)),
            "country": _pick(_COUNTRIES, _mixed(row, seed, 3)),
            "status": _pick(_STATUS, _mixed(row, seed, 4)),
            "amount": _amounts(_mixed(row, seed, 5)),
            "note": _notes(row, seed, email, phone),
        }
    )


def write_delta(rows: int, path: str, seed: int = 7) -> str:
    """Writes the table as Delta, several files of at most ROWS_A_FILE rows; returns ``path``."""
    from deltalake import write_deltalake

    each = min(ROWS_A_FILE, -(-rows // 8))
    for start in range(0, rows, each):
        write_deltalake(path, arrow_table(min(each, rows - start), seed, start=start), mode="append")
    return path


def _spread(row: Numbers, size: int, seed: int) -> Numbers:
    """Distinct numbers below ``size`` for distinct rows below it, in no visible order."""
    # A prime larger than any size's factors is coprime to it; the product stays below 2**64.
    return (row * np.uint64(7_368_787) + np.uint64(seed * 1_000_003)) % np.uint64(size)


def _mixed(row: Numbers, seed: int, stream: int) -> Numbers:
    """Random numbers that depend on row, seed and stream alone: SplitMix64 (Steele et al. 2014)."""
    z = (row + np.uint64((seed * 64 + stream) << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _pick(words: Sequence[str], numbers: Numbers) -> pa.Array:
    return pa.array(words).take(pa.array(numbers % np.uint64(len(words))))


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _digits(numbers: Numbers, width: int = 1) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def _cards(numbers: Numbers) -> pa.Array:
    body = np.uint64(400_000 * 10**9) + numbers
    total = np.zeros(len(body), dtype=np.uint64)
    rest = body
    for place in range(15):
        digit = rest % np.uint64(10)
        rest = rest // np.uint64(10)
        if place % 2 == 0:
            digit = digit * np.uint64(2)
            digit -= np.uint64(9) * (digit > 9).astype(np.uint64)
        total += digit
    check = (np.uint64(10) - total % np.uint64(10)) % np.uint64(10)
    return _digits(body * np.uint64(10) + check)


def _ssns(numbers: Numbers) -> pa.Array:
    serial, rest = numbers % np.uint64(9_999), numbers // np.uint64(9_999)
    group, area = rest % np.uint64(99), rest // np.uint64(99)
    return _join(
        _digits(area + np.uint64(1), 3), "-", _digits(group + np.uint64(1), 2), "-", _digits(serial + np.uint64(1), 4)
    )


def _phones(numbers: Numbers) -> pa.Array:
    line, area = _digits(numbers % np.uint64(10_000), 4), _pick(_AREAS, numbers // np.uint64(10_000))
    style = pa.array((numbers % np.uint64(3)).astype(np.int64))
    return pc.choose(
        style, _join("(", area, ") 555-", line), _join("+1 ", area, " 555 ", line), _join(area, "-555-", line)
    )


def _ibans(numbers: Numbers) -> pa.Array:
    """ISO 13616: check digits over bank code, account, ``DE`` as 1314 and ``00``, modulo 97."""
    account = np.uint64(99_999_999 * 10**10) + numbers
    check = np.uint64(98) - (account % np.uint64(97) * np.uint64(10**6) + np.uint64(131_400)) % np.uint64(97)
    return _join("DE", _digits(check, 2), _digits(account))


def _amounts(numbers: Numbers) -> pa.Array:
    cents = numbers % np.uint64(250_000)
    written = _join(_digits(cents // np.uint64(100)), ".", _digits(cents % np.uint64(100), 2))
    return written.cast(pa.decimal128(10, 2))


def _notes(row: Numbers, seed: int, email: pa.Array, phone: pa.Array) -> pa.Array:
    words = [_pick(_WORDS, _mixed(row, seed, 10 + place)) for place in range(16)]
    kind = _mixed(row, seed, 6) % np.uint64(20)
    contact = pc.choose(
        pa.array(np.where(kind < 2, 0, np.where(kind < 3, 1, 2))),
        _join(" write to ", email, " "),
        _join(" ring ", phone, " "),
        " ",
    )
    before = pc.binary_join_element_wise(*words[:3], " ")
    after = pc.binary_join_element_wise(*words[3:], " ")
    return pc.utf8_slice_codeunits(_join(before, contact, after), 0, 60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--to", help="write it there as a Delta table; without, print what repeats")
    arguments = parser.parse_args()
    if arguments.to:
        print(write_delta(arguments.rows, arguments.to))
    else:
        made = arrow_table(arguments.rows)
        for column in made.column_names:
            print(f"{column:<10} {len(pc.unique(made[column])) / arguments.rows:.6f}")
