"""The official Python client against pc-local, unchanged: run by check-clients.sh in pc-local's environment."""

import asyncio
import json
import os
import pathlib
import time

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

assert list(pc.list_backups()) == [] and list(pc.list_restore_jobs()) == []
index.upsert(vectors=records, namespace="films")
backup = pc.create_backup(index_name="demo", backup_name="first", description="before the change")
assert backup.status == "Ready" and backup.name == "first" and backup.source_index_name == "demo"
assert backup.record_count == 4 and backup.description == "before the change", backup
index.delete(ids=["a"], namespace="films")
about = pc.describe_backup(backup_id=backup.backup_id)
assert about.created_at and about.cloud == "aws" and about.region == "us-east-1" and about.tags == {"team": "a"}
assert (about.dense_dimension if hasattr(about, "dense_dimension") else about.dimension) == 3
for name in "second", "third":
    pc.create_backup(index_name="demo", backup_name=name)
assert [b.name for b in pc.list_backups(index_name="demo")] == ["first", "second", "third"]
page = pc.list_backups(limit=2)
assert [b.name for b in page] == ["first", "second"] and page.pagination.next
assert [b.name for b in pc.list_backups(pagination_token=page.pagination.next)] == ["third"]
restored = pc.create_index_from_backup(name="again", backup_id=backup.backup_id, tags={"made": "again"})
assert restored.name == "again" and pc.describe_index("again").tags == {"made": "again"}
(job,) = pc.list_restore_jobs()
assert pc.describe_restore_job(job_id=job.restore_job_id).target_index_name == "again"
while (job := pc.describe_restore_job(job_id=job.restore_job_id)).status == "Pending":
    time.sleep(0.1)
assert job.status == "Completed" and job.backup_id == backup.backup_id, job
again = pc.Index("again")
assert again.describe_index_stats().namespaces["films"].vector_count == 3
assert again.fetch(ids=["a"], namespace="films").vectors["a"].metadata["genre"] == "drama"
pc.delete_index("again")
for b in list(pc.list_backups()):
    pc.delete_backup(backup_id=b.backup_id)
assert list(pc.list_backups()) == []
assert "not found" in refused(lambda: pc.describe_backup(backup_id=backup.backup_id))

folder = pathlib.Path(os.environ["IMPORTS"]) / "films" / "imported"
folder.mkdir(parents=True)
with open(folder / "1.ndjson", "w") as f:
    for i in range(10):
        f.write(json.dumps({"id": str(i), "values": [1, 2, i]}) + "\n")
started = index.start_import(uri="file:///films", error_mode="abort")
while (state := index.describe_import(id=started.id)).status in ("Pending", "InProgress"):
    time.sleep(0.1)
assert state.status == "Completed" and state.records_imported == 10 and state.percent_complete == 100, state
assert index.describe_index_stats().namespaces["imported"].vector_count == 10
index.cancel_import(id=started.id)
assert [i.id for i in index.list_imports()] == [started.id]
assert [i.id for i in index.list_imports_paginated(limit=5)] == [started.id]
assert "file:///" in refused(lambda: index.start_import(uri="s3://bucket/films"))

assert list(pc.list_collections()) == []
assert "serverless" in refused(lambda: pc.create_collection("c", "demo"))
refused(lambda: pc.describe_collection("c"))
refused(lambda: pc.delete_collection("c"))

# what needs a hosted model is refused, with what to do instead
embed = {"model": "multilingual-e5-large", "field_map": {"text": "t"}}
assert "hf-embed" in refused(lambda: pc.create_index_for_model(name="m", cloud="aws", region="us-east-1", embed=embed))
assert "hf-embed" in refused(lambda: index.upsert_records(namespace="films", records=[{"_id": "a", "t": "x"}]))
assert "hf-embed" in refused(lambda: index.search(namespace="films", top_k=1, inputs={"text": "x"}))
assert "hf-embed" in refused(lambda: pc.inference.embed(model="multilingual-e5-large", inputs=["x"], parameters={"input_type": "query"}))

# the other spellings: by kind, and asynchronous
assert pc.indexes.exists("demo") and pc.indexes.describe("demo").name == "demo"
assert {i.name for i in pc.indexes.list()} == {"demo", "words"}
assert pc.backups.get(backup_id=pc.backups.create(index_name="demo").backup_id).status == "Ready"
assert len(list(pc.backups.list())) == 1 and len(list(pc.restore_jobs.list())) == 1
pc.backups.delete(backup_id=pc.backups.list()[0].backup_id)
assert index.list_namespaces_paginated(limit=1).pagination.next


async def asynchronously():
    async with pinecone.AsyncPinecone(api_key=os.environ["PINECONE_API_KEY"]) as apc:
        host = (await apc.indexes.describe("demo")).host
        async with apc.IndexAsyncio(host=host) as aindex:
            await aindex.upsert(vectors=[("async", [0, 0, 1])], namespace="async")
            got = await aindex.query(vector=[0, 0, 1], top_k=1, namespace="async")
            assert [m.id for m in got.matches] == ["async"], got
            await aindex.delete(delete_all=True, namespace="async")


asyncio.run(asynchronously())
pc.configure_index("demo", tags={"team": "b", "more": "c"})
assert pc.describe_index("demo").tags == {"team": "b", "more": "c"}
pc.configure_index("demo", deletion_protection="enabled")
refused(lambda: pc.delete_index("demo"))
pc.configure_index("demo", deletion_protection="disabled")
pc.delete_index("demo")
pc.delete_index("words")
assert list(pc.list_indexes()) == []
print("pinecone", pinecone.__version__, "works with pc-local")
