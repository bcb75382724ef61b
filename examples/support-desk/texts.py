"""What customers of the support desk write: templates with places for the people, put together in varied ways."""

from collections.abc import Iterator
from random import Random
from typing import Any

_OPENINGS = ("Hi,", "Hello,", "Good morning,", "Hi team,", "Dear support,", "Hey there,", "To whom it may concern,", "")
_CLOSINGS = (
    "Thanks, {name}",
    "Best, {first}",
    "Regards,\n{name}\n{phone}",
    "Thank you!\n{name}",
    "Kind regards,\n{name}\n{email}",
    "Cheers, {first}",
    "- {first}",
    "",
)
_TICKETS = (
    ("Parcel never came", "my order was marked as delivered on Monday, but nothing is here. "
     "My address is {street}, {city}, {state} {zip}. Please call me at {phone}."),
    ("Change of address", "we moved last week. Please send everything to {street}, {city} from now on, "
     "and drop the old address."),
    ("Charged twice", "I see two charges for the same chair. The card is {card}, the account is {email}. "
     "Please refund one of them."),
    ("Cannot sign in", "the reset link never arrives. I tried {email} and also {friend_email}. Neither works."),
    ("Wrong item", "I ordered a desk lamp and got a webcam. {friend} at your Portland office said you would "
     "collect it. You can reach me on {phone} after 5 pm."),
    ("Invoice", "could you send the invoice of March to {friend_email}? {friend} does the books for us."),
    ("Delete my account", "I don't want to be a customer any longer. Remove everything that you hold on {email}, "
     "my phone number {phone} included."),
    ("Gift for a friend", "please ship the headset to {friend}, {friend_street}, {friend_city}, "
     "{friend_state} {friend_zip}. I pay with the card on file."),
    ("Chair broke", "the armrest came off after two days. I am 62 and can't lift the box, so somebody has to "
     "come to {street} and take it."),
    ("Warranty", "the monitor arm lost its grip after eleven months. Is that still covered? "
     "The serial number is on the photo that I sent last week."),
    ("Card declined", "my payment fails every time. Number {card}, and the bank says all is fine with it. "
     "Call {phone} if you need more."),
    ("Who is this", "someone called {friend} wrote to me from {friend_email} and says they work for you. "
     "Is that true?"),
    ("Slow website", "the shop takes half a minute to load on my tablet, and the basket is empty afterwards."),
    ("Birthday discount", "your newsletter promised ten percent on my birthday. I was born on {birth}, "
     "and today nothing came."),
    ("Delivery time", "when will the standing desk be back in stock? I would take two of them in white."),
    ("Double account", "I seem to have two accounts, {email} and {friend_email}. Can you merge them under {name}?"),
)  # fmt: skip
_CHATS = (
    ("My name is {name} and my order is late. Can you look it up? My e-mail is {email}.",
     "Thank you, {first}. I found the order under {email}: it left the warehouse yesterday."),
    ("Write a polite letter to {friend}, {friend_street}, {friend_city}, and ask for the chair back.",
     "Dear {friend},\n\nwe would like to collect the chair from {friend_street} at a time that suits you.\n\n"
     "Kind regards,\nthe support desk"),
    ("Can I still return a keyboard after three weeks?",
     "Yes. Unused items can be returned within thirty days; the label is in your account."),
    ("Please update my phone number to {phone}.",
     "Done: we will use {phone} from now on. Anything else I can do for you, {first}?"),
    ("i paid with {card} but the order says unpaid",
     "I can see the payment with the card {card}. It will show as paid within the hour."),
    ("Summarise this call: {friend} rang from {friend_phone}, was angry about the late desk, wants a refund to the "
     "card and an apology by e-mail to {friend_email}.",
     "{friend} ({friend_phone}) complains about a late desk and asks for a refund and an apology to {friend_email}."),
    ("Which desk is better for a small room?",
     "The narrow one: it is 100 cm wide and its legs fold. Many customers use it in a bedroom."),
    ("Draft a reply to the customer {name} in {city} whose lamp arrived broken.",
     "Hello {first},\n\nI am sorry that your lamp arrived broken. A new one is on its way to {city}.",
     "Make it shorter and add my number, {friend_phone}.",
     "Hello {first}, sorry about the lamp; a new one is on its way. Questions? {friend_phone}."),
    ("Is there a discount for schools?",
     "There is: fifteen percent on orders of ten chairs or more. Write to sales for a quote."),
    ("My new address is {street}, {city}, {state} {zip}. Did the last parcel still go to the old one?",
     "It did, I am afraid. I have asked the carrier to bring it to {street}."),
)  # fmt: skip


def tickets(random: Random) -> Iterator[tuple[str, str]]:
    """Subjects and bodies, without end: every template once, then all again in another order."""
    while True:
        for subject, body in random.sample(_TICKETS, len(_TICKETS)):
            opening, closing = random.choice(_OPENINGS), random.choice(_CLOSINGS)
            begun = body if opening else body[0].upper() + body[1:]
            yield subject, "\n\n".join(part for part in (opening, begun, closing) if part)


def chats(random: Random) -> Iterator[tuple[str, ...]]:
    """Turns of conversations, the user's first, without end."""
    while True:
        yield from random.sample(_CHATS, len(_CHATS))


def fill(text: str, random: Random, person: Any, friend: Any, card: int) -> str:
    """A template with its people in place; a card number is written in one piece or in groups of four."""
    digits = str(card)
    grouped = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4)) if len(digits) == 16 else digits
    return text.format(
        first=person.first,
        name=person.name,
        email=person.email,
        phone=person.phone,
        street=person.street,
        city=person.city,
        state=person.state,
        zip=person.postal_code,
        birth=person.birth_date.strftime("%B %-d, %Y"),
        card=random.choice((digits, grouped)),
        friend=friend.name,
        friend_email=friend.email,
        friend_phone=friend.phone,
        friend_street=friend.street,
        friend_city=friend.city,
        friend_state=friend.state,
        friend_zip=friend.postal_code,
    )
