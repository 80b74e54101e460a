"""huggingface_hub's Inference Endpoints against hf-local --models: run by check-hub.sh in hf-local's environment.

The client asks the Hub at HF_ENDPOINT who it is. The address of the management API it has in a constant only.
"""

import os

import huggingface_hub
from huggingface_hub import (
    InferenceEndpointError,
    InferenceEndpointTimeoutError,
    constants,
    create_inference_endpoint,
    get_inference_endpoint,
    list_inference_endpoints,
    pause_inference_endpoint,
    whoami,
)
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session

constants.INFERENCE_ENDPOINTS_ENDPOINT = os.environ["HF_ENDPOINTS_API"] + "/v2"
headers = {"Authorization": "Bearer " + os.environ["HF_TOKEN"]}
ready = {"timeout": 60, "refresh_every": 1}


def create(name, **more):
    arguments = {
        "repository": "org/tiny",
        "framework": "pytorch",
        "task": "sentence-embeddings",
        "accelerator": "cpu",
        "vendor": "aws",
        "region": "us-east-1",
        "instance_size": "x2",
        "instance_type": "intel-icl",
    }
    return create_inference_endpoint(name, **{**arguments, **more})


def refused(call, error=HfHubHTTPError):
    try:
        call()
    except error as e:
        return str(e)
    raise AssertionError("was not refused")


def status(call):
    try:
        call()
    except HfHubHTTPError as e:
        return e.response.status_code
    raise AssertionError("was not refused")


def embed(endpoint):
    return get_session().post(endpoint.url, headers=headers, json={"inputs": ["a person on a horse"]})


assert whoami()["name"] == "local"
assert list_inference_endpoints() == []

one = create("one", min_replica=0, scale_to_zero_timeout=15, secrets={"KEY": "hush"})
assert one.namespace == "local" and one.status == "pending" and one.type in ("authenticated", "protected")
assert (one.repository, one.framework, one.task, one.revision) == ("org/tiny", "pytorch", "sentence-embeddings", None)
assert one.created_at.year >= 2025 and "hush" not in str(one.raw)
assert one.wait(**ready) is one and one.status == "running" and one.url.startswith("http://127.0.0.1:")
vector = embed(one).json()["embeddings"]
assert len(vector) == 1 and len(vector[0]) == 32
assert [e.name for e in list_inference_endpoints()] == ["one"]
assert status(lambda: create("one")) == 409
assert status(lambda: get_inference_endpoint("two")) == 404
assert "scaleToZeroTimeout" in refused(lambda: create("two", min_replica=0, scale_to_zero_timeout=5))

assert one.pause().status == "paused" and one.url
assert embed(one).status_code == 400 and "is paused" in embed(one).text
refused(lambda: one.wait(timeout=1, refresh_every=1), InferenceEndpointTimeoutError)
assert one.resume().status == "pending"
one.wait(**ready)
assert one.resume().status == "running"  # 400 "already running", which the client takes for success
assert status(lambda: one.resume(running_ok=False)) == 400

assert one.scale_to_zero().status == "scaledToZero"
assert embed(one).status_code == 503
one.fetch().wait(**ready)
assert embed(one).json()["embeddings"] == vector

assert one.update(revision="next").status == "updating"
assert embed(one).status_code == 200  # by the one before, or the one after
one.wait(**ready)
assert one.revision == "next" and embed(one).json()["embeddings"] != vector
one.update(scale_to_zero_timeout=30).wait(**ready)
assert one.raw["compute"]["scaling"] == {"minReplica": 0, "maxReplica": 1, "scaleToZeroTimeout": 30}

image = {"tei": {"url": "ghcr.io/huggingface/text-embeddings-inference:cpu-1.9", "port": 80, "healthRoute": "/health"}}
tei = create("tei", custom_image=image, namespace="my-org", type="public").wait(**ready)
assert tei.raw["model"]["image"] == image
assert tei.client.feature_extraction("a person on a horse").shape == (1, 32)
assert [e.name for e in list_inference_endpoints("my-org")] == ["tei"]
tei.delete()

broken = create("broken", repository="org/broken")
refused(lambda: broken.wait(**ready), InferenceEndpointError)
assert broken.status == "failed" and "config.json" in broken.raw["status"]["errorMessage"]
broken.delete()

hardware = getattr(huggingface_hub, "list_inference_endpoints_hardware", None)  # since 2.0
if hardware:
    here = hardware()
    assert [h.price_per_hour for h in here] == [0] and here[0].num_cpus >= 1

assert pause_inference_endpoint("one").status == "paused"
one.delete()
assert list_inference_endpoints() == []
assert "Invalid user token" in refused(lambda: whoami(token="wrong"), Exception)
assert status(lambda: list_inference_endpoints("local", token="wrong")) == 401
print("huggingface_hub", huggingface_hub.__version__, "works with hf-local")
