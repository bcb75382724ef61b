"""What a column's name says, in the languages and styles that people write names in."""

import pytest

from clearance.classifiers.names import comment_rules, look_alike, name_evidence, name_words, names_an_aspect


@pytest.mark.parametrize(
    ("name", "entity_type"),
    [
        ("cust_dob", "DATE_OF_BIRTH"),
        ("EmailAddr", "EMAIL_ADDRESS"),
        ("USER_EMAIL", "EMAIL_ADDRESS"),
        ("UserEMail", "EMAIL_ADDRESS"),
        ("tel_nr", "PHONE_NUMBER"),
        ("phone2", "PHONE_NUMBER"),
        ("addr1", "STREET_ADDRESS"),
        ("Straße", "STREET_ADDRESS"),
        ("endereço", "STREET_ADDRESS"),
        ("住所", "STREET_ADDRESS"),
        ("Führerschein_Nr", "DRIVER_LICENSE"),
        ("geburtsdatum", "DATE_OF_BIRTH"),
        ("dateNaissance", "DATE_OF_BIRTH"),
        ("date_de_naissance", "DATE_OF_BIRTH"),
        ("Дата рождения", "DATE_OF_BIRTH"),
        ("codice_fiscale", "IT_FISCAL_CODE"),
        ("NIF", "TAX_ID"),
        ("nom_de_famille", "PERSON"),
        ("prénom", "PERSON"),
        ("apellidos", "PERSON"),
        ("imię", "PERSON"),
        ("氏名", "PERSON"),
        ("顧客氏名", "PERSON"),
        ("이름", "PERSON"),
        ("手机号", "PHONE_NUMBER"),
        ("휴대폰번호", "PHONE_NUMBER"),
        ("身份证号", "NATIONAL_ID"),
        ("fødselsnummer", "NATIONAL_ID"),
        ("IP地址", "IP_ADDRESS"),
        ("邮件地址", "EMAIL_ADDRESS"),
        ("sim_card_number", "DEVICE_ID"),
        ("id_card_no", "NATIONAL_ID"),
        # Glued together.
        ("firstname", "PERSON"),
        ("customername", "PERSON"),
        ("phonenumber", "PHONE_NUMBER"),
        ("custphone", "PHONE_NUMBER"),
        ("homeaddr", "STREET_ADDRESS"),
        ("emailid", "EMAIL_ADDRESS"),
        ("empssn", "US_SSN"),
    ],
)
def test_names_of_personal_data(name: str, entity_type: str) -> None:
    assert name_evidence(name) == entity_type


@pytest.mark.parametrize(
    "name",
    [
        *("assessment", "classname", "filename", "hostname", "product_name", "companyname", "table_name", "landlord"),
        *("address_type", "state", "age_of_account", "race_time", "page", "message_id", "token_count", "percentage"),
        *("mileage", "storage", "gift_card_number", "package", "marriage", "website_address", "tags{key}"),
        *(
            "商品名称",
            "網址",
            "eta",
            "carte_grise",
            "passage",
            "telemetry",
            "cellar",
            "panel",
            "mailbox_size",
            "vintage",
        ),
    ],
)
def test_false_friends(name: str) -> None:
    assert name_evidence(name) is None


@pytest.mark.parametrize("name", ["email_sent", "phone_verified", "emailstatus", "CardHash", "num_address_total"])
def test_a_name_about_something_of_the_thing(name: str) -> None:
    assert names_an_aspect(name)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("order_no", "order and document numbers"),
        ("Rechnungsnummer", "order and document numbers"),
        ("createdAt", "times"),
        ("sha256", "keys and hashes"),
        ("unit_price", "amounts"),
        ("PLZ", "places"),
        ("EAN", "products"),
        ("firmware", "versions and settings"),
        ("cust_dob", None),
    ],
)
def test_names_of_look_alikes(name: str, what: str | None) -> None:
    assert look_alike(name) == what


def test_words_are_parted_where_they_were_glued_and_halves_of_words_are_one() -> None:
    assert name_words("customerPhoneNumbers") == ("customer", "phone", "number")
    assert name_words("custphonenumber") == ("cust", "phone", "number")
    assert name_words("geburts_datum") == name_words("Geburts Datum") == ("geburtsdatum",)
    assert name_words("kredit_karten_nummer") == ("kreditkartennummer",)
    assert name_words("phonexyz") == ("phonexyz",)
    assert name_words("a" * 10_000) == ("a" * 10_000,)


def test_comments() -> None:
    assert [rule.entity_type for rule in comment_rules("Mobile phone of the customer, E.164")] == ["PHONE_NUMBER"]
    assert comment_rules("Age of the account in days") == ()
    assert comment_rules("") == ()
