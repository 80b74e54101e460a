load helper
load hub

MODEL=sentence-transformers/all-MiniLM-L6-v2

endpoint() {
	run --separate-stderr hf-endpoint "$@" </dev/null
}

# made NAME [OPTION]...  it is there, and runs
made() {
	hf-endpoint create -q -m "$MODEL" --wait 10s "${@:2}" "$1" >/dev/null
	: >"$FAULT_LOG"
}

state() {
	jq -r .status.state <<<"$output"
}

@test "hf-endpoint create: the body is the one that huggingface_hub sends, and the endpoint is printed" {
	start_hub
	endpoint create -m "$MODEL" one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -r .name <<<"$output")" = one ]
	[ "$(state)" = pending ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson')" = "$(jq -c . <<-END
		{"accountId":null,"name":"one","type":"authenticated","provider":{"vendor":"aws","region":"us-east-1"},
		"compute":{"accelerator":"cpu","instanceType":"intel-icl","instanceSize":"x2",
		"scaling":{"minReplica":1,"maxReplica":1,"scaleToZeroTimeout":null}},
		"model":{"repository":"$MODEL","revision":null,"task":"sentence-embeddings","framework":"pytorch","image":{"huggingface":{}}}}
	END
	)" ]
}

@test "hf-endpoint create: each option is in the body" {
	start_hub
	endpoint create -m BAAI/bge-small-en --revision v1 --task feature-extraction --type public --vendor gcp --region us-east4 \
		--accelerator gpu --instance-type nvidia-l4 --instance-size x1 --min-replica 0 --max-replica 3 \
		--scale-to-zero-timeout 15 --env A=1 --env 'B=x=y "z"' --image huggingface one
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson')" = "$(jq -c . <<-'END'
		{"accountId":null,"name":"one","type":"public","provider":{"vendor":"gcp","region":"us-east4"},
		"compute":{"accelerator":"gpu","instanceType":"nvidia-l4","instanceSize":"x1",
		"scaling":{"minReplica":0,"maxReplica":3,"scaleToZeroTimeout":15}},
		"model":{"repository":"BAAI/bge-small-en","revision":"v1","task":"feature-extraction","framework":"pytorch",
		"image":{"huggingface":{}},"env":{"A":"1","B":"x=y \"z\""}}}
	END
	)" ]
}

@test "hf-endpoint create --image tei: the container for cpu is known, any other is to be named" {
	start_hub
	endpoint create -m "$MODEL" --image tei --scale-to-zero-timeout 30 one
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson | [.model.framework, .model.image, .compute.scaling.minReplica]')" = \
		'["custom",{"tei":{"url":"ghcr.io/huggingface/text-embeddings-inference:cpu-1.9","port":80,"healthRoute":"/health"}},0]' ]
	endpoint create -m "$MODEL" --image tei --accelerator gpu two
	[ "$status" -eq 64 ]
	[[ $stderr == 'hf-endpoint: --image tei: want tei=URL, the container that fits the accelerator;'* ]]
	endpoint create -m "$MODEL" --image tei=registry.example/tei:89-1.9 --accelerator gpu two
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson | .model.image.tei.url' | tail -1)" = '"registry.example/tei:89-1.9"' ]
}

