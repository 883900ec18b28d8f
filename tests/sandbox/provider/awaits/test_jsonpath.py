import pytest

from cnai.sandbox.provider.awaits.jsonpath import JsonPathError, parse, select

QUEUE = {"name": "a/b", "weights": [1, 2, 3], "paused": False, "note": None, "limits": {"cpu": 4, "gpu": 8.0}}
DOCUMENT = {"generation": 2, "queues": [QUEUE, {"name": "it's", "seen": 2}], "": "empty", "größe": 1}


def found(path: str) -> list:
    return select(parse(path), DOCUMENT)


@pytest.mark.parametrize(
    ("path", "nodes"),
    [
        ("$.generation", [2]),
        ("$", [DOCUMENT]),
        ("$.nothing.here", []),
        ("$.größe", [1]),
        ("$['']", ["empty"]),
        ("$ .queues [1] .name", ["it's"]),
        ("$.queues[*].name", ["a/b", "it's"]),
        ("$.queues[-1].seen", [2]),
        ("$.queues[0].weights[1:]", [2, 3]),
        ("$.queues[0].weights[::-2]", [3, 1]),
        ("$.queues[0].weights[::0]", []),
        ("$.queues[0].weights[2, 0]", [3, 1]),
        ("$.queues[0][\"name\", 'paused']", ["a/b", False]),
        ("$..name", ["a/b", "it's"]),
        ("$..weights[0]", [1]),
        ("$.queues[?@.name == 'it\\'s'].seen", [2]),
        ('$.queues[?@.name == "a\\u002fb"].paused', [False]),
        ("$.queues[?@.seen].name", ["it's"]),
        ("$.queues[?!@.seen].name", ["a/b"]),
        ("$.queues[?@.note == null].name", ["a/b"]),
        ("$.queues[?@.paused == false && (@.seen || @.name)].name", ["a/b"]),
        ("$.queues[?@.limits.gpu == 8].name", ["a/b"]),
        ("$.queues[?@.name=='a/b'&&@.limits&&@.weights].limits.cpu", [4]),
        ("$.queues[?@.name && @.limits && @.weights || @.seen].name", ["a/b", "it's"]),
        ("$.queues[?@.weights[0] == true].name", []),
        ("$.queues[?@.nothing == @.missing].name", ["a/b", "it's"]),
        ("$.queues[?@.name < 'b'].name", ["a/b"]),
        ("$.queues[?@.seen <= 2.0].name", ["it's"]),
        ("$.queues[?count(@.weights[*]) >= 3].name", ["a/b"]),
        ("$.queues[?length(@.name) == 4].name", ["it's"]),
        ("$.queues[?value(@..cpu) == 4].name", ["a/b"]),
        ("$.queues[?match(@.name, 'a.b')].name", ["a/b"]),
        ("$.queues[?match(@.name, 'a')].name", []),
        ("$.queues[?search(@.name, '[.t]')].name", ["it's"]),
        ("$.queues[?search(@.name, '(')].name", []),
        ("$.queues[?@.seen == $.generation].name", ["it's"]),
        ("$[?@[?@.seen == $.generation]][1].name", ["it's"]),
    ],
)
def test_a_path_selects_what_the_rfc_says(path, nodes):
    assert found(path) == nodes


@pytest.mark.parametrize(
    "path",
    [
        "",
        "queues",
        "$status",
        "$.",
        "$.a b",
        "$.queues[]",
        "$.queues[01]",
        "$.queues[9007199254740992]",
        "$.queues['a]",
        '$.queues["a\\x"]',
        "$.queues['\\ud800']",
        "$.queues[?]",
        "$.queues[?'a']",
        "$.queues[?@.name = 'a']",
        "$.queues[?@.name <> 'a']",
        "$.queues[?@.a[*] == 1]",
        "$.queues[?count(@.a)]",
        "$.queues[?count('a') == 1]",
        "$.queues[?match(@.a, 'b') == true]",
        "$.queues[?unknown(@.a)]",
        "$.queues[?(@.name]",
        "$.queues[?@.name ~ 'a']",
        # The RFC has nothing against these, the official provider's parser has.
        "$.queues[?@.name == 'a' && @.seen == 1 && @.paused]",
        "$.queues[?(@.name) && (@.seen) && @.paused]",
        "$.queues.true",
    ],
)
def test_what_is_no_path_is_refused_with_its_place(path):
    with pytest.raises(JsonPathError, match=r"at position \d+ of"):
        parse(path)
