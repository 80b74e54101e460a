"""The job of vec-batch | hf-embed | pc-upsert as it is done in Python, for report.py.

	rivals-client.py loop|async FILE

Each line of FILE is a text; 64 texts make a request to HF_ENDPOINT_URL, their vectors a request to the index `demo`.
`loop` is what tutorials show: requests, and the official Pinecone client, one call after the other. `async` is the
same with aiohttp and that client's asynchronous side, 16 batches in flight. Prints the number of records that were acknowledged.
"""

import asyncio
import os
import sys

BATCH, FLYING = 64, 16
URL = os.environ["HF_ENDPOINT_URL"]
HEADERS = {"Authorization": "Bearer " + os.environ["HF_TOKEN"]}


def batches(path):
    batch = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            batch.append((str(number), line.rstrip("\n")))
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def records(batch, vectors):
    return [{"id": id, "values": values, "metadata": {"text": text}} for (id, text), values in zip(batch, vectors, strict=True)]


def loop(path):
    import requests
    from pinecone import Pinecone

    index = Pinecone(api_key=os.environ["PINECONE_API_KEY"]).Index("demo")
    endpoint = requests.Session()
    done = 0
    for batch in batches(path):
        answer = endpoint.post(URL, headers=HEADERS, json={"inputs": [text for _, text in batch]})
        answer.raise_for_status()
        done += index.upsert(vectors=records(batch, answer.json()["embeddings"])).upserted_count
    return done


async def in_flight(path):
    import aiohttp
    from pinecone import AsyncPinecone

    async def one(batch):
        async with endpoint.post(URL, headers=HEADERS, json={"inputs": [text for _, text in batch]}) as answer:
            answer.raise_for_status()
            vectors = (await answer.json())["embeddings"]
        return (await index.upsert(vectors=records(batch, vectors))).upserted_count

    done, flying = 0, set()
    async with aiohttp.ClientSession() as endpoint, AsyncPinecone(api_key=os.environ["PINECONE_API_KEY"]) as pc:
        host = (await pc.indexes.describe("demo")).host
        async with await pc.index(host=host) as index:
            for batch in batches(path):
                if len(flying) == FLYING:
                    over, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                    done += sum(task.result() for task in over)
                flying.add(asyncio.create_task(one(batch)))
            return done + sum(await asyncio.gather(*flying))


print(loop(sys.argv[2]) if sys.argv[1] == "loop" else asyncio.run(in_flight(sys.argv[2])))