@test "hf-endpoint: each request carries the token and the program's name" {
	start_hub
	made one
	endpoint describe one
	[ "$(requests '.headers.authorization' | sort -u)" = '"Bearer hf_test"' ]
	[[ $(requests '.headers."user-agent"' | sort -u) =~ ^\"vecpipe/[0-9.]+\ \(hf-endpoint\)\"$ ]]
}

@test "hf-endpoint: whose endpoints they are is asked once, and not at all with -u" {
	start_hub
	endpoint create -m "$MODEL" one two
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.kind == "whoami") | .path')" = '"/api/whoami-v2"' ]
	[ "$(requests 'select(.kind == "create") | .path' | sort -u)" = '"/v2/endpoint/me"' ]
	: >"$FAULT_LOG"
	endpoint create -u acme -m "$MODEL" three
	[ "$status" -eq 0 ]
	[ "$(requests .path | tail -1)" = '"/v2/endpoint/acme"' ]
	[ "$(requests 'select(.kind == "whoami")')" = '' ]
}

@test "hf-endpoint: a token that is no user's wants -u" {
	start_hub
	HF_TOKEN=org endpoint list
	[ "$status" -eq 78 ]
	hub_says 'hf-endpoint: GET URL/api/whoami-v2: the token is no user'\''s: say with -u whose endpoints are meant'
	HF_TOKEN=org endpoint list -u acme
	[ "$status" -eq 0 ]
}

@test "hf-endpoint: HF_ENDPOINT is where whose token it is, is asked" {
	start_hub
	hub=$HUB_URL log=$FAULT_LOG
	start_hub
	HF_ENDPOINT=$hub/ HF_ENDPOINTS_API=$HUB_URL/v2 endpoint list
	[ "$status" -eq 0 ]
	[ "$(requests .path)" = '"/v2/endpoint/me"' ]
	[ "$(jq -c .path "$log")" = '"/api/whoami-v2"' ]
}

@test "hf-endpoint wait: until it is running, has a url, and its health route answers 200; said once" {
	start_hub --reads 2 --unhealthy 1
	endpoint create -m "$MODEL" one
	[ "$(requests .kind | tail -1)" = '"create"' ]
	endpoint wait one
	[ "$status" -eq 0 ]
	[ "$stderr" = 'hf-endpoint: endpoint one: pending: waiting until it runs, up to 600 s' ]
	[ "$(state)" = running ]
	[ "$(requests 'select(.kind == "health") | [.path, .status, .headers.authorization]' | tr '\n' ' ')" = \
		'["/endpoints/me/one/health",502,"Bearer hf_test"] ["/endpoints/me/one/health",200,"Bearer hf_test"] ' ]
	[ "$(requests .kind | tail -1)" = '"health"' ]
}

@test "hf-endpoint wait: all that are named" {
	start_hub
	endpoint create -m "$MODEL" one two
	endpoint wait -q one two
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -r '.name + " " + .status.state' <<<"$output")" = $'one running\ntwo running' ]
}

@test "hf-endpoint create, resume, update --wait: wait as well" {
	start_hub
	endpoint create -q -m "$MODEL" --wait 10s one
	[ "$status" -eq 0 ]
	[ "$(state)" = running ]
	endpoint pause one
	endpoint resume -q --wait 10s one
	[ "$status" -eq 0 ]
	[ "$(state)" = running ]
	endpoint update -q --max-replica 2 --wait 10s one
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.status.state, .compute.scaling.maxReplica]' <<<"$output")" = '["running",2]' ]
}

@test "hf-endpoint wait: one that is paused ends it at once, with what to do" {
	start_hub
	made one
	endpoint pause one
	endpoint wait --wait 5s one
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = "hf-endpoint: endpoint one: is paused: 'hf-endpoint resume one' starts it" ]
	[ "$(requests 'select(.kind == "health")')" = '' ]
}

@test "hf-endpoint wait: one that has failed ends it, with the reason" {
	start_hub
	endpoint create -q -m x/broken --wait 10s one
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[ "$stderr" = 'hf-endpoint: endpoint one: its state is failed: the model cannot be loaded: update it, or delete it and create it anew' ]
	made two
	endpoint update -q -m y/broken --wait 10s two
	[ "$status" -eq 69 ]
	[[ $stderr == 'hf-endpoint: endpoint two: its state is updateFailed: the model cannot be loaded: '* ]]
}

@test "hf-endpoint wait: one that is scaled to zero is woken" {
	start_hub
	made one
	endpoint scale-to-zero one
	[ "$status" -eq 0 ]
	[ "$(state)" = scaledToZero ]
	endpoint wait -q one
	[ "$status" -eq 0 ]
	[ "$(state)" = running ]
	[ "$(requests 'select(.kind == "health") | .status' | tr '\n' ' ')" = '503 200 ' ]
}

@test "hf-endpoint wait: a state that is not known is not ready; neither is a url alone, nor running without one" {
	while read -r about description; do
		start_hub --fault "read:*:status=200,body={\"name\":\"one\",\"status\":$description}"
		endpoint wait -q --wait 50ms one
		[ "$status" -eq 75 ]
		[ "$stderr" = "hf-endpoint: endpoint one: not running yet ($about), and --wait is over: 'hf-endpoint wait one' waits on" ]
		[ "$(requests 'select(.kind == "health")')" = '' ]
	done <<-'END'
		warming {"state":"warming","url":"http://127.0.0.1:1"}
		pending {"state":"pending","url":"http://127.0.0.1:1"}
		running {"state":"running"}
	END
}

