"""`cnai:features`: its model, built from the known features, and which of them a stack file switches on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model

from cnai.clouds.settings import Settings
from cnai.feature import Family, Feature, FeatureSettings
from cnai.features import features
from cnai.problems import nearest


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A feature that is on."""

    feature: Feature
    settings: FeatureSettings


def features_model(known: Iterable[Feature]) -> type[Settings]:
    """A field for each standalone feature, and one for each family."""
    alone, families = dict[str, Feature](), dict[str, list[Feature]]()
    for feature in known:
        if feature.family:
            families.setdefault(feature.family.key, []).append(feature)
        else:
            alone[feature.key] = feature
    fields = {key: _field(feature.text, _one(feature)) for key, feature in sorted(alone.items())}
    for key, members in sorted(families.items()):
        fields[key] = _field(_text_of(members), _family(members))
    model = create_model("FeaturesSpec", __base__=Settings, **cast("Any", fields))
    model.__doc__ = "What runs on the cluster; what is left out is not installed and costs nothing."
    return model


def _field(text: str, annotation: Any) -> tuple[Any, Any]:
    return (annotation, Field(default=None, description=text))


def _text_of(members: list[Feature]) -> str:
    family = cast(Family, members[0].family)
    how, names = "one" if family.choose == "one" else "any", ", ".join(each.key for each in members)
    return f"{family.text} Choose {how} of {names}."


def _one(feature: Feature) -> Any:
    """`true`, `false`, or a mapping of its settings."""

    def given(value: Any) -> Any:
        if value is None or isinstance(value, Mapping | FeatureSettings):
            return value
        if isinstance(value, bool):
            return {} if value else None
        raise ValueError("give true or false, or a mapping of its settings")

    return Annotated[
        feature.settings | None, BeforeValidator(given, json_schema_input_type=feature.settings | bool | None)
    ]


def _family(members: list[Feature]) -> Any:
    """The members by name, each with its settings if it has any."""
    family = cast(Family, members[0].family)
    fields = {each.key: _field(each.text, _one(each)) for each in members}
    title = "".join(word.capitalize() for word in family.key.split("_"))
    model = create_model(f"{title}Family", __base__=Settings, **cast("Any", fields))
    model.__doc__ = family.text
    read = _reader(family, [each.key for each in members])
    shape = _schema_of_family(family, model, [each.key for each in members])
    return Annotated[model, Field(validate_default=True), BeforeValidator(read, json_schema_input_type=shape)]


def _schema_of_family(family: Family, model: type[Settings], names: list[str]) -> Any:
    word = Annotated[str, WithJsonSchema({"enum": names})]
    return word | model | None if family.choose == "one" else tuple[word | model, ...] | model | None


def _reader(family: Family, names: list[str]) -> Callable[[Any], Any]:
    """From a word, a mapping, or a list of both to a mapping of members."""

    def read(value: Any) -> Any:
        if value is None:
            return {}
        found: dict[str, Any] = {}
        for word in value if isinstance(value, list | tuple) else [value]:
            found |= _members(word, names)
        on = [name for name, settings in found.items() if settings is not None and settings is not False]
        if family.choose == "one" and len(on) > 1:
            raise ValueError(f"{' and '.join(on)} are mutually exclusive: choose one of {', '.join(names)}")
        return found

    return read


def _members(word: Any, names: list[str]) -> dict[str, Any]:
    if isinstance(word, str):
        word = {word: True}
    if not isinstance(word, Mapping):
        raise ValueError(f"give one of {', '.join(names)}, alone or with a mapping of its settings")  # noqa: TRY004
    for name in cast("Mapping[Any, Any]", word):
        if name not in names:
            raise ValueError(f"unknown {name!r}: {nearest(name, names)}")
    return dict(cast("Mapping[str, Any]", word))


FeaturesSpec = features_model(features().values())


def chosen(spec: Settings) -> dict[str, Chosen]:
    """What is on, by the feature's key, in build order, including what others need and imply."""
    every, found = features(), dict[str, Chosen]()
    for key, feature in every.items():
        if (settings := said_of(spec, feature)) is not None:
            found[key] = Chosen(feature=feature, settings=settings)
    while missing := _implied(spec, found, every):
        found |= {feature.key: Chosen(feature=feature, settings=feature.settings()) for feature in missing}
    return {key: found[key] for key in every if key in found}


def said_of(spec: Settings, feature: Feature) -> FeatureSettings | None:
    """Its settings in a stack file; None if the file does not switch it on."""
    where: Any = spec
    if feature.family:
        where = getattr(spec, feature.family.key)
    return getattr(where, feature.key)


def _implied(spec: Settings, on: Mapping[str, Chosen], every: Mapping[str, Feature]) -> list[Feature]:
    wanted = {need for each in on.values() for need in each.feature.needs} - set(on)
    return [every[key] for key in sorted(wanted) if every[key].implied and not _switched_off(spec, every[key])]


def _switched_off(spec: Settings, feature: Feature) -> bool:
    return feature.family is None and feature.key in spec.model_fields_set
