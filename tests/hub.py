"""hub.py [option]...: Hugging Face's management API, its whoami route, endpoints, and the dataset viewer, for tests; on a
free port, printed as "port N".

    --token T          the token that is wanted (none: any, or none)
    --reads N          looks at an endpoint before the one that finds it in its next state (0)
    --unhealthy N      questions to a health route that are answered with 502 first (0)
    --split 'D C S F'  rows of dataset D, config C, split S: the lines of file F, served as they stand
    --gated D          dataset D is for those with the token
    --partial          the viewer has only part of each split
    --page N           rows in an answer, at most (100)
    --truncated R:C    cell C of row R is cut short
    --delay MS         each answer of the viewer takes so long
    --fault K:N:W      what happens to the Nth request (or each, *) of kind K: W is status=S, which may be followed by
                       ,retry-after=T or ,body=JSON; raw=TEXT (an answer as it stands, \\n being a line end);
                       not-ready; cut (half a body); reset (no answer); lost (it is done, then no answer). A kind is a
                       route; rows@100 is that of the rows from 100 on.
    --log FILE         a line of JSON for each request

What it answers follows huggingface_hub's source and guide, and the viewer's openapi.json."""
import argparse, json, os, re, signal, socket, struct, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

options = argparse.ArgumentParser()
options.add_argument("--token")
options.add_argument("--reads", type=int, default=0)
options.add_argument("--unhealthy", type=int, default=0)
options.add_argument("--split", action="append", default=[])
options.add_argument("--gated", action="append", default=[])
options.add_argument("--partial", action="store_true")
options.add_argument("--page", type=int, default=100)
options.add_argument("--truncated", action="append", default=[])
options.add_argument("--delay", type=float, default=0)
options.add_argument("--fault", action="append", default=[])
options.add_argument("--log")
options = options.parse_args()

lock = threading.Lock()
endpoints = {}  # (namespace, name): what the API shows
counts = {}  # requests by kind
unhealthy = options.unhealthy
faults = [fault.split(":", 2) for fault in options.fault]
log = open(options.log, "a", buffering=1) if options.log else None
splits = {}  # (dataset, config, split): rows
for words in options.split:
    dataset, config, split, file = words.split(" ")
    with open(file, "rb") as f:
        splits[dataset, config, split] = f.read().splitlines()
NEXT = {"pending": "initializing", "initializing": "running", "updating": "running"}
PROVIDERS = {"vendors": [
    {"name": "aws", "status": "available", "regions": [
        {"name": "us-east-1", "label": "N. Virginia", "status": "available", "computes": [
            {"id": "aws-us-east-1-intel-icl-x2", "accelerator": "cpu", "instanceType": "intel-icl", "instanceSize": "x2",
             "numCpus": 2, "memoryGb": 4, "status": "available", "pricePerHour": 0.067},
            {"id": "aws-us-east-1-nvidia-t4-x1", "accelerator": "gpu", "instanceType": "nvidia-t4", "instanceSize": "x1",
             "numAccelerators": 1, "status": "low_availability", "pricePerHour": 0.5}]}]},
    {"name": "gcp", "status": "available", "regions": [
        {"name": "us-east4", "label": "Virginia", "status": "available", "computes": [
            {"id": "gcp-us-east4-nvidia-l4-x1", "accelerator": "gpu", "instanceType": "nvidia-l4", "instanceSize": "x1",
             "status": "not_available", "pricePerHour": 0.7}]}]}]}


class Refused(Exception):
    """An answer with an error's status: its body, and further headers."""

    def __init__(self, status, body, **headers):
        self.status, self.body = status, {"error": body} if isinstance(body, str) else body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def merge(old, new):
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict) and key != "image":
            merge(old[key], value)
        else:
            old[key] = value


def set_state(endpoint, state, message=""):
    endpoint["status"].update(state=state, message=message)
    endpoint["reads"] = 0


def step(endpoint):
    """A look at an endpoint: its state passes."""
    status = endpoint["status"]
    endpoint["reads"] += 1
    if status["state"] in NEXT and endpoint["reads"] > options.reads:
        if "broken" in endpoint["model"]["repository"]:
            set_state(endpoint, "updateFailed" if status["state"] == "updating" else "failed")
            status["errorMessage"] = "the model cannot be loaded"
        else:
            set_state(endpoint, NEXT[status["state"]])
        if status["state"] == "initializing":
            status["url"] = endpoint["base"]