@test "hf-endpoint wait --wait, --deadline: gives up in time, and says how it stands" {
	start_hub --reads 1000
	endpoint create -m "$MODEL" one
	endpoint wait -q --wait 250ms one
	[ "$status" -eq 75 ]
	[ "$output" = '' ]
	[ "$stderr" = "hf-endpoint: endpoint one: not running yet (pending), and --wait is over: 'hf-endpoint wait one' waits on" ]
	endpoint wait -q --deadline 250ms one
	[ "$status" -eq 75 ]
	[ "$stderr" = "hf-endpoint: endpoint one: not running yet (pending), and --deadline is over: 'hf-endpoint wait one' waits on" ]
}

@test "hf-endpoint -u: the command that a message names has it as well" {
	start_hub --reads 1000
	for u in '' '-u acme '; do
		# shellcheck disable=SC2086 # words
		{
			endpoint create $u -m "$MODEL" one
			endpoint url $u one
			[ "$stderr" = "hf-endpoint: endpoint one: has no url yet (pending): 'hf-endpoint wait ${u}one' waits for it" ]
			endpoint wait -q $u --wait 50ms one
			[ "$stderr" = "hf-endpoint: endpoint one: not running yet (pending), and --wait is over: 'hf-endpoint wait ${u}one' waits on" ]
			endpoint pause $u one
			endpoint wait $u one
			[ "$stderr" = "hf-endpoint: endpoint one: is paused: 'hf-endpoint resume ${u}one' starts it" ]
		}
	done
}

@test "hf-endpoint wait: a health route that refuses the token is no wait" {
	start_hub --fault 'health:1:status=401'
	endpoint create -q -m "$MODEL" --wait 10s one
	[ "$status" -eq 77 ]
	hub_says 'hf-endpoint: GET URL/endpoints/me/one/health: 401: a scripted fault (request req-1): the token may not use this endpoint'
}

@test "hf-endpoint wait: the token is not sent to a url that is plain http elsewhere" {
	start_hub --fault 'read:1:status=200,body={"name":"one","status":{"state":"running","url":"http://example.org"}}'
	endpoint wait one
	[ "$status" -eq 76 ]
	[ "$stderr" = 'hf-endpoint: endpoint one: its url http://example.org: a secret is sent over plain http only to this machine: use https' ]
}

@test "hf-endpoint url: the bare URL, also of one that is paused" {
	start_hub
	made one
	endpoint url one
	[ "$status" -eq 0 ]
	[ "$output" = "$HUB_URL/endpoints/me/one" ]
	endpoint pause one
	endpoint url one
	[ "$output" = "$HUB_URL/endpoints/me/one" ]
}

@test "hf-endpoint url: one that has none yet is temporary, one that has failed is not" {
	start_hub --reads 1000
	endpoint create -m "$MODEL" one
	endpoint url one
	[ "$status" -eq 75 ]
	[ "$output" = '' ]
	[ "$stderr" = "hf-endpoint: endpoint one: has no url yet (pending): 'hf-endpoint wait one' waits for it" ]
}

@test "hf-endpoint list, describe: a line each" {
	start_hub
	made one
	made two
	endpoint list
	[ "$status" -eq 0 ]
	[ "$(jq -r .name <<<"$output")" = $'one\ntwo' ]
	endpoint describe two one
	[ "$(jq -r .name <<<"$output")" = $'two\none' ]
	run --separate-stderr hf-endpoint list -u acme
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
}

@test "hf-endpoint -: names and descriptions come from standard input" {
	start_hub
	made one
	made two
	hf-endpoint list | jq -c 'select(.name == "two")' >"$BATS_TEST_TMPDIR/some"
	run --separate-stderr hf-endpoint pause - <"$BATS_TEST_TMPDIR/some"
	[ "$status" -eq 0 ]
	[ "$(jq -r '.name + " " + .status.state' <<<"$output")" = 'two paused' ]
	run --separate-stderr hf-endpoint describe - < <(printf '%s\n' one '"two"')
	[ "$(jq -r .status.state <<<"$output")" = $'running\npaused' ]
}

@test "hf-endpoint resume: one that runs is as good as resumed" {
	start_hub
	made one
	endpoint resume one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(state)" = running ]
	[ "$(requests '[.method, .path, .status]' | tail -2)" = $'["POST","/v2/endpoint/me/one/resume",400]\n["GET","/v2/endpoint/me/one",200]' ]
}

