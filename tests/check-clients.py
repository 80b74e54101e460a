"""The official Python client against pc-local, unchanged: run by check-clients.sh in pc-local's environment."""

import os

import pinecone
from pinecone import Pinecone, ServerlessSpec
from pinecone.exceptions import PineconeException


def refused(call):
    try:
        call()
    except PineconeException as e:
        return str(e)
    raise AssertionError("was not refused")


pc = Pinecone(api_key=os.environ["PINECONE_API_KEY"])
spec = ServerlessSpec(cloud="aws", region="us-east-1")
pc.create_index(name="demo", dimension=3, metric="cosine", spec=spec, tags={"team": "a"})
assert pc.has_index("demo")
assert [i.name for i in pc.list_indexes()] == ["demo"]
about = pc.describe_index("demo")
assert about.status.ready and about.status.state == "Ready" and about.tags == {"team": "a"}
refused(lambda: pc.create_index(name="demo", dimension=3, metric="cosine", spec=spec))

index = pc.Index("demo")
records = [
    {"id": "a", "values": [0.1, 0.2, 0.4], "metadata": {"genre": "drama", "year": 1999, "tags": ["x", "y"]}},
    {"id": "b", "values": [1, 0, 0], "metadata": {"genre": "comedy", "year": 2005, "seen": True}},
    {"id": "c", "values": [0, 1, 0]},
]
assert index.upsert(vectors=records, namespace="films").upserted_count == 3
assert index.upsert(vectors=[("t", [0, 0, 1])]).upserted_count == 1

found = index.query(vector=[0.1, 0.2, 0.4], top_k=2, namespace="films", include_values=True, include_metadata=True)
assert [m.id for m in found.matches] == ["a", "c"], found
assert abs(found.matches[0].score - 1) < 1e-4
assert [round(v, 6) for v in found.matches[0].values] == [0.1, 0.2, 0.4]
assert found.matches[0].metadata["genre"] == "drama"
assert found.usage.read_units >= 1
found = index.query(id="a", top_k=10, namespace="films", filter={"genre": {"$in": ["comedy"]}, "year": {"$gt": 2000}})
assert [m.id for m in found.matches] == ["b"], found
assert "not a valid operator" in refused(
    lambda: index.query(id="a", top_k=1, namespace="films", filter={"genre": {"$like": "c"}})
)
assert "does not match the dimension" in refused(lambda: index.upsert(vectors=[("bad", [1, 2])]))

listed = []
for page in index.list(namespace="films", limit=2):
    ids = page if isinstance(page, list) else getattr(page, "vectors", page)
    listed += [i if isinstance(i, str) else i.id for i in ids]
assert listed == ["a", "b", "c"], listed

fetched = index.fetch(ids=["a", "c", "none"], namespace="films")
assert sorted(fetched.vectors) == ["a", "c"]
assert fetched.vectors["a"].metadata["year"] == 1999
index.update(id="a", set_metadata={"year": 2000}, namespace="films")
fetched = index.fetch(ids=["a"], namespace="films")
assert fetched.vectors["a"].metadata["year"] == 2000 and fetched.vectors["a"].metadata["genre"] == "drama"

assert sorted(index.fetch_by_metadata(filter={"year": {"$gte": 2000}}, namespace="films").vectors) == ["a", "b"]
index.update(filter={"genre": "comedy"}, set_metadata={"seen": False}, namespace="films")
assert index.fetch(ids=["b"], namespace="films").vectors["b"].metadata["seen"] is False
assert index.list_paginated(namespace="films", limit=2).pagination.next
made = index.create_namespace(name="made", schema={"fields": {"genre": {"filterable": True}}})
assert made.name == "made" and index.describe_namespace(namespace="made").name == "made"
assert {"films", "made"} <= {n.name for page in index.list_namespaces() for n in getattr(page, "namespaces", [page])}
index.delete_namespace(namespace="made")
refused(lambda: index.describe_namespace(namespace="made"))
found = index.query_namespaces(vector=[0.1, 0.2, 0.4], namespaces=["films", "__default__"], metric="cosine", top_k=2)
assert [m.id for m in found.matches] == ["a", "t"], found

stats = index.describe_index_stats()
assert stats.total_vector_count == 4 and stats.dimension == 3 and stats.namespaces["films"].vector_count == 3
index.delete(ids=["a"], namespace="films")
index.delete(filter={"genre": "comedy"}, namespace="films")
assert index.describe_index_stats().namespaces["films"].vector_count == 1
index.delete(delete_all=True, namespace="films")
assert index.describe_index_stats().namespaces["films"].vector_count == 0

pc.create_index(name="words", metric="dotproduct", vector_type="sparse", spec=spec)
words = pc.Index("words")
words.upsert(vectors=[{"id": "w", "sparse_values": {"indices": [7, 3], "values": [0.5, 2]}}])
found = words.query(sparse_vector={"indices": [3, 7], "values": [1, 1]}, top_k=1)
assert found.matches[0].id == "w" and found.matches[0].score == 2.5, found

refused(lambda: Pinecone(api_key="wrong").list_indexes())
assert list(pc.list_backups()) == [] and list(pc.list_restore_jobs()) == [] and list(pc.list_collections()) == []
assert "pc-local --backup" in refused(lambda: pc.create_backup(index_name="demo", backup_name="b"))
pc.configure_index("demo", tags={"team": "b", "more": "c"})
assert pc.describe_index("demo").tags == {"team": "b", "more": "c"}
pc.configure_index("demo", deletion_protection="enabled")
refused(lambda: pc.delete_index("demo"))
pc.configure_index("demo", deletion_protection="disabled")
pc.delete_index("demo")
pc.delete_index("words")
assert list(pc.list_indexes()) == []
print("pinecone", pinecone.__version__, "works with pc-local")
