# hf-local --models: the management API, and the proxy in front of each endpoint.
load helper
load hf-local

PAUSED='{"error":"Bad Request: The endpoint is paused, ask a maintainer to restart it","code":"BAD_REQUEST"}'
ZERO='{"error":"503 Service Unavailable","code":"SERVICE_UNAVAILABLE"}'

# A folder of models: a plain one, and one with two revisions as the Hub's cache has them.
setup() {
	dir=$BATS_TEST_TMPDIR/models
	mkdir -p "$dir/org" "$dir/models--org--cached/refs" "$dir/models--org--cached/snapshots"
	ln -s "$MODELS/bert-mean" "$dir/org/mean"
	ln -s "$MODELS/bert-cls" "$dir/org/cls"
	ln -s "$MODELS/bert-mean" "$dir/models--org--cached/snapshots/0123abc"
	ln -s "$MODELS/distilbert" "$dir/models--org--cached/snapshots/4567def"
	printf 0123abc >"$dir/models--org--cached/refs/main"
	printf 4567def >"$dir/models--org--cached/refs/next"
}

# slow_model  org/slow, whose loading waits until something is written to $dir/go
slow_model() {
	cp -r "$MODELS/bert-mean" "$dir/org/slow"
	chmod -R u+w "$dir/org/slow"
	rm -f "$dir/org/slow/config_sentence_transformers.json"
	mkfifo "$dir/org/slow/config_sentence_transformers.json"
	ln -s "$dir/org/slow/config_sentence_transformers.json" "$dir/go"
}

# beside [OPTION]... : the test's standard input is a script that runs beside hf-local; in it
#   api METHOD PATH [BODY]       the answer's body, then a line with its status
#   spec NAME MODEL [JQ]         the body that makes an endpoint
#   make NAME MODEL [JQ]         makes one, says nothing
#   state NAME                   its state
#   reach NAME STATE             waits until it has that state
#   ask NAME PATH [CURL ARG]...  asks the endpoint itself; body, then a line with the status
#   post NAME PATH BODY          the same with a body
beside() {
	cat >"$BATS_TEST_TMPDIR/script"
	cat >"$BATS_TEST_TMPDIR/functions" <<'END'
call() {
	curl -sS --max-time 60 -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' -w '\n%{http_code}\n' "$@"
}
api() {
	call -X "$1" "$HF_ENDPOINTS_API$2" ${3+--data-binary "$3"}
}
spec() {
	jq -nc --arg name "$1" --arg model "$2" '{accountId: null, $name, type: "authenticated",
		provider: {vendor: "aws", region: "us-east-1"},
		compute: {accelerator: "cpu", instanceType: "intel-icl", instanceSize: "x2",
			scaling: {minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15}},
		model: {repository: $model, revision: null, framework: "pytorch",
			task: "sentence-embeddings", image: {huggingface: {}}}} | '"${3-.}"
}
make() {
	[ "$(api POST /v2/endpoint/me "$(spec "$@")" | tail -1)" = 200 ]
}
describe() {
	api GET "/v2/endpoint/me/$1" | head -1
}
state() {
	describe "$1" | jq -r .status.state
}
reach() {
	local now end=$((SECONDS + 20))

	while now=$(state "$1"); [ "$now" != "$2" ]; do
		[ $SECONDS -lt $end ] || {
			echo "$1 is $now, not $2"
			return 1
		}
	done
}
ask() {
	call "$HF_ENDPOINTS_API/endpoints/me/$1$2" "${@:3}"
}
post() {
	ask "$1" "$2" --data-binary "$3"
}
END
	run --separate-stderr "${SERVER:-hf-local}" "$@" --models "$dir" -- \
		bash -eu -o pipefail -c '. "$1"; dir=$3; . "$2"' beside "$BATS_TEST_TMPDIR/functions" "$BATS_TEST_TMPDIR/script" "$dir"
	[ "$status" -eq 0 ] && [ -z "$stderr" ] || {
		echo "status $status: $output: $stderr"
		return 1
	}
}