@test "hf-endpoint update: only what changes is sent" {
	start_hub
	made one
	endpoint update --max-replica 4 --instance-size x4 one
	[ "$status" -eq 0 ]
	[ "$(state)" = updating ]
	[ "$(requests 'select(.method == "PUT") | .body | fromjson')" = '{"compute":{"instanceSize":"x4","scaling":{"maxReplica":4}}}' ]
	endpoint update --env A=b --revision v2 one
	[ "$(requests 'select(.method == "PUT") | .body | fromjson' | tail -1)" = '{"model":{"revision":"v2","env":{"A":"b"}}}' ]
	endpoint update one
	[ "$status" -eq 64 ]
	[[ $stderr == 'hf-endpoint: update: what is to be changed? give an option;'* ]]
}

@test "hf-endpoint hardware: a line for each, with vendor, region and price" {
	start_hub
	endpoint hardware
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.vendor, .region, .instanceType, .instanceSize, .status, .pricePerHour]' <<<"$output")" = "$(cat <<-'END'
		["aws","us-east-1","intel-icl","x2","available",0.067]
		["aws","us-east-1","nvidia-t4","x1","low_availability",0.5]
		["gcp","us-east4","nvidia-l4","x1","not_available",0.7]
	END
	)" ]
}

@test "hf-endpoint delete: only with -y where nobody can be asked" {
	start_hub
	made one
	endpoint delete one
	[ "$status" -eq 64 ]
	[ "$output" = '' ]
	[ "$stderr" = 'hf-endpoint: endpoint one: not deleted: -y is wanted where nobody can be asked' ]
	[ "$(requests 'select(.method == "DELETE")')" = '' ]
	endpoint delete -y one
	[ "$status" -eq 0 ]
	[ "$output" = '{"name":"one","deleted":true}' ]
	endpoint list
	[ "$output" = '' ]
}

@test "hf-endpoint delete: on a terminal only y deletes" {
	command -v script >/dev/null || skip 'needs script(1)'
	start_hub
	made one
	made two
	run script -qec 'hf-endpoint delete one two' /dev/null <<<$'n\ny'
	[[ $output == *'delete endpoint one? [y/N]'*'endpoint one: not deleted'*'{"name":"two","deleted":true}'* ]]
	endpoint list
	[ "$(jq -r .name <<<"$output")" = one ]
}

@test "hf-endpoint create, delete: an answer that was lost is no conflict and no missing endpoint" {
	start_hub --fault create:1:lost --fault delete:1:lost
	endpoint create -m "$MODEL" one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -r .name <<<"$output")" = one ]
	endpoint delete -y one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"name":"one","deleted":true}' ]
}

@test "hf-endpoint create: one that exists is refused, and left as it is" {
	start_hub
	made one
	endpoint create -m "$MODEL" one
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = 'hf-endpoint: endpoint one: exists already: --if-missing takes it as it is' ]
	[ "$(requests 'select(.method != "GET")')" = '' ]
}

@test "hf-endpoint create --if-missing: one that exists is fine, if it has that model and task" {
	start_hub
	made one
	endpoint create --if-missing -m "$MODEL" one
	[ "$status" -eq 0 ]
	[ "$(jq -r .name <<<"$output")" = one ]
	endpoint create --if-missing -m other/model one
	[ "$status" -eq 78 ]
	[ "$stderr" = "hf-endpoint: endpoint one: exists with repository $MODEL, not other/model: take another name" ]
	endpoint create --if-missing -m "$MODEL" --task feature-extraction one
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-endpoint: endpoint one: exists with task sentence-embeddings, not feature-extraction: take another name' ]
	[ "$(requests 'select(.method != "GET")')" = '' ]
	endpoint create --if-missing -m "$MODEL" two
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.method != "GET") | .kind')" = '"create"' ]
}

@test "hf-endpoint: an endpoint that is not there names those that are; the others are still seen to" {
	start_hub
	made one
	made two
	endpoint describe three one
	[ "$status" -eq 78 ]
	[ "$(jq -r .name <<<"$output")" = one ]
	[ "$stderr" = 'hf-endpoint: endpoint three: no such endpoint in me (there are: one, two)' ]
	for command in wait url pause resume scale-to-zero 'delete -y' 'update --max-replica 2'; do
		# shellcheck disable=SC2086 # words
		endpoint $command -u acme four
		[ "$status" -eq 78 ]
		[ "$stderr" = 'hf-endpoint: endpoint four: no such endpoint in acme (there are none)' ]
	done
}

