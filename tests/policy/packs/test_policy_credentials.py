"""Credentials are found by format, name and randomness; what only looks like one is left alone; none is ever shown."""

import base64
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.policy.credentials import credential, entropy
from cnai.policy.evaluate import evaluate
from cnai.policy.loading import rules
from cnai.policy.model import Resource, Verdict
from cnai.policy.values import SecretText

# Written in two parts each, so that no scanner takes these for real.
SECRETS = [
    ("T", SecretText("hunter2")),
    ("T", "[secret]"),
    ("URL", "https://db/?key=[secret]"),
    ("KEY", "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE"),
    ("KEY", base64.b64encode(b"-----BEGIN PRIVATE " + b"KEY-----\nMIIE").decode()),
    ("AWS_ACCESS_KEY_ID", "AKIA" + "QWERTYUIOPASDFGH"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzzzzzzzzzz"),
    ("GH", "ghp_" + "a1B2" * 9),
    ("GL", "glpat-" + "abcdefghij0123456789"),
    ("HF_HOME_TOKEN", "hf_" + "AbCdEfGhIj" * 3),
    ("OPENAI", "sk-proj-" + "aB3dE6gH9j" * 4),
    ("NGC", "nvapi-" + "aB3dE6gH9j_k" * 5),
    ("SLACK", "https://hooks.slack.com/services/" + "T00000000/B00000000/abcdefgh"),
    ("VAULT", "hvs." + "CAESIabcdefghijklmnopqrstuv"),
    ("JWT", "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NSJ9." + "dozjgNryP4J3jVmNHl0w5N"),
    ("CONN", "DefaultEndpointsProtocol=https;AccountKey=" + "aB3/" * 21 + "=="),
    ("DSN", "mysql://root:" + "s3cret-pw@db:3306/x"),
    ("HEADER", "Bearer " + "abcdef0123456789abcdef"),
    ("POSTGRES_PASSWORD", "admin"),
    ("redis.password", "12345678"),
    ("WANDB_API_KEY", "0123456789abcdef" * 2 + "01234567"),
    ("SESSION_SECRET", "kQ8!s9#Lp2@x"),
    ("CLIENT_SECRET2", "3b8Q~aaaa.bbbb_cccc-dddd"),
    ("BLOB", "q7Tz0Lk2Vb9XwR4eYp1Ns8Jc5Md3Gh6F"),
]
HARMLESS = [
    ("INI", "[server]\nport=1\n[secret]\nfile=x"),
    ("T", "hunter2"),
    ("PASSWORD", ""),
    ("PASSWORD", "$(DB_PASSWORD)"),
    ("PASSWORD", "${DB_PASSWORD}"),
    ("PASSWORD", "<set by the operator>"),
    ("PASSWORD", "{{ .Values.password }}"),
    ("PASSWORD", "true"),
    ("PASSWORD_FILE", "/run/secrets/password"),
    ("DB_PASSWORD", "/run/secrets/password"),
    ("TOKEN", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
    ("WEBHOOK_SECRET", "kubeflow-trainer-webhook-cert"),
    ("TLS_SECRET", "istio-ingressgateway-certs"),
    ("API_KEY", "vault:secret/data/app#key"),
    ("MAX_TOKENS", "8192"),
    ("TOKEN", "3600"),
    ("SECRET_NAME", "db-credentials"),
    ("PUBLIC_KEY", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="),
    ("CA_BUNDLE", base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + b"A" * 90).decode()),
    ("ANY", base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + b"A" * 90).decode()),
    ("GIT_SHA", "9fab0ed7b3d0a6f5c5f0d1e2a3b4c5d6e7f80912"),
    ("ANY", "9fab0ed7b3d0a6f5c5f0d1e2a3b4c5d6e7f80912"),
    ("DIGEST", "sha256:0f343b0931126a20f133d67c2b018a3b4f0c1a2d3e4f5061728394a5b6c7d8e9"),
    ("IMAGE", "registry.k8s.io/pause@sha256:0f343b0931126a20f133d67c2b018a3b4f0c1a2d3e4f5061728394a5b6c7d8e9"),
    ("INTEGRITY", "sha512-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wCAYU6HuQOqB8OMJ4YxqqaA=="),
    ("REQUEST_ID", "2f1c9f7e-6b7a-4b7f-9a55-6f6a5f0d7c11"),
    ("URL", "https://user@example.com/path?x=1"),
    ("URL", "https://user:$(PASS)@example.com"),
    ("ENDPOINT", "http://minio.storage.svc.cluster.local:9000"),
    ("CLASS", "org.apache.kafka.common.security.scram.ScramLoginModule"),
    ("GATES", "NodeFeatureDiscoveryV2Beta1=true,DynamicResourceAllocation=false"),
    ("NAME", "KubernetesControllerManagerV2Alpha1"),
    ("NAME", "a100-80gb-sxm4-node-pool-us-central1-a"),
    ("BUCKET", "s3://my-bucket/checkpoints/Llama3-70B-Instruct/step-2000"),
    ("MODEL", "meta-llama/Llama-3.3-70B-Instruct"),
    ("HASHED", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
]


@pytest.mark.parametrize(
    ("name", "text"), SECRETS, ids=[f"{number}-{name}" for number, (name, _) in enumerate(SECRETS)]
)
def test_a_credential_is_found(name: str, text: str):
    assert credential(text, name)


@pytest.mark.parametrize(("name", "text"), HARMLESS)
def test_what_only_looks_like_a_credential_is_left_alone(name: str, text: str):
    assert credential(text, name) is None


def test_random_keys_are_found_whatever_they_are_called():
    rng, letters = random.Random(7), string.ascii_letters + string.digits
    keys = ["".join(rng.choices(letters, k=rng.randint(24, 48))) for _ in range(500)]
    assert sum(credential(key, "ANYTHING") is not None for key in keys) >= 490


@given(st.text(max_size=200), st.text(max_size=40))
def test_any_text_is_judged_without_an_error(text: str, name: str):
    told = credential(text, name)
    assert told is None or len(text) < 8 or text not in told


@given(st.text(max_size=60))
def test_entropy_is_at_most_that_of_all_letters_being_different(text: str):
    assert 0 <= entropy(text) <= 6


@pytest.mark.parametrize(("name", "text"), SECRETS)
def test_no_message_shows_the_secret(name: str, text: str):
    env = [{"name": name, "value": text}]
    body = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "env": env, "args": [text]}]}}
    found = evaluate(rules()["secretsInEnv"], Resource(body))
    assert Verdict.VIOLATION in {each.verdict for each in found}
    assert not any(text in each.message for each in found)


def test_a_crash_of_the_rule_does_not_show_the_secret_either():
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "env": "PASSWORD=hunter2"}]}}
    found = evaluate(rules()["secretsInEnv"], Resource(pod))
    assert found
    assert not any("hunter2" in each.message for each in found)
