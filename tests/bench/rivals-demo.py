"""The job of examples/demo.sh in Python, for report.py: sentence-transformers and Chroma, as their front pages show it.

	rivals-demo.py MODEL LINES QUESTIONS FOLDER

Embeds the lines of a file, stores them under FOLDER, and prints the five nearest for each question."""

import sys

import chromadb
from sentence_transformers import SentenceTransformer

folder, lines, questions, store = sys.argv[1:]
model = SentenceTransformer(folder, device="cpu")
texts = open(lines, encoding="utf-8").read().splitlines()
client = chromadb.PersistentClient(store)
collection = client.create_collection("demo", embedding_function=None, metadata={"hnsw:space": "cosine"})
vectors = model.encode(texts, batch_size=64)
for i in range(0, len(texts), 5000):
    batch = range(i, min(i + 5000, len(texts)))
    collection.add(ids=[str(k) for k in batch], embeddings=vectors[batch.start : batch.stop], documents=texts[batch.start : batch.stop])
for question in open(questions, encoding="utf-8").read().splitlines():
    for text in collection.query(query_embeddings=model.encode([question]), n_results=5)["documents"][0]:
        print(text)
