"""Requests that are nearly right, by the thousand, against pc-local; run beside one that was built with SAN=1:

	build/san/pc-local --imports $(mktemp -d) $(mktemp -d)/db -- python3 tests/fuzz-pc-local.py [seconds [seed]]

Each answer must be JSON with a status below 500, and the server must be there at the end. Says how many there were of
each status."""

import collections
import http.client
import json
import os
import random
import sys
import time

PREFIX = "/data.plane/demo"
SEEDS = [
    ("POST", "/indexes", {"name": "x", "dimension": 3, "metric": "cosine", "spec": {"serverless": {"cloud": "a", "region": "b"}}, "tags": {"a": "b"}}),
    ("PATCH", "/indexes/demo", {"deletion_protection": "disabled", "tags": {"a": ""}}),
    ("POST", PREFIX + "/vectors/upsert", {"vectors": [{"id": "a", "values": [1, 2.5, -3e-7], "metadata": {"g": "x", "n": 1, "t": ["u"], "b": True}}], "namespace": "n"}),
    ("POST", PREFIX + "/query", {"topK": 3, "vector": [1, 2, 3], "filter": {"$or": [{"g": {"$in": ["x", 1]}}, {"n": {"$gte": 0}}]}, "includeValues": True}),
    ("POST", PREFIX + "/query", {"topK": 3, "id": "a", "namespace": "n", "includeMetadata": True}),
    ("POST", PREFIX + "/vectors/update", {"id": "a", "setMetadata": {"g": "y"}, "values": [1, 2, 3], "namespace": "n"}),
    ("POST", PREFIX + "/vectors/update", {"filter": {"g": "x"}, "setMetadata": {"n": 2}, "dryRun": False}),
    ("POST", PREFIX + "/vectors/delete", {"ids": ["a", "b"], "namespace": "n"}),
    ("POST", PREFIX + "/vectors/delete", {"filter": {"n": {"$exists": True}}}),
    ("POST", PREFIX + "/vectors/fetch_by_metadata", {"filter": {"g": "x"}, "limit": 2, "paginationToken": "61"}),
    ("POST", PREFIX + "/describe_index_stats", {}),
    ("POST", PREFIX + "/namespaces", {"name": "n", "schema": {"fields": {"g": {"filterable": True}}}}),
    ("POST", "/indexes/demo/backups", {"name": "b", "description": "d"}),
    ("POST", "/backups/bkp_1/create-index", {"name": "again", "tags": {"a": "b"}, "deletion_protection": "disabled", "read_capacity": {"mode": "OnDemand"}}),
    ("POST", "/collections", {"name": "c", "source": "demo"}),
    ("POST", PREFIX + "/bulk/imports", {"uri": "file:///a%20b/c", "errorMode": {"onError": "abort"}, "integrationId": "i"}),
    ("GET", "/backups?limit=2&paginationToken=323a31", None),
    ("GET", "/indexes/demo/backups?include_deleted=true", None),
    ("GET", "/restore-jobs/rst_1", None),
    ("DELETE", "/backups/bkp_1", None),
    ("GET", PREFIX + "/bulk/imports?limit=1&paginationToken=31", None),
    ("DELETE", PREFIX + "/bulk/imports/1", None),
    ("POST", "/data.plane/words/vectors/upsert", {"vectors": [{"id": "w", "sparseValues": {"indices": [1, 9], "values": [0.5, 1]}}]}),
    ("POST", "/data.plane/words/query", {"topK": 2, "sparseVector": {"indices": [9], "values": [1]}}),
    ("GET", PREFIX + "/vectors/fetch?ids=a&ids=b&namespace=n", None),
    ("GET", PREFIX + "/vectors/list?prefix=a&limit=2&paginationToken=61", None),
]
ODD = [None, True, -1, 0, 1e400, -0.0, 2**53 + 1, 2**64, 1e-400, "", "\0", "\ud800", "$eq", "a" * 600, "\u00fc", [], {}, [[]], {"$and": []}, [1] * 2100, "1"]


def change(rng, value, depth=0):
    """The value with something in it replaced, left out, doubled or wrapped."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        value = dict(value)
        if rng.random() < 0.1:
            del value[key]
        else:
            value[key] = change(rng, value[key], depth + 1)
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return value[:at] + [change(rng, value[at], depth + 1)] * rng.choice([0, 1, 1, 1, 2]) + value[at + 1 :]
    if rng.random() < 0.05:
        for _ in range(rng.choice([1, 31, 33, 300, 1000])):
            value = {"$and": [value]}
        return value
    return rng.choice(ODD)


def bytes_of(rng, body):
    text = bytearray(json.dumps(body, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
    for _ in range(rng.choice([0, 0, 0, 1, 1, 3])):
        at = rng.randrange(len(text) + 1)
        text[at : at + rng.choice([0, 1, 1, 5])] = bytes([rng.randrange(256)]) * rng.choice([0, 1, 1, 2])
    return bytes(text)


def main():
    sys.setrecursionlimit(20000)  # for what is nested deep
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    host = os.environ["PINECONE_CONTROLLER_HOST"].removeprefix("http://")
    headers = {"Api-Key": os.environ["PINECONE_API_KEY"], "Content-Type": "application/json"}
    statuses = collections.Counter()
    server = http.client.HTTPConnection(host, timeout=30)

    def ask(method, path, body):
        server.request(method, path, body, headers)
        answer = server.getresponse()
        text = answer.read()
        if text:
            json.loads(text)
        assert answer.status < 500, (method, path, body, answer.status, text)
        statuses[answer.status] += 1

    spec = {"serverless": {"cloud": "aws", "region": "us-east-1"}}
    ask("POST", "/indexes", json.dumps({"name": "demo", "dimension": 3, "spec": spec}))
    ask("POST", "/indexes", json.dumps({"name": "words", "vector_type": "sparse", "spec": spec}))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        method, path, body = rng.choice(SEEDS)
        if body is None:
            at = rng.randrange(len(PREFIX) + 1 if path.startswith(PREFIX) else 1, len(path))
            path = path[:at] + rng.choice(["%00", "%ff", "&", "=", "%", "ids=", "a" * 600, ""]) + path[at + rng.choice([0, 1]) :]
            ask(method, path, None)
            continue
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            body = change(rng, body)
        ask(method, path, bytes_of(rng, body))
    print(sum(statuses.values()), "requests:", dict(sorted(statuses.items())))


main()
