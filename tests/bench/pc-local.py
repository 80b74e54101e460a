"""pc-local beside others, run by pc-local.sh: medians of one query at a time, and how much of the exact answer is found."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time

import numpy

folder, records, dimension = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
QUERIES, TOP_K, BATCH = 200, 10, 100
rng = numpy.random.default_rng(1)
# texts have topics: vectors around some centres, which is kind to approximate search
centres = rng.standard_normal((200, dimension), dtype=numpy.float32)
vectors = centres[rng.integers(0, 200, records)] + 0.8 * rng.standard_normal((records, dimension), dtype=numpy.float32)
queries = centres[rng.integers(0, 200, QUERIES)] + 0.8 * rng.standard_normal((QUERIES, dimension), dtype=numpy.float32)
vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
queries /= numpy.linalg.norm(queries, axis=1, keepdims=True)
exact = [set(numpy.argpartition(-(vectors @ q), TOP_K)[:TOP_K].tolist()) for q in queries]
batches = [range(i, min(i + BATCH, records)) for i in range(0, records, BATCH)]
results = {}


def measure(name, prepare, fill, ask):
    """fill takes a batch of row numbers and prepare's answer for it, ask a query's number; only these are timed."""
    print(f"{name}: filling", file=sys.stderr)
    spent = 0.0
    for batch in batches:
        ready = prepare(batch)
        start = time.perf_counter()
        fill(batch, ready)
        spent += time.perf_counter() - start
    times, found = [], 0
    for i in range(QUERIES):
        start = time.perf_counter()
        ids = ask(i)
        times.append(time.perf_counter() - start)
        found += len(exact[i] & {int(n) for n in ids})
    results[name] = (statistics.median(times) * 1e3, sorted(times)[QUERIES * 99 // 100] * 1e3, records / spent, found / QUERIES / TOP_K)


def pc_local():
    server = http.client.HTTPConnection(os.environ["PINECONE_CONTROLLER_HOST"].removeprefix("http://"))
    headers = {"Api-Key": os.environ["PINECONE_API_KEY"]}

    def post(path, body):
        server.request("POST", path, body, headers)
        answer = server.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return text

    spec = {"serverless": {"cloud": "aws", "region": "us-east-1"}}
    post("/indexes", json.dumps({"name": "bench", "dimension": dimension, "metric": "cosine", "spec": spec}))
    bodies = [json.dumps({"topK": TOP_K, "vector": q.tolist()}) for q in queries]

    def prepare(batch):
        return json.dumps({"vectors": [{"id": str(i), "values": vectors[i].tolist()} for i in batch]})

    measure(
        "pc-local (exact, HTTP, durable)",
        prepare,
        lambda batch, body: post("/data.plane/bench/vectors/upsert", body),
        lambda i: [m["id"] for m in json.loads(post("/data.plane/bench/query", bodies[i]))["matches"]],
    )


def sqlite_vec():
    import apsw  # Python's own sqlite3 is often built without extensions
    import sqlite_vec as extension

    db = apsw.Connection(folder + "/sqlite-vec.db")
    db.enable_load_extension(True)
    db.load_extension(extension.loadable_path())
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    db.execute(f"CREATE VIRTUAL TABLE v USING vec0(embedding float[{dimension}] distance_metric=cosine)")

    def fill(batch, rows):
        with db:
            db.executemany("INSERT INTO v (rowid, embedding) VALUES (?, ?)", rows)

    ask = f"SELECT rowid FROM v WHERE embedding MATCH ? ORDER BY distance LIMIT {TOP_K}"
    measure(
        "sqlite-vec (exact, in process, durable)",
        lambda batch: [(i, vectors[i].tobytes()) for i in batch],
        fill,
        lambda i: [row[0] for row in db.execute(ask, (queries[i].tobytes(),))],
    )


def hnswlib():
    import hnswlib as library

    index = library.Index(space="cosine", dim=dimension)
    index.init_index(max_elements=records, ef_construction=100, M=16)
    index.set_ef(100)
    measure(
        "hnswlib (approximate, in process, memory only)",
        lambda batch: vectors[batch.start : batch.stop],
        lambda batch, rows: index.add_items(rows, list(batch)),
        lambda i: index.knn_query(queries[i], k=TOP_K)[0][0],
    )


def chroma():
    import chromadb

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    program = os.path.join(os.path.dirname(sys.executable), "chroma")
    server = subprocess.Popen([program, "run", "--path", folder + "/chroma", "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                client = chromadb.HttpClient(port=port)
                break
            except Exception:
                time.sleep(0.1)
        made = client.create_collection("bench", embedding_function=None, metadata={"hnsw:space": "cosine"})
        measure(
            "Chroma server (approximate, HTTP)",
            lambda batch: vectors[batch.start : batch.stop],
            lambda batch, rows: made.add(ids=[str(i) for i in batch], embeddings=rows),
            lambda i: made.query(query_embeddings=[queries[i]], n_results=TOP_K, include=[])["ids"][0],
        )
    finally:
        server.terminate()
        server.wait()


pc_local()
for other in (sqlite_vec, hnswlib, chroma):
    try:
        other()
    except ImportError as e:
        print(f"left out: {e}", file=sys.stderr)
mine = results["pc-local (exact, HTTP, durable)"]
print(f"{records} records of {dimension}, top {TOP_K}, one query at a time, batches of {BATCH}")
for name, (median, worst, rate, recall) in results.items():
    print(f"{name}: median {median:.2f} ms ({median / mine[0]:.1f}), 99% {worst:.2f} ms, found {recall:.3f}, {rate:.0f} records/s ({rate / mine[2]:.2f})")
