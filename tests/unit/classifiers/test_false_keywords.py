"""What looks like a finding and is none: words that name data without any, numbers that identify no one."""

import pytest

from clearance.classifiers.engine import Engine
from clearance.classifiers.looking import look

NOTHING = """\
the order 123-45-6789 never arrived
my account balance is 12345678 points
error on line 4021, page 394
flight BA 2490 leaves from gate B32
meeting id: 823 1145 9921 starts soon
customer since 2011, loyalty no 9988776655
Rechnung 30123456 vom Montag ist offen
the quick brown fox says 1234567890
my ssn is none of your business
order no 4111-1111 is on its way
call 911 now
version 1.2.3.4 is out
downgraded from 10.2.2.180 yesterday
we saw it in case 12 of 2020 samples
user ABC-1234 was closed, book it to account INV20231
please do a password reset for me
IBAN is not supported here
she was born to run
I lost my passport yesterday, what now?
the driver's license office closes at 5
what is your phone number?
my credit card was declined again
the account number field is empty
do I need a tax id for that?
send it to my email, you know which one
dial 112 in an emergency
room 404 not found
the year 1984 is a good book
we need 3 of them by 10:30
RFC 2822 describes it
take bus 42 to the station
ticket INC-20394 was closed
build 20240131.4 failed
commit 9fceb02 broke it
the ISBN is 978-3-16-148410-0
it costs 1,299.00 plus 19 % tax
score was 21-14 at half time
chapter 12, section 3.4.5
the meeting is in 45 minutes
I need a date with the dentist
passport control took an hour
my address is changing soon
the street was empty
his name is still a secret
the PIN is on the back of the box
license plates are sold out
the password to happiness is good coffee
pin code for the game room is on the door
a cure for diabetes is not in sight
port 8080 is already in use
error 0x80070005 while installing
set the timeout to 30000 ms
buy 2 get 1 free
the password must have 8 characters
password is required
your password has expired
the token is invalid
api key missing
secret: none
username or password is incorrect
my age is just a number
I am 100 percent sure
the social security office is closed
what's the zip code for that?
the zip file is corrupt
medical records are kept for ten years
the patient was not there
a member id is needed to log in
routing numbers have nine digits
insurance policy is up for renewal
windows 10 version 22H2
python 3.11.4 is fine
see page 123-125
10/10 would buy again
24/7 support
50/50 chance
the ratio is 3.14159265358979
iphone 15 pro max 256 GB
flight LH 1234 was late
part number 555-123-4567-A
sequence 1234 5678 90 is not a card
invoice 2024-000123 is paid
order #1234567890 was shipped
tracking number 1Z999AA10123456784
case number 12-345678 was filed
serial number SN-00012345-X
the sum is 123456789
transaction 9876543210 failed
SKU 00012-34567
dividing 1000000000 by 3
the population is 331002651
epoch 1700000000 was in 2023
width 1920 height 1080
lat and long are missing
the bank was closed
card games are fun
the card number is on the front
may I visit you in March
april is a nice name
turn left at the light
mark my words
will you come
grace period ends soon
the bill is due
hope to see you
jack of all trades
amazon prime is expensive
let's google it
react@18.2.0 is out of date
use lodash@4.17.21
@everyone please read
the ip is dynamic
ip 999.999.999.999 is invalid
127 of 255 hosts are up
mac and cheese
swift is a language
the IMEI is printed on the box
vin diesel is an actor
user story22 is done
see Exhibit J, the court said
Act No. 45 of 1860 applies to the case
Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0.6099.71 Safari/537.36
the username is taken already
File "/home/app/main.py", line 88
ssh to the host over port 22
my order number is 123-45-6789
DB_PASSWORD=${DB_PASSWORD}
the pw for the archive is wrong
""".splitlines()

#: The same words, with something behind them.
SOMETHING = [
    ("my ssn is 521-44-9382, but keep it to yourself", "US_SSN"),
    ("order no 4111-1111 was paid with 4111 1111 1111 1111", "CREDIT_CARD"),
    ("call 911, or call me on 212-555-0147", "PHONE_NUMBER"),
    ("version 1.2.3.4 runs on 10.20.30.40", "IP_ADDRESS"),
    ("after the password reset the password is tR4!kzz9q", "PASSWORD"),
    ("IBAN is supported: DE89370400440532013000", "IBAN_CODE"),
    ("born to run, born on 03/15/1989", "DATE_OF_BIRTH"),
    ("part number 12-A, phone 212-555-0147", "PHONE_NUMBER"),
    ("order 7 goes to +1-555-111-2222", "PHONE_NUMBER"),
    ("the zip file is for zip 62704", "ZIP_CODE"),
    ("the username is taken by stargaze, mine: username : moonb4by", "USERNAME"),
    ('File "/home/anwari/app/main.py", line 88', "USERNAME"),
    ("mysql -u kirby shop", "USERNAME"),
    ("?token=5f0d3b1a-1111-4c22-9b33-77aa88bb99cc", "CREDENTIAL"),
    ("pw for the archive is Qx7!mmB4", "PASSWORD"),
    ("otp 48 21 07 bataiye", "PASSWORD"),
]


@pytest.mark.parametrize("text", NOTHING)
def test_patterns_find_nothing(patterns: Engine, text: str) -> None:
    (seen,) = look(patterns, [text])
    assert seen.spans == ()


def test_the_model_is_seldom_taken_in(engine: Engine) -> None:
    wrong = [text for text, seen in zip(NOTHING, look(engine, NOTHING), strict=True) if seen.spans]
    assert len(NOTHING) >= 100
    assert len(wrong) <= len(NOTHING) // 10, wrong


@pytest.mark.parametrize(("text", "kind"), SOMETHING)
def test_the_real_thing_beside_them_is_found(patterns: Engine, text: str, kind: str) -> None:
    (seen,) = look(patterns, [text])
    assert [span.entity_type for span in seen.spans] == [kind]
