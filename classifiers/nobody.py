"""Whether a column of names holds names of things: of places, products, firms.

A list of usual given names has not the names of every people, so that none of them is there says nothing by itself:
things must show. To miss a column of people is worse than to take one of things for people.
"""

from collections.abc import Mapping

from clearance.classifiers.names import names_no_owner
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import Surroundings
from clearance.classifiers.type_counts import TypeCounts

#: That nobody is called so is judged from so many names on.
_LEAST_NAMED = 20
#: Of a column of people's full names, most are full.
_MOST = 0.6
#: Patterns of what is no person; a model's opinion of unusual names is none.
_OF_THINGS = ("Countries", "OrganizationByForm", "OrganizationByKind", "OrganizationOfSomething")
#: Columns beside it that are about goods, for a name to be that of goods.
_AMONG_THINGS = 2
#: Columns beside it that are of places (city, state, country, latitude), for a name to be that of a place.
_AMONG_PLACES = 3
#: As many say where it is (latitude and longitude), for names that few people have.
_SITED = 2


def names_nobody(name: str, profile: LeafProfile, around: Surroundings, raw: Mapping[str, TypeCounts]) -> bool:
    """Whether a column called no more than "name", among no people's, holds no usual given name and shows things."""
    filled, traits = profile.filled, profile.traits
    if not names_no_owner(name) or filled < _LEAST_NAMED or around.people:
        return False
    by_form = sum(counts.detectors[detector] for counts in raw.values() for detector in _OF_THINGS)
    if 2 * by_form >= filled and 10 * traits["somebody"] < filled:
        return True  # countries have single words, which are no full names of anybody
    known = traits["somebody"] + traits["given_name"] + traits["surname"]
    if around.places >= _SITED and known < 0.2 * filled:
        return True  # towns, beside their coordinates: some are called like people
    if traits["unknown_name"] < 0.3 * filled:
        return False
    if traits["somebody"] >= 0.02 * filled:
        # Goods and places are called after people now and then: words for things, or what stands beside, say that these
        # are, the less of them has to be said the fewer are called so.
        if around.things >= _AMONG_THINGS and 2 * traits["somebody"] < filled <= 5 * traits["thing_name"]:
            return True
        if max(by_form, traits["thing_name"]) >= max(0.2 * filled, traits["somebody"]):
            return True  # more are firms or things by their form than are called after somebody
        if 10 * traits["somebody"] >= filled:
            return False
        return (
            traits["fullname"] < _MOST * filled
            or filled <= 10 * traits["thing_name"]
            or around.places >= _AMONG_PLACES
            or around.things >= _AMONG_THINGS
        )
    with_digits = filled - traits["wordish"]
    return (
        traits["fullname"] < _MOST * filled
        or traits["thing_name"] >= 0.3 * filled
        or with_digits >= 0.2 * filled
        or by_form >= 0.2 * filled
        or around.things >= _AMONG_THINGS
    )


__all__ = ["names_nobody"]