def create(namespace, body, port):
    name = body["name"]
    if not re.fullmatch("[a-z0-9-]{1,32}", name):
        raise Refused(400, {"error": ["invalid name: want lower-case letters, digits and -"]}, X_Error_Code="Bad")
    if (namespace, name) in endpoints:
        raise Refused(409, "Endpoint name already used")
    if body["provider"]["region"] == "nowhere":
        raise Refused(400, "ignored", X_Error_Message="compute: no such region: nowhere")
    endpoint = {**body, "healthRoute": "/health", "base": f"http://127.0.0.1:{port}/endpoints/{namespace}/{name}",
                "status": {"createdAt": "2026-11-25T12:00:00.123456789Z", "readyReplica": 0, "targetReplica": 1}}
    set_state(endpoint, "pending", "Endpoint waiting to be scheduled")
    endpoints[namespace, name] = endpoint
    return endpoint


def manage(method, namespace, rest, body, port):
    """The routes below /v2/endpoint/NAMESPACE."""
    if namespace != "me" and namespace != "acme":
        raise Refused(403, "no right on that namespace")
    if not rest:
        if method == "POST":
            return create(namespace, body, port)
        return {"items": [e for (owner, _), e in endpoints.items() if owner == namespace]}
    endpoint = endpoints.get((namespace, rest[0]))
    if not endpoint:
        raise Refused(404, "Endpoint not found")
    state = endpoint["status"]["state"]
    action = rest[1] if len(rest) > 1 else method
    if action == "GET":
        step(endpoint)
    elif action == "DELETE":
        del endpoints[namespace, rest[0]]
        return {}
    elif action == "PUT":
        merge(endpoint, body)
        set_state(endpoint, "updating")
    elif action == "pause":
        set_state(endpoint, "paused")
    elif action == "scale-to-zero":
        set_state(endpoint, "scaledToZero")
    elif action == "resume":
        if state == "running":
            raise Refused(400, "Bad Request: endpoint is already running")
        set_state(endpoint, "pending")
    return endpoint


def proxy(namespace, name, path):
    """What stands in front of an endpoint."""
    global unhealthy
    endpoint = endpoints.get((namespace, name))
    state = endpoint and endpoint["status"]["state"]
    if state == "paused":
        raise Refused(400, {"error": "Bad Request: The endpoint is paused, ask a maintainer to restart it",
                            "code": "BAD_REQUEST"})
    if state == "scaledToZero":
        set_state(endpoint, "initializing")
    if state != "running":
        raise Refused(503, {"error": "503 Service Unavailable", "code": "SERVICE_UNAVAILABLE"})
    if path != "health":
        raise Refused(404, "no such route")
    if unhealthy > 0:
        unhealthy -= 1
        raise Refused(502, "bad gateway")
    return {}


def known(dataset, token):
    gated = dataset in options.gated and token != f"Bearer {options.token}"
    if gated or not any(d == dataset for d, _, _ in splits):
        text = "The dataset does not exist, or is not accessible without authentication (private or gated). " \
               "Please check the spelling of the dataset name or retry with authentication."
        raise Refused(404 if token else 401, text, X_Error_Code="ExternalAuthenticatedError")


def rows(dataset, config, split, query):
    """The body as bytes: the rows are not parsed, so that they come out as they stand in the file."""
    offset, length = int(query.get("offset", 0)), int(query.get("length", 100))
    if length > 100:
        raise Refused(422, "Parameter 'length' must not be greater than 100")
    lines = splits.get((dataset, config, split))
    if lines is None:
        raise Refused(404, "Not found.", X_Error_Code="ResponseNotFound")
    cut = {int(r): c for r, c in (t.split(":") for t in options.truncated)}
    items = [b'{"row_idx":%d,"row":%s,"truncated_cells":%s}' % (
        offset + i, line, json.dumps([cut[offset + i]] if offset + i in cut else []).encode())
        for i, line in enumerate(lines[offset:offset + min(length, options.page)])]
    return b'{"features":[],"rows":[' + b",".join(items) + b'],"num_rows_total":%d,"num_rows_per_page":100,"partial":%s}' % (
        len(lines), b"true" if options.partial else b"false")


