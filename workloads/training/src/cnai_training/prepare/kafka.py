"""A Kafka topic as a source of records, read to a limit or until it is quiet."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from cnai_training.errors import TrainingError
from cnai_training.prepare.records import Record, parsed

OPTIONS = ("group", "limit", "idle")
JOIN_SECONDS = 60
REFUSED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
"""Errors of messages that waiting does not mend."""


class Kafka:
    """`kafka://HOST:PORT,…/TOPIC?group=NAME&limit=N&idle=SECONDS`.

    Offsets are committed when the shards are written: a crash before that reads the messages again.
    Settings of librdkafka come from the environment: `KAFKA_SASL_PASSWORD` is `sasl.password`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.topic = parts.path.strip("/")
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if not parts.netloc or not self.topic or set(options) - set(OPTIONS):
            raise TrainingError(f"{url}: write it as kafka://HOST:PORT/TOPIC?group=NAME&limit=N&idle=SECONDS")
        try:
            self.limit = int(options.get("limit", 0))
            self.idle_seconds = float(options.get("idle", 10))
        except ValueError:
            raise TrainingError(f"{url}: limit and idle are numbers") from None
        self.brokers = parts.netloc
        self.consumer = Consumer(
            {
                "bootstrap.servers": parts.netloc,
                "group.id": options.get("group", "cnai-training"),
                "enable.auto.commit": False,
                # A worker that was killed makes way for its successor soon.
                "session.timeout.ms": 10_000,
                "auto.offset.reset": "earliest",
                **from_environment(),
            }
        )
        self.read_to: list[TopicPartition] = []
        self.over, self.staying = Event(), Thread(target=self.stay, daemon=True)

    def records(self, counts: Counter[str]) -> Iterator[Record]:
        self.look_for_topic()
        self.consumer.subscribe([self.topic])
        read, quiet_since, idle = 0, time.monotonic(), max(self.idle_seconds, JOIN_SECONDS)
        while not (self.limit and read >= self.limit) and time.monotonic() - quiet_since < idle:
            message = self.consumer.poll(0.2)
            if idle > self.idle_seconds and self.consumer.assignment():
                # Joining a group takes seconds in which a full topic is quiet too.
                quiet_since, idle = time.monotonic(), self.idle_seconds
            if message is None:
                continue
            if message.error():
                if message.error().fatal() or message.error().code() in REFUSED:
                    raise TrainingError(f"Kafka topic {self.topic}: {message.error().str()}")
                continue  # librdkafka mends what is not fatal
            read, quiet_since = read + 1, time.monotonic()
            if (record := decoded(message.value())) is None:
                counts["bad_record"] += 1
            else:
                yield record
        self.staying.start()

    def look_for_topic(self) -> None:
        try:
            known = self.consumer.list_topics(self.topic, timeout=10).topics[self.topic]
        except KafkaException as error:
            raise TrainingError(f"Kafka at {self.brokers} does not answer: {error.args[0].str()}") from None
        if known.error is not None and known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TrainingError(f"Kafka at {self.brokers} has no topic {self.topic}; create it, or change the source")

    def stay(self) -> None:
        """A member that does not poll for minutes is put out of its group, and cannot commit any more."""
        self.read_to = [place for place in self.consumer.position(self.consumer.assignment()) if place.offset >= 0]
        self.consumer.pause(self.consumer.assignment())
        while not self.over.wait(1):
            self.consumer.poll(0)

    def end(self, written: bool) -> None:
        self.over.set()
        if self.staying.is_alive():
            self.staying.join()
        ours = {(place.topic, place.partition) for place in self.consumer.assignment()}
        read_to = [place for place in self.read_to if (place.topic, place.partition) in ours]
        try:
            if written and read_to:
                self.consumer.commit(offsets=read_to, asynchronous=False)
        except KafkaException as error:
            # The data is whole; what is read twice falls out as copies.
            raise TrainingError(
                f"Kafka topic {self.topic}: the place could not be committed ({error.args[0].str()}); the next run "
                "reads these messages again"
            ) from None
        finally:
            self.consumer.close()


def decoded(value: bytes | None) -> Record | None:
    """JSON where the message is an object, else its text; nothing where it is neither."""
    if not value:
        return None
    try:
        return parsed(value, is_json=value.lstrip()[:1] == b"{")
    except ValueError:
        return None


def from_environment() -> dict[str, str]:
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(("KAFKA_SECURITY_", "KAFKA_SASL_", "KAFKA_SSL_"))
    }