@test "hf-endpoint: the API's own message is shown, wherever it stands, with the request's id" {
	start_hub
	endpoint create -m "$MODEL" --region nowhere one
	[ "$status" -eq 78 ]
	hub_says 'hf-endpoint: POST URL/v2/endpoint/me: 400: compute: no such region: nowhere (request req-1)'
	endpoint create -m "$MODEL" One
	[ "$status" -eq 78 ]
	hub_says 'hf-endpoint: POST URL/v2/endpoint/me: 400: invalid name: want lower-case letters, digits and - (request req-1)'
	start_hub --fault 'list:1:status=400,body={"error":"invalid_request","error_description":"that is why"}' \
		--fault 'list:2:status=400,body={"errors":[{"message":"and that"}]}'
	endpoint list
	[ "$status" -eq 65 ]
	hub_says 'hf-endpoint: GET URL/v2/endpoint/me: 400: invalid_request: that is why (request req-1)'
	endpoint list
	hub_says 'hf-endpoint: GET URL/v2/endpoint/me: 400: and that (request req-1)'
}

@test "hf-endpoint: a wrong token, and a namespace that is not one's own, are 77 at once; the token is not shown" {
	start_hub --token hf_test
	HF_TOKEN=hf_wrongsecret endpoint describe -v one two
	[ "$status" -eq 77 ]
	[ "$output" = '' ]
	[[ $stderr == *'401: Invalid credentials in Authorization header (request req-1): set HF_TOKEN to a token that may manage endpoints' ]]
	[[ $stderr != *wrongsecret* ]]
	[ "$(requests .kind)" = '"whoami"' ]
	endpoint describe -u other one two
	[ "$status" -eq 77 ]
	hub_says 'hf-endpoint: GET URL/v2/endpoint/other/one: 403: no right on that namespace (request req-1): the token may not manage endpoints of this namespace'
}

@test "hf-endpoint: without a token 78; over plain http it goes to this machine only" {
	start_hub
	HF_TOKEN='' endpoint list
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-endpoint: HF_TOKEN: not set: set it to a token that may manage endpoints, or run under hf-local' ]
	HF_ENDPOINTS_API=http://127.0.0.1.example.org endpoint list
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-endpoint: HF_ENDPOINTS_API: a secret is sent over plain http only to this machine: use https' ]
	HF_ENDPOINT=http://example.org endpoint list
	[ "$status" -eq 78 ]
	[ "$stderr" = 'hf-endpoint: HF_ENDPOINT: a secret is sent over plain http only to this machine: use https' ]
	[ ! -s "$FAULT_LOG" ]
}

@test "hf-endpoint: what passes is tried again; then it is unavailable, with the last reason" {
	start_hub --fault list:1:status=500 --fault list:2:reset --fault list:3:status=429,retry-after=0 --fault list:4:cut
	endpoint list
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(requests 'select(.kind == "list") | .status' | tr '\n' ' ')" = '500 429 200 200 ' ] # the reset one is not logged
	start_hub --fault 'list:*:status=500'
	endpoint list --retries 1
	[ "$status" -eq 69 ]
	hub_says 'hf-endpoint: GET URL/v2/endpoint/me: 500: a scripted fault (request req-1)'
	[ "$(requests 'select(.kind == "list")' | wc -l)" -eq 2 ]
}

@test "hf-endpoint: another server's answers are told from the API's" {
	start_hub --fault 'list:1:status=200,body=[]' --fault 'list:2:status=200,body={}' --fault 'list:3:status=404' \
		--fault 'read:1:status=200,body={}'
	endpoint list
	[ "$status" -eq 76 ]
	hub_says 'hf-endpoint: GET URL/v2/endpoint/me: 200: the answer is not a JSON object'
	endpoint list
	[ "$status" -eq 76 ]
	hub_says 'hf-endpoint: GET URL/v2/endpoint/me: the answer has no items'
	endpoint list
	[ "$status" -eq 78 ]
	hub_says 'hf-endpoint: GET URL/v2/endpoint/me: 404: a scripted fault (request req-1)'
	endpoint wait one
	[ "$status" -eq 76 ]
	[ "$stderr" = 'hf-endpoint: endpoint one: its description has no state' ]
}