def view(route, query, token):
    """The dataset viewer's routes."""
    dataset = query.get("dataset")
    if not dataset:
        raise Refused(422, "Parameter 'dataset' is required")
    time.sleep(options.delay / 1000)
    known(dataset, token)
    config = query.get("config")
    mine = [key for key in splits if key[0] == dataset]
    if route == "rows":
        return rows(dataset, config, query.get("split"), query)
    if config and all(key[1] != config for key in mine):
        raise Refused(404, "Not found.", X_Error_Code="ResponseNotFound")
    if route == "splits":
        return {"splits": [{"dataset": d, "config": c, "split": s} for d, c, s in mine if config in (None, c)],
                "pending": [], "failed": []}
    info = {c: {"config_name": c, "splits": {s: {"name": s, "num_examples": len(splits[key])} for key in mine
                                             for _, k, s in [key] if k == c}} for _, c, _ in mine}
    return {"dataset_info": info[config] if config else info, "pending": [], "failed": [], "partial": options.partial}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def kind(self, parts, query):
        if parts[:2] == ["v2", "endpoint"]:
            by_name = {"GET": "read", "PUT": "update", "DELETE": "delete"}
            return (parts[4] if len(parts) > 4 else by_name[self.command] if len(parts) > 3 else
                    "create" if self.command == "POST" else "list")
        if parts[0] == "endpoints":
            return "health"
        return {"whoami-v2": "whoami", "datasets": "search"}.get(parts[-1], parts[1] if parts[0] == "v2" else parts[-1])

    def fault(self, kind, query):
        kinds = [kind, f"rows@{query.get('offset', 0)}"] if kind == "rows" else [kind]
        for k in kinds:
            counts[k] = counts.get(k, 0) + 1
            for name, number, what in faults:
                if name == k and number in ("*", str(counts[k])):
                    return what
        return ""

    def answer(self, parts, query, body, token):
        if parts[-1] == "whoami-v2":
            if options.token and token != f"Bearer {options.token}":
                raise Refused(401, "Invalid credentials in Authorization header")
            return {"type": "org" if token == "Bearer org" else "user", "name": "me", "orgs": [{"name": "acme"}]}
        if parts[0] == "api":
            word = query.get("search", "").lower()
            return [{"id": d} for d in sorted({d for d, _, _ in splits}) if word in d.lower()]
        if parts[0] == "v2":
            if options.token and token != f"Bearer {options.token}":
                raise Refused(401, "Unauthorized")
            if parts[1] == "provider":
                return PROVIDERS
            return manage(self.command, parts[2], parts[3:], body, self.server.server_port)
        if parts[0] == "endpoints":
            return proxy(parts[1], parts[2], parts[3])
        return view(parts[0], query, token)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def send(self, status, body, headers, cut):
        if log:
            log.write(json.dumps({"kind": self.kind_, "method": self.command, "path": self.path, "status": status,
                                  "headers": {k.lower(): v for k, v in self.headers.items()}, "body": self.body}) + "\n")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "req-1")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def do(self):
        url = urlsplit(self.path)
        parts = [unquote(p) for p in url.path.strip("/").split("/")]
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        token = self.headers.get("Authorization")
        with lock:
            self.kind_ = self.kind(parts, query)
            what = self.fault(self.kind_, query)
        if what == "reset":
            return self.reset()
        status, headers = 200, {}
        try:
            if what == "not-ready":
                raise Refused(500, "The server is busier than usual and the response is not ready yet. Please retry later.",
                              X_Error_Code="ResponseNotReady")
            if what.startswith("status="):
                words, _, text = what.partition(",body=")
                words = dict(w.split("=", 1) for w in words.split(","))
                extra = {"Retry_After": words["retry-after"]} if "retry-after" in words else {}
                raise Refused(int(words["status"]), json.loads(text or '{"error":"a scripted fault"}'), **extra)
            if what.startswith("raw="):
                body = what[4:].replace("\\n", "\n").encode()
            elif parts[0] in ("splits", "info", "rows"):
                body = view(parts[0], query, token)
            else:
                with lock:
                    body = self.answer(parts, query, json.loads(self.body or "{}"), token)
        except Refused as refused:
            status, body, headers = refused.status, refused.body, refused.headers
        if what == "lost":
            return self.reset()
        if isinstance(body, dict):
            body = {k: v for k, v in body.items() if k not in ("reads", "base")}
            if "items" in body:
                body["items"] = [{k: v for k, v in e.items() if k not in ("reads", "base")} for e in body["items"]]
        if not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":")).encode()
        self.send(status, body, headers, what == "cut")

    do_GET = do_POST = do_PUT = do_DELETE = do


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], OSError):  # a client that leaves is no error
            super().handle_error(request, address)


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = Server(("127.0.0.1", 0), Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
