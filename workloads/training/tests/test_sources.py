"""Text comes from files, object stores, data sets and topics alike, and what cannot be read is said."""

import gzip
import json
import socket
from pathlib import Path
from typing import Any

import fsspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from cnai_training.data import Rows
from cnai_training.errors import TrainingError
from cnai_training.prepare import shards
from cnai_training.prepare.pipeline import prepare
from conftest import DATA, tiny

ENGLISH = "The queue is the line in which jobs wait until their quota has room, and a gang starts together."


def one_text(tmp_path: Path, *urls: str, **more: Any) -> dict[str, Any]:
    text = {"text": list(urls), "chat": [], "preferences": [], **more}
    return prepare(tiny(tmp_path / "run", prepare=text))


def records(count: int) -> list[str]:
    return [
        json.dumps({"text": f"{ENGLISH} This is number {n} of those we have, {n * 7919} in all."}) for n in range(count)
    ]


def test_files_folders_globs_and_object_stores_are_read_alike(tmp_path: Path) -> None:
    content = "\n".join(records(60)).encode()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_bytes(content)
    (tmp_path / "in/b.jsonl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "in/c.txt").write_bytes(ENGLISH.encode())
    with fsspec.open("memory://bucket/in/a.jsonl", "wb") as out:
        out.write(content)
    sources = [str(tmp_path / "in"), str(tmp_path / "in/*.jsonl"), "memory://bucket/in/*.jsonl"]
    report = one_text(tmp_path, *sources, near_duplicate=0.0)
    assert report["text"]["read"] == 60 * 4 + 1
    assert report["text"]["kept"] == 61
    assert report["text"]["duplicate_exact"] == 180


def test_a_hugging_face_data_set_is_streamed(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(records(40)))
    url = f"dataset:json?split=train&field=text&data_files={tmp_path}/rows.jsonl"
    assert one_text(tmp_path, url, near_duplicate=0.0)["text"]["read"] == 40


def test_two_workers_prepare_what_one_would(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.jsonl").write_text("\n".join(records(200)[number * 50 : number * 50 + 50]))
    for part in ("0/2", "1/2"):
        report = one_text(tmp_path, str(tmp_path / "*.jsonl"), near_duplicate=0.0, part=part)
        assert report["text"]["kept"] == 100
    rows = Rows(str(tmp_path / "run/data/text/train"))
    assert rows.rows > 0
    assert rows.batch([0, rows.rows - 1])["tokens"].shape == (2, 33)


def test_workers_share_out_the_records_of_fewer_files_than_they_are(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text("\n".join(records(90)))
    kept = [
        one_text(tmp_path, str(tmp_path / "all.jsonl"), near_duplicate=0.0, part=f"{n}/3")["text"] for n in range(3)
    ]
    assert [report["kept"] for report in kept] == [30, 30, 30]


def test_parts_of_other_runs_are_not_mixed_in(tmp_path: Path) -> None:
    """A run in one part, then in two, then in three of which one is missing."""
    url = str(tmp_path / "run/data/text/train")
    for number in range(4):
        (tmp_path / f"{number}.jsonl").write_text("\n".join(records(200)[number * 50 : number * 50 + 50]))

    def prepared(part: str) -> None:
        one_text(tmp_path, str(tmp_path / "*.jsonl"), near_duplicate=0.0, part=part)

    prepared("0/1")
    whole = Rows(url).rows
    prepared("0/2")
    with pytest.raises(TrainingError, match=r"lacks part 1 of 2; prepare it with prepare\.part=1/2"):
        Rows(url)
    prepared("1/2")
    assert Rows(url).rows == pytest.approx(whole, rel=0.05)  # of another tokenizer
    prepared("0/3")
    with pytest.raises(TrainingError, match=r"parts of runs with \[2, 3\] workers; remove the folder"):
        Rows(url)
    prepared("0/1")
    assert Rows(url).rows == whole
    (Path(url) / "manifest.json").write_text("[]")
    with pytest.raises(TrainingError, match="by another version of this program; prepare the data again"):
        Rows(url)


BAD = {
    "empty": (b"", "nothing is left"),
    "latin-1": ("Gr\u00fc\u00dfe aus K\u00f6ln ".encode("latin-1") * 9, "not UTF-8 at byte 2"),
    "utf-16": (ENGLISH.encode("utf-16"), "not UTF-8 at byte 0"),
    "nul": (b"\0" + ENGLISH.encode(), "NUL"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_an_empty_or_mis_encoded_file_is_one_clear_error(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(TrainingError, match=said):
        one_text(tmp_path, str(tmp_path / "bad.txt"))


def test_a_bad_line_is_named_by_its_number_and_can_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([*records(40), '{"text": secret']))
    with pytest.raises(TrainingError, match=r"line 41, is no usable record \(not JSON") as error:
        one_text(tmp_path, str(tmp_path / "a.jsonl"))
    assert "secret" not in str(error.value)
    assert one_text(tmp_path, str(tmp_path / "a.jsonl"), bad_records="skip")["text"]["bad_record"] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [(r'{"text": "half \ud83d of one"}', "half of a character"), ('{"text": ' + "[" * 99_999, "nested too deeply")],
    ids=["surrogate", "deep"],
)
def test_json_that_could_not_be_written_again_is_a_bad_record(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([*records(40), line]))
    with pytest.raises(TrainingError, match=f"line 41, .*{said}"):
        one_text(tmp_path, str(tmp_path / "a.jsonl"))
    assert one_text(tmp_path, str(tmp_path / "a.jsonl"), bad_records="skip")["text"]["bad_record"] == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/nowhere/*.txt", "holds no file to read"),
        ("ftpx://host/file.txt", "no kind of source"),
        ("dataset:/nowhere/at-all", "check its name"),
        ("kafka://broker", "write it as kafka://"),
    ],
)
def test_a_source_that_is_not_there_is_one_clear_error(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        one_text(tmp_path, url)


@pytest.fixture
def kafka() -> Any:
    """A broker that librdkafka brings for tests: it speaks Kafka's protocol on loopback, in this process."""
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    yield producer, f"{broker.host}:{broker.port}"
    producer.flush(10)


def of_topic(url: str, tmp_path: Path) -> dict[str, Any]:
    return prepare(tiny(tmp_path, prepare={"text": [url], "chat": [], "preferences": []}))["text"]


def committed(broker: str) -> int:
    """Messages of the topic `text` that the group `test` need not see again."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "test"})
    topic = consumer.list_topics("text").topics["text"]
    places = consumer.committed([TopicPartition("text", number) for number in topic.partitions])
    consumer.close()
    return sum(max(0, place.offset) for place in places)


def test_a_kafka_topic_is_read_to_its_end_and_from_there_the_next_time(kafka: Any, tmp_path: Path) -> None:
    producer, broker = kafka
    lines = (DATA / "text.jsonl").read_bytes().splitlines()[:60]
    for value in [*lines, b"\xff\xfe", b'{"text": ', b"plain text of a message is a record as well, without any JSON"]:
        producer.produce("text", value)
    producer.flush(10)
    url = f"kafka://{broker}/text?group=test&idle=3"
    report = of_topic(url, tmp_path / "first")
    assert (report["read"], report["bad_record"]) == (61, 2)
    assert committed(broker) == 63
    producer.produce("text", json.dumps({"text": ENGLISH}).encode())
    producer.flush(10)
    assert of_topic(url, tmp_path / "second")["read"] == 1


def test_what_was_read_from_a_topic_but_not_written_is_read_again(
    kafka: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, broker = kafka
    for value in (DATA / "text.jsonl").read_bytes().splitlines()[:40]:
        producer.produce("text", value)
    producer.flush(10)
    url = f"kafka://{broker}/text?group=test&idle=3"

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shards.Writer, "close", full)
        with pytest.raises(OSError, match="No space left"):
            of_topic(url, tmp_path)
    assert committed(broker) == 0
    assert of_topic(url, tmp_path)["read"] == 40
    assert committed(broker) == 40


def test_a_broker_that_does_not_answer_is_one_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"kafka://127.0.0.1:{port}/text?idle=1"
    with pytest.raises(TrainingError, match="does not answer"):
        prepare(tiny(tmp_path, prepare={"text": [url], "chat": [], "preferences": []}))