@test "hf-endpoint: what can't be meant is refused before anything is sent" {
	start_hub
	while read -r wanted arguments; do
		# shellcheck disable=SC2086 # words
		endpoint $arguments
		echo "$arguments: $status $stderr"
		[ "$status" -eq 64 ]
		[ "$output" = '' ]
		[[ ${stderr//' '/_} == *"hf-endpoint:_$wanted"* ]]
	done <<-'END'
		want_one_of_create,_update,_wait,_describe,
		start:_want_one_of_create, start one
		create:_which_model?_give_-m_REPOSITORY create one
		create:_want_the_name_of_an_endpoint create -m a/b
		list:_takes_no_operands list one
		wait:_takes_no_option_that_says wait -m a/b one
		update:_takes_no_--if-missing update --if-missing --min-replica 0 one
		pause:_takes_no_-y pause -y one
		'a/b':_no_name_that_an_endpoint_can_have describe a/b
		'..':_no_name_that_an_endpoint_can_have delete -y ..
		-u_a/b:_no_name_that_a_user list -u a/b
		--type_open:_want_authenticated,_public_or_private create -m a/b --type open one
		--image_vllm:_want_huggingface,_tei_or_tei=URL create -m a/b --image vllm one
		--env_A:_want_NAME=VALUE create -m a/b --env A one
		--scale-to-zero-timeout:_wants_--min-replica_0 create -m a/b --min-replica 1 --scale-to-zero-timeout 15 one
		--max-replica_x:_want_a_number create -m a/b --max-replica x one
		--wait_soon:_want_a_duration wait --wait soon one
	END
	[ ! -s "$FAULT_LOG" ]
}

@test "hf-endpoint: output that can't be written is 74" {
	start_hub
	made one
	run --separate-stderr bash -c 'hf-endpoint list >/dev/full'
	[ "$status" -eq 74 ]
	[ "$stderr" = 'hf-endpoint: standard output: No space left on device' ]
}

@test "hf-endpoint with hf-local --models: a whole life, and vectors from it" {
	mkdir -p "$BATS_TEST_TMPDIR/models/acme"
	ln -s "$REPO/tests/data/models/bert-mean" "$BATS_TEST_TMPDIR/models/acme/tiny"
	cat >"$BATS_TEST_TMPDIR/life" <<-'END'
		set -e
		hf-endpoint create -q -m acme/tiny --scale-to-zero-timeout 15 one | jq -r .status.state
		hf-endpoint wait -q one | jq -r .status.state
		HF_ENDPOINT_URL=$(hf-endpoint url one)
		export HF_ENDPOINT_URL
		echo 'a dog runs' | hf-embed -l | jq '.values | length'
		hf-endpoint create --if-missing -m acme/tiny one | jq -r .name
		hf-endpoint resume one | jq -r .status.state
		hf-endpoint scale-to-zero one | jq -r .status.state
		hf-endpoint wait -q one | jq -r .status.state
		hf-endpoint pause one | jq -r .status.state
		hf-endpoint wait one || echo $?
		hf-endpoint resume -q --wait 20s one | jq -r .status.state
		hf-endpoint update -q --max-replica 2 --wait 20s one | jq -c '[.status.state, .compute.scaling.maxReplica]'
		hf-endpoint describe two || echo $?
		hf-endpoint create -q --wait 20s -m acme/none two || echo $?
		hf-endpoint hardware | jq -r 'select(.pricePerHour != null) | .vendor' | sort -u | grep -c .
		hf-endpoint list | jq -r .name
		hf-endpoint list | hf-endpoint delete -y - | jq -c .
		hf-endpoint list
	END
	run --separate-stderr hf-local --models "$BATS_TEST_TMPDIR/models" -- bash "$BATS_TEST_TMPDIR/life"
	echo "$output"
	echo "$stderr"
	[ "$status" -eq 0 ]
	[ "$output" = 'pending
running
32
one
running
scaledToZero
running
paused
78
running
["running",2]
78
69
1
one
two
{"name":"one","deleted":true}
{"name":"two","deleted":true}' ]
	[[ ${stderr_lines[0]} == "hf-endpoint: endpoint one: is paused: 'hf-endpoint resume one' starts it" ]]
	[[ ${stderr_lines[1]} == 'hf-endpoint: endpoint two: no such endpoint in '*' (there are: one)' ]]
	[[ ${stderr_lines[2]} == 'hf-endpoint: endpoint two: its state is failed: '* ]]
}
