"""The rivals of hf-local's encoder, and the file they need. Called by rivals-model.sh.

make FOLDER ONNX       a BERT of the Hub (config.json, model.safetensors) as an ONNX file that computes the token rows
http TEXT              median milliseconds of that one text at HF_ENDPOINT_URL, over one connection
serve FOLDER ONNX FILE read commands from standard input, `NAME`: embed the lines of FILE once that way, print seconds;
                       `short TEXT`: print the median milliseconds of that one text

  sorted-N  batches of 64, sorted by length and cut into sub-batches of N; all cores
  ordinary  batches of 64, padded to the longest
  st        sentence-transformers, where it is installed

A short text gets the number of threads that is fastest here.
"""

import json
import os
import sys
import time

import numpy as np

BATCH = 64


def make(folder, path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import load_file

    config = json.load(open(os.path.join(folder, "config.json")))
    w = load_file(os.path.join(folder, "model.safetensors"))
    w = {k.removeprefix("bert."): v for k, v in w.items()}
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    eps = config["layer_norm_eps"]
    nodes, weights = [], []

    def weight(name, a):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(a), name))
        return name

    def node(op, inputs, **attributes):
        out = f"n{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [out], **attributes))
        return out

    def linear(x, name):
        t = weight(name + ".wt", w[name + ".weight"].T)
        return node("Add", [node("MatMul", [x, t]), weight(name + ".b", w[name + ".bias"])])

    def norm(x, name):
        gain, shift = (weight(name + s, w[name + s]) for s in (".weight", ".bias"))
        return node("LayerNormalization", [x, gain, shift], axis=-1, epsilon=eps)

    def ints(name, *values):
        return weight(name, np.array(values, dtype=np.int64))

    def split(x, perm):
        x = node("Reshape", [x, "by_head"])
        return node("Transpose", [x], perm=perm)

    ints("by_head", 0, 0, heads, hidden // heads)
    ints("flat", 0, 0, hidden)
    place = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    length = node("Slice", [node("Shape", ["input_ids"]), ints("one", 1), ints("two", 2)])
    rows = node("Slice", [weight("place", place), ints("zero", 0), length, ints("axis", 0)])
    words = node("Gather", [weight("words", w["embeddings.word_embeddings.weight"]), "input_ids"])
    x = norm(node("Add", [words, rows]), "embeddings.LayerNorm")
    far = node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    far = node("Mul", [node("Sub", [weight("f1", np.float32(1)), far]), weight("low", np.float32(-1e9))])
    far = node("Unsqueeze", [far, ints("axes", 1, 2)])
    for i in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        q = split(linear(x, p + "attention.self.query"), [0, 2, 1, 3])
        k = split(linear(x, p + "attention.self.key"), [0, 2, 3, 1])
        v = split(linear(x, p + "attention.self.value"), [0, 2, 1, 3])
        s = node("Mul", [node("MatMul", [q, k]), weight(p + "scale", np.float32((hidden // heads) ** -0.5))])
        s = node("Softmax", [node("Add", [s, far])], axis=-1)
        a = node("Transpose", [node("MatMul", [s, v])], perm=[0, 2, 1, 3])
        a = linear(node("Reshape", [a, "flat"]), p + "attention.output.dense")
        x = norm(node("Add", [x, a]), p + "attention.output.LayerNorm")
        u = linear(x, p + "intermediate.dense")
        e = node("Erf", [node("Div", [u, weight(p + "root", np.float32(2**0.5))])])
        u = node("Mul", [node("Mul", [u, node("Add", [e, "f1"])]), weight(p + "half", np.float32(0.5))])
        x = norm(node("Add", [x, linear(u, p + "output.dense")]), p + "output.LayerNorm")
    nodes.append(helper.make_node("Identity", [x], ["rows"]))
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "s"]) for n in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["b", "s", hidden])
    graph = helper.make_graph(nodes, "bert", inputs, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class Rival:
    def __init__(self, folder, path):
        import onnxruntime as ort
        from tokenizers import Tokenizer

        self.ort, self.folder, self.path = ort, folder, path
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.no_padding()
        limit = json.load(open(os.path.join(folder, "sentence_bert_config.json")))["max_seq_length"]
        self.tokenizer.enable_truncation(limit)
        self.cores = len(os.sched_getaffinity(0))
        self.session = self.open(self.cores)
        self.st = None

    def open(self, threads):
        o = self.ort.SessionOptions()
        o.intra_op_num_threads = threads
        o.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        return self.ort.InferenceSession(self.path, o, providers=["CPUExecutionProvider"])

    def run(self, session, encoded):
        longest = max(len(e) for e in encoded)
        ids = np.zeros((len(encoded), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, e in enumerate(encoded):
            ids[i, : len(e)] = e
            mask[i, : len(e)] = 1
        rows = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        v = (rows * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return v / np.linalg.norm(v, axis=1, keepdims=True)

    def embed(self, texts, sub):
        out = None
        for at in range(0, len(texts), BATCH):
            encoded = [e.ids for e in self.tokenizer.encode_batch(texts[at : at + BATCH])]
            order = sorted(range(len(encoded)), key=lambda i: len(encoded[i])) if sub else range(len(encoded))
            for k in range(0, len(encoded), sub or BATCH):
                v = self.run(self.session, [encoded[i] for i in order[k : k + (sub or BATCH)]])
                out = np.zeros((len(texts), v.shape[1]), dtype=np.float32) if out is None else out
                out[[at + i for i in order[k : k + (sub or BATCH)]]] = v
        return out

    def transformers(self, texts):
        if not self.st:
            from sentence_transformers import SentenceTransformer

            self.st = SentenceTransformer(self.folder, device="cpu")
        return self.st.encode(texts, batch_size=BATCH, normalize_embeddings=True)

    def short(self, text):
        best = None
        for threads in {1, self.cores}:
            session, took = self.open(threads), []
            for _ in range(60):
                start = time.perf_counter()
                self.run(session, [self.tokenizer.encode(text).ids])
                took.append(time.perf_counter() - start)
            median = sorted(took)[30] * 1000
            best = median if best is None else min(best, median)
        return best


def http(text):
    from http.client import HTTPConnection

    at = HTTPConnection(os.environ["HF_ENDPOINT_URL"].removeprefix("http://"))
    headers = {"Authorization": "Bearer " + os.environ["HF_TOKEN"], "Content-Type": "application/json"}
    took = []
    for _ in range(60):
        start = time.perf_counter()
        at.request("POST", "/embed", json.dumps({"inputs": text}), headers)
        vector = np.array(json.loads(at.getresponse().read())[0])
        took.append(time.perf_counter() - start)
        assert abs(np.linalg.norm(vector) - 1) < 1e-4
    print(sorted(took)[30] * 1000)


def serve(folder, path, lines):
    rival = Rival(folder, path)
    texts = open(lines, encoding="utf-8").read().splitlines()
    ways = {"ordinary": lambda t: rival.embed(t, 0), "st": rival.transformers}
    for sub in (8, 16, 64):
        ways[f"sorted-{sub}"] = lambda t, sub=sub: rival.embed(t, sub)
    for way in list(ways):
        try:
            ways[way](texts[:128])  # warm, and whether it is there at all
        except ImportError:
            del ways[way]
    print(" ".join(ways), flush=True)
    for command in sys.stdin:
        command, _, rest = command.rstrip("\n").partition(" ")
        if command == "short":
            print(rival.short(rest), flush=True)
        elif command == "vectors":
            np.savetxt(rest, rival.embed(texts[:64], 8))
            print("done", flush=True)
        else:
            start = time.perf_counter()
            ways[command](texts)
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    {"make": make, "http": http, "serve": serve}[sys.argv[1]](*sys.argv[2:])
