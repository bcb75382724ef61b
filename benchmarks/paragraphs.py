"""Made-up paragraphs of 500 characters: what free text costs is measured on these.

    python benchmarks/paragraphs.py --rows 3

Each paragraph is sentences in random order until 500 characters are full, all distinct. Of its six or seven sentences
one in three holds an identifier of the mixed table (e-mail, phone, card, SSN or IBAN), half of them behind a word that
lifts its score ("card", "call", "account"); one in five holds a date, an amount or an order number that is none; the
others are words alone. The same seed gives the same paragraphs.
"""

import argparse
import random
from collections.abc import Iterator

from mixed_table import arrow_table

LENGTH = 500

_PLAIN = (
    "The {a} {b} was late again and nobody at the {c} could say why",
    "She asked whether the {a} would be sent before the {b} or after it",
    "We kept the {a} in stock for two weeks, but the {b} did not fit the {c}",
    "It rained all night, so the {a} stayed under the {b} until the {c} came back",
    "As far as I remember, their {a} looked much older than our {b}",
    "Please tell the {a} that its {b} needs a new {c} and some patience",
    "Most of the {a} had gone when we opened the {b} next to the old {c}",
    "There is no hurry: a {a} like this one takes its time, and so does the {b}",
)
_IDENTIFIED = (
    "You can write to {email} about the {a}",
    "The {a} was returned by {email}, who wants another {b}",
    "If the {a} breaks, call our phone line at {phone} and ask for the {b}",
    "He left {phone} on the {a} and went home",
    "The card {card} was charged twice for one {a}",
    "On the {a} somebody had written {card} in pencil",
    "Her social security number {ssn} is on the {a}",
    "Behind the {a} we found {ssn} on a piece of paper",
    "Send the refund for the {a} to account {iban} this week",
    "The {a} came with {iban} printed under the {b}",
)
_NUMBERED = (
    "Order {order} holds {count} of the {a} and one {b}",
    "On {date} the {a} cost {amount} euros less than the {b}",
    "Between {date} and today the {a} was moved {count} times",
)
_THINGS = (
    "box cover frame label item order seal desk lamp chair garden window kettle bottle letter bridge ticket garage"
    " station engine basket mirror blanket ladder printer camera bicycle tractor piano violin harbour island orchard"
    " kitchen cellar attic market museum library factory workshop village valley forest meadow river canal tunnel"
)


def paragraphs(rows: int, seed: int = 7) -> list[str]:
    """``rows`` paragraphs of exactly LENGTH characters."""
    table = arrow_table(rows, seed)
    values = {name: table[name].to_pylist() for name in ("email", "phone", "card", "ssn", "iban")}
    return [
        " ".join(_sentences(random.Random(f"{seed} {row}"), {name: column[row] for name, column in values.items()}))[
            :LENGTH
        ]
        for row in range(rows)
    ]


def _sentences(chance: random.Random, values: dict[str, str]) -> Iterator[str]:
    """Sentences of a little more than LENGTH characters."""
    things = _THINGS.split()
    length = 0
    while length <= LENGTH:
        kind = chance.random()
        form = chance.choice(_IDENTIFIED if kind < 1 / 3 else _NUMBERED if kind < 1 / 3 + 1 / 5 else _PLAIN)
        first, second, third = chance.sample(things, 3)
        sentence = form.format(
            a=first,
            b=second,
            c=third,
            order=chance.randrange(10_000, 10_000_000),
            count=chance.randrange(2, 90),
            amount=f"{chance.randrange(100, 250_000) / 100:.2f}",
            date=f"{chance.randrange(2019, 2026)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
            **values,
        )
        length += len(sentence) + 2
        yield sentence + "."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3)
    print("\n\n".join(paragraphs(parser.parse_args().rows)))