@test "endpoints: the command has the API's address, the Hub's for whoami, and a token, and no endpoint's" {
	beside <<'END'
[[ $HF_ENDPOINTS_API == http://127.0.0.1:* ]]
[ "$HF_ENDPOINT" = "$HF_ENDPOINTS_API" ]
[[ $HF_TOKEN =~ ^[0-9a-f]{32}$ ]]
[ -z "${HF_ENDPOINT_URL-}" ]
api GET /api/whoami-v2 | head -1 | jq -c '[.type, .name, .orgs]'
api GET /v2/endpoint/me
END
	is '["user","local",[]]
{"items":[]}
200'
}

@test "endpoints: an endpoint passes from pending through initializing to running, at its own URL" {
	slow_model
	beside <<'END'
api POST /v2/endpoint/me "$(spec one org/slow)" | head -1 | jq -c '[.status.state, .status.url]'
reach one initializing
describe one | jq -c '[.status.readyReplica, (.status.url | sub(":[0-9]+/"; "/"))]'
ask one /health
make two org/mean # one is loaded after the other
state two
echo '{}' >"$dir/go"
reach one running
reach two running
describe one | jq -c '[.status.readyReplica, .status.targetReplica, .healthRoute, .model.repository]'
[ "$(describe one | jq -r .status.url)" = "$HF_ENDPOINTS_API/endpoints/me/one" ]
ask one /health
api GET /v2/endpoint/me | head -1 | jq -c '.items | map(.name)'
END
	is '["pending",null]
[0,"http://127.0.0.1/endpoints/me/one"]
'"$ZERO"'
503
pending
[1,1,"/health","org/slow"]
Ok
200
["one","two"]'
}

@test "endpoints: what was sent is read back, with what is the default, and no secret" {
	beside <<'END'
make one org/mean '.tags = ["a"] | .model.env = {A: "1"} | .model.secrets = {KEY: "hush"} | del(.model.task, .model.revision, .type, .compute.scaling)
	| .model.image = {custom: {url: "x/text-embeddings-inference:1", port: 80, credentials: {username: "u", password: "hush"}}} | .unknown = 1'
describe one | jq -cS 'del(.status)'
describe one | jq -c '.status | [.createdBy.name, .private, .lastUsedAt], (.createdAt, .updatedAt | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z$"))'
END
	[[ $output != *hush* ]]
	is '{"accountId":null,"compute":{"accelerator":"cpu","instanceSize":"x2","instanceType":"intel-icl","scaling":{"maxReplica":1,"minReplica":1,"scaleToZeroTimeout":null}},"healthRoute":"/health","model":{"env":{"A":"1"},"framework":"pytorch","image":{"custom":{"credentials":{"password":"***","username":"***"},"port":80,"url":"x/text-embeddings-inference:1"}},"repository":"org/mean","revision":null,"secrets":{"KEY":"***"},"task":"sentence-embeddings"},"name":"one","provider":{"region":"us-east-1","vendor":"aws"},"tags":["a"],"type":"authenticated"}
["local",null,null]
true
true'
}

@test "endpoints: each has a model of its own, which hf-embed and each route are answered with" {
	records 20 >"$BATS_TEST_TMPDIR/records"
	beside <<END
make a org/mean
make b org/cls
reach a running
reach b running
for e in a b; do
	HF_ENDPOINT_URL=\$(describe \$e | jq -r .status.url) hf-embed <"$BATS_TEST_TMPDIR/records" >"$BATS_TEST_TMPDIR/\$e"
	post \$e /v1/embeddings '{"input":"text number 0"}' | head -1 | jq -c .model
	post \$e /embed '{"inputs":"text number 0"}' | head -1 | jq -c length
done
END
	is '"org/mean"
1
"org/cls"
1'
	hf-local "$MODELS/bert-mean" -- hf-embed <"$BATS_TEST_TMPDIR/records" | cmp - "$BATS_TEST_TMPDIR/a"
	hf-local "$MODELS/bert-cls" -- hf-embed <"$BATS_TEST_TMPDIR/records" | cmp - "$BATS_TEST_TMPDIR/b"
	run ! cmp -s "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
}

@test "endpoints: what is paused answers 400, stays so, and is resumed" {
	beside <<'END'
make one org/mean
reach one running
api POST /v2/endpoint/me/one/pause | head -1 | jq -c '.status | [.state, .readyReplica, .targetReplica, has("url")]'
ask one /health
ask one /health | tail -1
state one
api POST /v2/endpoint/me/one/scale-to-zero
api POST /v2/endpoint/me/one/resume | head -1 | jq -c .status.state
reach one running
ask one /health
api POST /v2/endpoint/me/one/resume
END
	is '["paused",0,0,true]
'"$PAUSED"'
400
400
paused
{"error":"Bad Request: endpoint one: is paused: resume it first","code":"BAD_REQUEST"}
400
"pending"
Ok
200
{"error":"Bad Request: endpoint one: is already running, or about to be","code":"BAD_REQUEST"}
400'
}

@test "endpoints: what is scaled to zero answers 503 and wakes, but not for the token of another" {
	beside <<'END'
make one org/mean
reach one running
api POST /v2/endpoint/me/one/scale-to-zero | head -1 | jq -c '.status | [.state, .readyReplica, .targetReplica]'
HF_TOKEN=wrong ask one /
state one
post one / '{"inputs":"a"}'
reach one running
post one / '{"inputs":"a"}' | tail -1
END
	is '["scaledToZero",0,0]
{"error":"401 Unauthorized","code":"UNAUTHORIZED"}
401
scaledToZero
'"$ZERO"'
503
200'
}

@test "endpoints: hf-embed waits for an endpoint that wakes, and stops at one that is paused" {
	beside <<'END'
make one org/mean
reach one running
api POST /v2/endpoint/me/one/scale-to-zero >/dev/null
export HF_ENDPOINT_URL=$HF_ENDPOINTS_API/endpoints/me/one
echo '{"id":"a","metadata":{"text":"b"}}' | hf-embed 2>/dev/null | jq '.values | length'
api POST /v2/endpoint/me/one/pause >/dev/null
echo '{"id":"a","metadata":{"text":"b"}}' | hf-embed 2>/dev/null || echo $?
END
	is '32
78'
}

@test "endpoints: X-Scale-Up-Timeout holds a request until there is a model, or it is over" {
	slow_model
	beside <<'END'
make one org/slow
reach one initializing
ask one /health -H 'X-Scale-Up-Timeout: 1'
ask one /health -H 'X-Scale-Up-Timeout: soon' | tail -1
last=$(describe one | jq -r .status.lastUsedAt)
ask one /health -H 'X-Scale-Up-Timeout: 600' >"$dir/held" &
until [ "$(describe one | jq -r .status.lastUsedAt)" != "$last" ]; do :; done
echo '{}' >"$dir/go"
wait $!
cat "$dir/held"
api POST /v2/endpoint/me/one/pause >/dev/null
ask one /health -H 'X-Scale-Up-Timeout: 600' | tail -1
END
	is "$ZERO
503
503
Ok
200
400"
}

@test "endpoints: a minute without a request counts, and scaling to zero comes when it was asked for" {
	[ -x "$BUILD/tests/hf-local-fast" ]
	SERVER=$BUILD/tests/hf-local-fast beside <<'END'
make one org/mean
make always org/mean '.compute.scaling.minReplica = 1'
make never org/mean '.compute.scaling.scaleToZeroTimeout = null'
reach one running
reach always running
reach never running
end=$((SECONDS + 3)) # 45 of its minutes
while [ $SECONDS -lt $end ]; do ask one /health | tail -1; done | sort -u
reach one scaledToZero
[ $SECONDS -lt $((end + 8)) ] # 120 of its minutes
state always
state never
ask one /health | tail -1
reach one running
END
	is '200
running
running
503'
}

@test "endpoints: a model that is not there, or can't be loaded, makes its endpoint fail, and says why" {
	cp -r "$MODELS/bert-mean" "$dir/org/broken"
	chmod -R u+w "$dir/org/broken"
	rm "$dir/org/broken/model.safetensors"
	beside <<'END'
make none org/none
make broken org/broken
make out ../../etc
for e in none broken out; do
	reach $e failed
	describe $e | jq -c '.status | [.message, .targetReplica]'
	describe $e | jq -r .status.errorMessage
	ask $e /health | tail -1
done
rm "$dir/org/broken"/* 2>/dev/null || true
rmdir "$dir/org/broken/1_Pooling" "$dir/org/broken" 2>/dev/null || true
api PUT /v2/endpoint/me/broken '{"model":{"repository":"org/mean"}}' | tail -1
reach broken running
END
	is '["Endpoint failed to start",0]
org/none: no such model in '"$dir"': `HF_HUB_CACHE='"$dir"' hf download org/none` gets it
503
["Endpoint failed to start",0]
'"$dir"'/org/broken/model.safetensors: No such file or directory
503
["Endpoint failed to start",0]
../../etc: not the name of a model
503
200'
}

@test "endpoints: a change loads the model anew while the old one answers, or goes on with it where that fails" {
	slow_model
	beside <<'END'
make one org/mean
reach one running
api PUT /v2/endpoint/me/one '{"model":{"repository":"org/slow"}}' | head -1 | jq -c '[.status.state, .model.repository, .model.framework, .compute.instanceType]'
ask one /info | head -1 | jq -c .model_id
echo '{}' >"$dir/go"
reach one running
ask one /info | head -1 | jq -c .model_id
api PUT /v2/endpoint/me/one '{"model":{"repository":"org/none"}}' | tail -1
reach one updateFailed
describe one | jq -c '.status | [.readyReplica, (.errorMessage | test("^org/none: no such model"))]'
ask one /info | head -1 | jq -c .model_id
api POST /v2/endpoint/me/one/pause >/dev/null
api PUT /v2/endpoint/me/one '{"model":{"repository":"org/cls"}}' | head -1 | jq -c .status.state
api POST /v2/endpoint/me/one/resume >/dev/null
reach one running
ask one /info | head -1 | jq -c .model_id
END
	is '["updating","org/slow","pytorch","intel-icl"]
"org/mean"
"org/slow"
200
[1,true]
"org/slow"
"paused"
"org/cls"'
}

@test "endpoints: the answer that a client has read may be sent back as a change" {
	beside <<'END'
make one org/mean
reach one running
api PUT /v2/endpoint/me/one "$(describe one | jq -c '.compute.scaling.maxReplica = 2')" | tail -1
reach one running
describe one | jq -c '[.compute.scaling.maxReplica, .status.state]'
END
	is '200
[2,"running"]'
}

@test "endpoints: an image with text-embeddings-inference answers as that does on /, with its own limit" {
	beside <<'END'
make kit org/mean
make tei org/mean '.model.image = {tei: {url: "x", healthRoute: "/up"}} | .model.env = {MAX_CLIENT_BATCH_SIZE: "2"}'
reach kit running
reach tei running
post kit / '{"inputs":["a"]}' | head -1 | jq -c 'keys'
post tei / '{"inputs":["a"]}' | head -1 | jq -c '[length, (.[0] | length)]'
post tei / '{"inputs":["a","b","c"]}'
ask tei /info | head -1 | jq .max_client_batch_size
ask tei /up
ask kit /up | tail -1
api PUT /v2/endpoint/me/tei '{"model":{"image":{"huggingface":{}}}}' | head -1 | jq -c .model.image
END
	is '["embeddings"]
[1,32]
{"error":"batch size 3 > maximum allowed batch size 2","error_type":"Validation"}
422
2
Ok
200
404
{"huggingface":{}}'
}

@test "endpoints: a revision is a branch, a tag or a commit of the cache" {
	beside <<'END'
n=0
for revision in null '"main"' '"next"' '"0123abc"' '"4567def"'; do
	n=$((n + 1))
	make r$n org/cached ".model.revision = $revision"
	reach r$n running
	post r$n /embed '{"inputs":"a"}' | head -1 >"$dir/v$n"
done
for i in 2 4; do cmp "$dir/v1" "$dir/v$i"; done
cmp "$dir/v3" "$dir/v5"
! cmp -s "$dir/v1" "$dir/v3"
make none org/cached '.model.revision = "none"'
make out org/cached '.model.revision = "../refs"'
make plain org/mean '.model.revision = "next"'
for e in none out plain; do
	reach $e failed
	describe $e | jq -r '.status.errorMessage | split(": ")[1:] | join(": ")'
done
END
	is 'no such revision here: none
not the name of a revision
a plain folder, which has no revision next'
}

@test "endpoints: a public one needs no token, the API does" {
	beside <<'END'
make one org/mean '.type = "public"'
reach one running
curl -sS "$HF_ENDPOINTS_API/endpoints/me/one/health" -w '\n%{http_code}\n'
for path in /v2/endpoint/me /v2/endpoint/me/one /api/whoami-v2 /v2/provider/me /endpoints/me/two /none; do
	HF_TOKEN=wrong api GET $path
done | sort | uniq -c | tr -s ' '
HF_TOKEN=wrong api DELETE /v2/endpoint/me/one | tail -1
call "$HF_ENDPOINTS_API/endpoints/me/one/health" -H 'Origin: http://example.org' | tail -1
call "$HF_ENDPOINTS_API/v2/endpoint/me" -H 'Origin: http://example.org' | tail -1
END
	is 'Ok
200
 6 401
 6 {"error":"401 Unauthorized","code":"UNAUTHORIZED"}
401
403
403'
}

@test "endpoints: names, paths and methods that are none are told" {
	beside <<'END'
make one org/mean
api POST /v2/endpoint/me "$(spec one org/mean)"
api GET /v2/endpoint/me/two
api DELETE /v2/endpoint/me/two | tail -1
api GET /v2/endpoint/you/one | tail -1
api POST /v2/endpoint/me/one/explode | tail -1
api GET /v2/endpoint/me/one/pause | tail -1
api PATCH /v2/endpoint/me/one
api GET /v2/endpoint | tail -1
api GET /v2/endpoint/me/one/pause/now | tail -1
api POST /api/whoami-v2 '{}' | tail -1
ask two /health
reach one running
ask one /none | tail -1
api DELETE /v2/endpoint/me/one
ask one /health | tail -1
make one org/mean
END
	is '{"error":"Conflict: endpoint one: there is one of that name already","code":"CONFLICT"}
409
{"error":"Not Found: endpoint two: there is none of that name in me","code":"NOT_FOUND"}
404
404
404
404
405
{"error":"Method Not Allowed: PATCH: not here: only GET, PUT, DELETE","code":"METHOD_NOT_ALLOWED"}
405
404
404
405
{"error":"Not Found: /endpoints/me/two/health: no endpoint has that address","code":"NOT_FOUND"}
404
404
{}
200
404'
}

@test "endpoints: a specification that can't be is refused with the member that is wrong" {
	beside <<'END'
bad() {
	api POST /v2/endpoint/me "$(spec one org/mean "$1")" | jq -rs '"\(.[1]) \(.[0].error)"'
}
bad 'del(.name)'
bad '.name = "One"'
bad '.name = "a" * 33'
bad '.name = "a\u0000b"'
bad '.type = "open"'
bad '.provider = "aws"'
bad 'del(.compute.instanceSize)'
bad '.compute.scaling = 1'
bad '.compute.scaling.minReplica = -1'
bad '.compute.scaling.minReplica = 1.5'
bad '.compute.scaling.minReplica = 2'
bad '.compute.scaling.scaleToZeroTimeout = 14'
bad '.compute.scaling.scaleToZeroTimeout = 2881'
bad '.model.repository = 5'
bad '.model.revision = 5'
bad '.model.task = "text-generation"'
bad '.model.task = "feature-extraction"'
bad '.model.image = {vLLM: {url: "x"}}'
bad '.model.image = {custom: {url: "x"}}'
bad '.model.image = {tei: {url: "x"}} | .model.env = {MAX_CLIENT_BATCH_SIZE: "0"}'
bad '.model.image = {tei: {url: "x", healthRoute: "up"}}'
bad '[.]'
api POST /v2/endpoint/me '{"name":' | jq -rs '"\(.[1]) \(.[0].error)"'
api POST /v2/endpoint/me '' | jq -rs '"\(.[1]) \(.[0].error)"'
api POST /v2/endpoint/me "$(spec one org/mean '.tags = ["a" * 70000]')" | jq -rs '"\(.[1]) \(.[0].error)"'
api POST /v2/endpoint/me "$(printf '%300s' | tr ' ' '[')$(printf '%300s' | tr ' ' ']')" | tail -1
api GET /v2/endpoint/me | head -1
make one org/mean
api PUT /v2/endpoint/me/one '{"name":"two"}' | head -1
api PUT /v2/endpoint/me/one '{"compute":{"scaling":{"minReplica":9}}}' | head -1
describe one | jq -c .compute.scaling.minReplica
END
	is '400 Bad Request: name: missing, or not a text
400 Bad Request: name: want at most 32 of the characters a-z, 0-9 and -
400 Bad Request: name: want at most 32 of the characters a-z, 0-9 and -
400 Bad Request: name: missing, or not a text
400 Bad Request: type: want authenticated, public or private
400 Bad Request: provider: want an object
400 Bad Request: compute.instanceSize: missing, or not a text
400 Bad Request: compute.scaling: want an object
400 Bad Request: compute.scaling.minReplica: want a number from 0 to 1000
400 Bad Request: compute.scaling.minReplica: want a number from 0 to 1000
400 Bad Request: compute.scaling.maxReplica: want a number from 2 to 1000
400 Bad Request: compute.scaling.scaleToZeroTimeout: want null or minutes from 15 to 2880
400 Bad Request: compute.scaling.scaleToZeroTimeout: want null or minutes from 15 to 2880
400 Bad Request: model.repository: missing, or not a text
400 Bad Request: model.revision: want null or a text
400 Bad Request: model.task: text-generation: only sentence-embeddings can be had on this machine
400 Bad Request: model.task: feature-extraction: only sentence-embeddings can be had on this machine
400 Bad Request: model.image: only huggingface, tei, and a custom url with text-embeddings-inference in it can be had on this machine
400 Bad Request: model.image: only huggingface, tei, and a custom url with text-embeddings-inference in it can be had on this machine
400 Bad Request: model.env: MAX_CLIENT_BATCH_SIZE: want a number from 1 to 1000000
400 Bad Request: model.image: healthRoute: want a path that begins with /
400 Bad Request: request body: not an object
400 Bad Request: request body: not JSON
400 Bad Request: request body: not JSON
413 Payload Too Large: request body: larger than 65536 bytes
400
{"items":[]}
{"error":"Bad Request: name: can'"'"'t be changed","code":"BAD_REQUEST"}
{"error":"Bad Request: compute.scaling.maxReplica: want a number from 9 to 1000","code":"BAD_REQUEST"}
0'
}

@test "endpoints: namespaces are kept apart" {
	beside <<'END'
make one org/mean
api POST /v2/endpoint/my-org "$(spec one org/cls)" | tail -1
api GET /v2/endpoint/my-org | head -1 | jq -c '.items | map([.name, .model.repository])'
api DELETE /v2/endpoint/my-org/one | tail -1
api GET /v2/endpoint/me | head -1 | jq -c '.items | map([.name, .model.repository])'
END
	is '200
[["one","org/cls"]]
200
[["one","org/mean"]]'
}

@test "endpoints: the hardware is this machine, at no price" {
	beside <<'END'
api GET /v2/provider/me | head -1 | jq -c '.vendors[] | [.name, .regions[0].name, (.regions[0].computes[0] | .accelerator, .instanceType, .instanceSize, .pricePerHour, .status, (.numCpus > 0), (.memoryGb > 0))]'
END
	is '["local","here","cpu","cpu","x1",0,"available",true,true]'
}

@test "endpoints: what has been asked is answered whole, whatever becomes of its endpoint" {
	seq 300 | jq -Rsc '{inputs: (split("\n")[:300])}' >"$BATS_TEST_TMPDIR/body"
	beside <<END
make one org/mean
reach one running
for i in 1 2 3 4; do
	while post one / "@$BATS_TEST_TMPDIR/body" >"\$dir/answer\$i" && [ "\$(tail -1 "\$dir/answer\$i")" = 200 ]; do
		head -1 "\$dir/answer\$i" | jq '.embeddings | length'
	done >"\$dir/lengths\$i" &
done
until [ -s "\$dir/lengths1" ]; do :; done
api PUT /v2/endpoint/me/one '{"model":{"repository":"org/cls"}}' >/dev/null
reach one running
api PUT /v2/endpoint/me/one '{"model":{"repository":"org/mean"}}' >/dev/null
reach one running
api POST /v2/endpoint/me/one/pause >/dev/null
wait
sort -u "\$dir"/lengths?
cat "\$dir"/answer? | sort -u
END
	is "300
400
$PAUSED"
}

@test "endpoints: a body over --max-body is answered 413 in the form of its route" {
	head -c 2000 /dev/zero | tr '\0' a >"$BATS_TEST_TMPDIR/body"
	beside --max-body 1000 <<END
make one org/mean
reach one running
post one /embed "@$BATS_TEST_TMPDIR/body"
post one /v1/embeddings "@$BATS_TEST_TMPDIR/body"
api POST /v2/endpoint/me "@$BATS_TEST_TMPDIR/body"
END
	is '{"error":"request body of 2000 bytes is over the limit of 1000 bytes","error_type":"Validation"}
413
{"message":"request body of 2000 bytes is over the limit of 1000 bytes","code":413,"type":"Validation"}
413
{"error":"Payload Too Large: request body of 2000 bytes is over the limit of 1000 bytes","code":"PAYLOAD_TOO_LARGE"}
413'
}

@test "endpoints: the end does not wait for a request that is held" {
	slow_model
	beside <<'END'
make one org/slow
reach one initializing
ask one /health -H 'X-Scale-Up-Timeout: 600' >"$dir/held" 2>&1 &
until [ "$(describe one | jq -r '.status.lastUsedAt')" != null ]; do :; done
END
	is ''
	until [ "$(tail -n 1 "$dir/held")" = 503 ]; do :; done
	[ "$(<"$dir/held")" = "$ZERO"$'\n503' ]
}

@test "endpoints: wrong usage is named" {
	usage() {
		run --separate-stderr hf-local "${@:3}"
		[ "$status" -eq "$1" ] && [ -z "$output" ] && [[ $stderr == "hf-local: $2"* ]] || {
			echo "status $status: $output: $stderr"
			return 1
		}
	}
	usage 64 '--name: an endpoint' --name a --models "$dir" -- true
	usage 64 'org/mean: want -- before the command, and no model with --models' --models "$dir" org/mean
	usage 66 "$dir/none: No such file or directory" --models "$dir/none" -- true
	usage 66 "$MODELS/README.md: not a folder" --models "$MODELS/README.md" -- true
	run --separate-stderr hf-local --models "$dir" -- sh -c 'exit 9'
	[ "$status" -eq 9 ] && [ -z "$stderr" ]
}

@test "endpoints: without a command the variables are printed, and -v says each request" {
	local line pid

	mkfifo "$BATS_TEST_TMPDIR/out"
	hf-local -v --models "$dir" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- &
	pid=$!
	SERVERS+=("$pid")
	exec 4<"$BATS_TEST_TMPDIR/out"
	for name in HF_ENDPOINTS_API HF_ENDPOINT HF_TOKEN; do
		read -r line <&4
		[[ $line == "export $name='"*"'" ]]
		eval "$line"
	done
	curl -sS -H "Authorization: Bearer $HF_TOKEN" "$HF_ENDPOINTS_API/v2/endpoint/me"
	kill -TERM "$pid"
	wait "$pid"
	SERVERS=()
	[ "$(<"$BATS_TEST_TMPDIR/err")" = 'hf-local: GET /v2/endpoint/me: 200, 12 bytes' ]
}
