# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # $ in jq programs; tests are subshells; $stderr is bats's
load helper

# curl with the right token and key: post PATH BODY [OPTION]..., get PATH [OPTION]...
post() {
	get "$1" -H 'Content-Type: application/json' --data-binary "$2" "${@:3}"
}

get() {
	curl -sS -H "Authorization: Bearer $HF_TOKEN" -H "Api-Key: $PINECONE_API_KEY" "${@:2}" \
		"$FAULT_URL$1"
}

# Those two with the status in front: answer get PATH, answer post PATH BODY
answer() {
	"$@" -o "$BATS_TEST_TMPDIR/body" -w '%{http_code} '
	cat "$BATS_TEST_TMPDIR/body"
}

# The body that asks for vectors of N texts, or of those given.
texts() {
	lines "$1" | jq -Rc . | jq -sc '{inputs: .}'
}

inputs() {
	jq -nc '{inputs: $ARGS.positional}' --args "$@"
}

# Stored by the server itself: N records, embedded and upserted in one request each.
store() {
	post / "$(texts "$1")" | jq -c --argjson n "$1" '{vectors: [range($n) as $i |
		{id: "\($i)", values: .embeddings[$i], metadata: {text: "text number \($i)"}}]}' |
		post /demo/vectors/upsert @-
}

# FNV-1a of a text, and the first two values of its vector, by bash's 64-bit arithmetic.
fnv() {
	local h=0xcbf29ce484222325 i

	for ((i = 0; i < ${#1}; i++)); do
		h=$(((h ^ $(printf %d "'${1:i:1}")) * 0x100000001b3))
	done
	echo "$h"
}

first_two() {
	local x

	x=$(($(fnv "$1") + 0x9e3779b97f4a7c15))
	x=$(((x ^ (x >> 30 & 0x3ffffffff)) * 0xbf58476d1ce4e5b9))
	x=$(((x ^ (x >> 27 & 0x1fffffffff)) * 0x94d049bb133111eb))
	x=$((x ^ (x >> 31 & 0x1ffffffff)))
	echo "[$((x >> 40 & 0xffffff)),$((x >> 16 & 0xffffff))]"
}

# --- the endpoint ---

@test "a vector tells its text: the stirred FNV-1a of it in the first two values" {
	start_fault --dim 4
	[ "$(printf '%x %x' "$(fnv a)" "$(fnv foobar)")" = 'af63dc4c8601ec8c 85944171f73967e8' ] # as published
	run post / '{"inputs":["a","f\u006fobar"]}'
	[ "$status" -eq 0 ]
	[ "$(jq -c '.embeddings[] | .[:2]' <<<"$output")" = "$(first_two a)"$'\n'"$(first_two foobar)" ]
	[ "$(jq -c '[.embeddings[] | length]' <<<"$output")" = '[4,4]' ]
}

@test "vectors are the same each time, others for other texts, as long as --dim, with digits as asked" {
	start_fault --dim 768 --digits 17
	run post / "$(inputs one two one)"
	[ "$status" -eq 0 ]
	[ "$(jq -c '.embeddings | [.[0] == .[2], .[0] == .[1], (.[] | length)]' <<<"$output")" = \
		'[true,false,768,768,768]' ]
	[ "$(grep -oE '\.[0-9]{17,}' <<<"$output" | wc -l)" -gt 2000 ] # 17 significant digits
	start_fault --dim 768
	run post / "$(inputs one)"
	[ "$(jq -c '.embeddings[0] | length' <<<"$output")" -eq 768 ]
	run ! grep -qE '[1-9][0-9]{9}' <<<"$output" # a float32 never needs more than 9
}

@test "each shape answers in its own form, chosen by --shape or by the path" {
	start_fault --dim 3
	form='if type == "array" then "tei" elif .data then "openai" else "toolkit" end'
	for path in / /toolkit /toolkit/ /toolkit/predict /predict; do
		[ "$(post $path '{"inputs":["a"]}' | jq -r "$form")" = toolkit ]
	done
	for path in /tei /tei/ /tei/embed /embed; do
		[ "$(post $path '{"inputs":["a"]}' | jq -r "$form")" = tei ]
	done
	for path in /openai /v1/embeddings /openai/v1/embeddings /embeddings; do
		[ "$(post $path '{"input":["a"]}' | jq -r "$form")" = openai ]
	done
	[ "$(post / '{"inputs":"a"}' | jq -c '.embeddings | map(type)')" = '["number","number","number"]' ]
	[ "$(post /embed '{"inputs":"a"}' | jq -c 'map(type)')" = '["array"]' ]
	[ "$(post /v1/embeddings '{"input":["a","b"]}' | jq -c '[.data[].index]')" = '[0,1]' ]
	start_fault --shape tei
	[ "$(post / '{"inputs":["a"]}' | jq -r "$form")" = tei ]
}

@test "requests that can't be read are refused as each server refuses them" {
	start_fault
	run answer post / '{"inputs":'
	[ "$output" = '400 {"error":"Failed to parse the request body as JSON"}' ]
	run answer post /embed '{"inputs":'
	[ "$output" = '400 Failed to parse the request body as JSON' ]
	run answer post /embed '{"input":["a"]}'
	[ "$output" = '422 missing field `inputs`' ]
	run answer post /embed '{"inputs":[]}'
	[ "$output" = '400 {"error":"`inputs` cannot be empty","error_type":"Empty"}' ]
	run answer post /v1/embeddings '{"input":["a",""]}'
	[ "$output" = '400 {"message":"`inputs` cannot be empty","code":400,"type":"Empty"}' ]
	run answer get /embed --json '{"inputs":["a"]}' -H 'Content-Type: text/plain'
	[[ "$output" = 415\ * ]]
	run answer get / -H 'Content-Type: application/json; charset=utf-8' --data '{"inputs":["a"]}'
	[[ "$output" = 400\ * ]]
	[ "$(audit embedded.texts)" -eq 0 ]
}

@test "TEI's own batch limit is 32, and /info names it; the toolkit has neither" {
	start_fault
	run answer post /embed "$(texts 33)"
	[ "$output" = \
		'422 {"error":"batch size 33 > maximum allowed batch size 32","error_type":"Validation"}' ]
	run answer post /embed "$(texts 32)"
	[[ "$output" = 200\ * ]]
	[ "$(get /tei/info | jq .max_client_batch_size)" -eq 32 ]
	run answer post / "$(texts 33)"
	[[ "$output" = 200\ * ]]
	run answer get /info
	[ "$output" = '404 {"error":"404 Not Found","code":"NOT_FOUND"}' ]
	[ "$(get /health)" = Ok ]
}

@test "a wrong token or key is 401 in each service's words" {
	start_fault
	HF_TOKEN=hf_tesT PINECONE_API_KEY=
	run answer post / '{"inputs":["a"]}'
	[ "$output" = '401 {"error":"401 Unauthorized","code":"UNAUTHORIZED"}' ]
	run answer get /indexes
	[ "$output" = '401 {"error":{"code":"UNAUTHENTICATED","message":"Invalid API key."},"status":401}' ]
	run answer post /query '{"topK":1}'
	[ "$output" = '401 {"code":16,"message":"Invalid API key.","details":[]}' ]
	[ "$(audit statuses.'"401"')" -eq 3 ]
}

# --- Pinecone ---

@test "an index is created, becomes ready, and goes" {
	start_fault --ready-after 2
	body='{"name":"new","dimension":3,"metric":"cosine","spec":{"serverless":{"cloud":"aws"}}}'
	run answer post /indexes "$body"
	[[ "$output" = 201\ * ]]
	[ "$(jq -c '[.name, .dimension, .spec, .status, .host]' <<<"${output#201 }")" = \
		'["new",3,{"serverless":{"cloud":"aws"}},{"ready":false,"state":"Initializing"},"'"$FAULT_URL"'/new"]' ]
	run answer post /indexes "$body"
	[[ "$output" = '409 {"error":{"code":"ALREADY_EXISTS",'* ]]
	run answer post /new/vectors/upsert '{"vectors":[{"id":"a","values":[1,2,3]}]}'
	[ "$output" = '503 {"code":14,"message":"Index new is not ready","details":[]}' ]
	states=$(for i in 1 2 3; do get /indexes/new | jq -r .status.state; done)
	[ "$states" = $'Initializing\nInitializing\nReady' ]
	run answer post /new/vectors/upsert '{"vectors":[{"id":"a","values":[1,2,3]}]}'
	[ "$output" = '200 {"upsertedCount":1}' ]
	[ "$(get /indexes | jq -c '[.indexes[].name]')" = '["demo","new"]' ]
	run answer get /indexes/new -X DELETE
	[ "$output" = '202 ' ]
	run answer get /indexes/new
	[ "$output" = '404 {"error":{"code":"NOT_FOUND","message":"Resource new not found"},"status":404}' ]
	[ "$(audit upserted.distinct)" -eq 0 ]
}

@test "bad names, dimensions and bodies make no index" {
	start_fault
	for body in '{"name":"Bad","dimension":3,"spec":{}}' '{"name":"a-","dimension":3,"spec":{}}' \
		'{"name":"a","dimension":0,"spec":{}}' '{"name":"a","dimension":3}' \
		'{"name":"a","dimension":3,"metric":"manhattan","spec":{}}' '{"name":"a"'; do
		run answer post /indexes "$body"
		[[ "$output" = 4* ]]
	done
	[ "$(get /indexes | jq -c '[.indexes[].name]')" = '["demo"]' ]
}

@test "what is upserted can be fetched, listed, counted, queried and deleted" {
	start_fault --dim 8
	run store 25
	[ "$output" = '{"upsertedCount":25}' ]
	sent=$(post / "$(inputs 'text number 7')" | jq -c '.embeddings[0]')
	[ "$(get '/demo/vectors/fetch?ids=7&ids=none' | jq -c .vectors)" = \
		"{\"7\":{\"id\":\"7\",\"values\":$sent,\"metadata\":{\"text\":\"text number 7\"}}}" ]
	[ "$(get '/demo/vectors/list?limit=2&prefix=1' | jq -c '[[.vectors[].id], .pagination]')" = \
		'[["1","10"],{"next":"2"}]' ]
	[ "$(get '/demo/vectors/list?limit=20&prefix=1&paginationToken=2' | jq -c '[.vectors[].id], .pagination')" = \
		$'["11","12","13","14","15","16","17","18","19"]\nnull' ]
	[ "$(post /demo/describe_index_stats '{}' | jq -c '[.namespaces, .totalVectorCount, .dimension]')" = \
		'[{"":{"vectorCount":25}},25,8]' ]
	run post /demo/query "{\"vector\":$sent,\"topK\":3,\"includeMetadata\":true}"
	[ "$(jq -c '[(.matches | length), .matches[0].id, .matches[0].metadata.text]' <<<"$output")" = \
		'[3,"7","text number 7"]' ]
	[ "$(jq '.matches | (.[0].score - 1 | fabs) < 1e-6 and .[0].score >= .[1].score' <<<"$output")" = true ]
	[ "$(post /demo/query '{"id":"7","topK":1}' | jq -r '.matches[].id')" = 7 ]
	[ "$(post /demo/query '{"id":"7","topK":9,"filter":{"text":{"$eq":"text number 3"}}}' |
		jq -r '.matches[].id')" = 3 ]
	[ "$(post /demo/vectors/delete '{"ids":["7"],"namespace":"__default__"}')" = '{}' ]
	[ "$(audit upserted.distinct)" -eq 24 ]
	run ! grep -qx 7 <(get /audit/ids)
	[ "$(get /audit/ids | wc -l)" -eq 24 ]
}

@test "namespaces keep records apart, and __default__ is the one without a name" {
	start_fault --dim 3
	for space in '' __default__ other; do
		post /demo/vectors/upsert "{\"vectors\":[{\"id\":\"a\",\"values\":[1,2,3]}],\"namespace\":\"$space\"}"
	done
	[ "$(post /demo/describe_index_stats '{}' | jq -c .namespaces)" = \
		'{"":{"vectorCount":1},"other":{"vectorCount":1}}' ]
	[ "$(audit upserted.duplicates)" -eq 1 ]
	post /demo/vectors/delete '{"deleteAll":true,"namespace":"other"}'
	[ "$(post /demo/describe_index_stats '{}' | jq -c .namespaces)" = '{"":{"vectorCount":1}}' ]
}

@test "query scores are those of the index's metric" {
	start_fault --dim 3 --index c:3:cosine --index d:3:dotproduct --index e:3:euclidean
	vectors='{"vectors":[{"id":"near","values":[1,1,0]},{"id":"far","values":[-4,0,3]}]}'
	for index in c d e; do
		post /$index/vectors/upsert "$vectors" >/dev/null
		post /$index/query '{"vector":[1,0,0],"topK":9}' |
			jq -c '[.matches[] | .id, (.score * 1000 | round)]' >>"$BATS_TEST_TMPDIR/scores"
	done
	[ "$(cat "$BATS_TEST_TMPDIR/scores")" = \
		$'["near",707,"far",-800]\n["near",1000,"far",-4000]\n["near",1000,"far",34000]' ]
}

@test "a vector of another dimension, a number that is none: 400, and nothing of the request is stored" {
	start_fault --dim 3
	run answer post /demo/vectors/upsert \
		'{"vectors":[{"id":"a","values":[1,2,3]},{"id":"b","values":[1,2]}]}'
	[ "$output" = \
		'400 {"code":3,"message":"Vector dimension 2 does not match the dimension of the index 3","details":[]}' ]
	run answer post /demo/vectors/upsert '{"vectors":[{"id":"a","values":[1,2,"3"]}]}'
	[[ "$output" = '400 {"code":3,'* ]]
	run answer post /demo/vectors/upsert '{"vectors":[{"id":"","values":[1,2,3]}]}'
	[[ "$output" = '400 {"code":3,'* ]]
	run answer post /nowhere/vectors/upsert '{"vectors":[{"id":"a","values":[1,2,3]}]}'
	[[ "$output" = '404 {"code":5,'* ]]
	[ "$(audit upserted.written)" -eq 0 ]
}

@test "Pinecone's limits for an upsert: 1000 records, 2 MiB" {
	start_fault --dim 3
	jq -nc '{vectors: [range(1001) | {id: "\(.)", values: [1, 2, 3]}]}' >"$BATS_TEST_TMPDIR/many"
	run answer post /demo/vectors/upsert "@$BATS_TEST_TMPDIR/many"
	[[ "$output" = '400 {"code":3,"message":"Cannot upsert 1001 vectors'* ]]
	jq -nc '{vectors: [{id: "a", values: [1, 2, 3], metadata: {x: ("x" * 2097152)}}]}' \
		>"$BATS_TEST_TMPDIR/large"
	run answer post /demo/vectors/upsert "@$BATS_TEST_TMPDIR/large"
	[[ "$output" = '400 {"code":11,"message":"Error, message length too large: found 20972'* ]]
}

@test "the audit sees vectors of other texts, altered ones, and those that can't be told" {
	start_fault --dim 3
	vector=$(post / "$(inputs right)" | jq -c '.embeddings[0]')
	longer=${vector/%]/0]} # the same number, in other bytes
	upsert() {
		post /demo/vectors/upsert "{\"vectors\":[{\"id\":\"$1\",\"values\":$2,\"metadata\":$3}]}"
	}
	upsert a "$vector" '{"text":"right"}'
	[ "$(audit upserted | jq -c '[.mismatched, .altered, .textless]')" = '[0,0,0]' ]
	upsert b "$longer" '{"text":"right"}'
	[ "$(audit upserted | jq -c '[.mismatched, .altered, .textless]')" = '[0,1,0]' ]
	upsert c "$vector" '{"text":"wrong"}'
	[ "$(audit upserted | jq -c '[.mismatched, .altered, .textless]')" = '[1,1,0]' ]
	upsert d "$vector" '{"other":"right"}'
	upsert a "$vector" '{"text":"right"}'
	[ "$(audit upserted)" = '{"requests":5,"acknowledged":5,"written":5,"distinct":4,"duplicates":1,"mismatched":1,"altered":1,"textless":1,"unknown_members":0}' ]
	# altered bytes come back as they came
	[ "$(get '/vectors/fetch?ids=b' | grep -oF "$longer")" = "$longer" ]
}

@test "the audit counts each text's answers" {
	start_fault
	post / "$(inputs a b)" >/dev/null
	post / "$(inputs b)" >/dev/null
	[ "$(audit embedded)" = '{"texts":3,"distinct":2,"max":2}' ]
	[ "$(get /audit/texts)" = \
		$'{"text":"a","embedded":1,"upserted":0}\n{"text":"b","embedded":2,"upserted":0}' ]
	[ "$(audit requests.embed)" -eq 2 ]
	[ "$(audit total)" -eq 2 ] # audits are not counted
}

# --- rules: which requests ---

@test "rules: N, times, every, * and contains choose requests; all that match are counted" {
	start_fault --fault 'embed:2:status=500' --fault 'embed:4:status=502,times=2' \
		--fault 'embed:*:status=503,every=5' --fault 'embed:contains=POISON,2:status=424'
	for i in 1 2 3 4 5 6 7 8 9 10; do
		codes+=$(post / "$(inputs a)" -o /dev/null -w '%{http_code} ')
	done
	[ "$codes" = '200 500 200 502 502 200 200 200 200 503 ' ] # the 5th was another rule's
	for i in 1 2 3; do
		poisoned+=$(post / "$(inputs a POISON)" -o /dev/null -w '%{http_code} ')
	done
	[ "$poisoned" = '200 424 200 ' ]
	[ "$(audit rules | jq -c '[.[] | .seen, .applied]')" = '[13,1,13,2,13,1,3,1]' ]
}

@test "rules: KIND is one call, a group of them, or all" {
	start_fault --fault 'stats:*:status=500' --fault 'control:*:status=403' --fault '*:*:status=503,times=1'
	[[ "$(answer post /query '{"topK":1,"id":"a"}')" = 503\ * ]]
	[[ "$(answer post /query '{"topK":1,"id":"a"}')" = 200\ * ]]
	[[ "$(answer get /indexes)" = '403 {"error":{"code":"FORBIDDEN",'* ]]
	[[ "$(answer get /indexes/demo)" = 403\ * ]]
	[[ "$(answer post /describe_index_stats '{}')" = '500 {"code":2,'* ]]
	[[ "$(answer post / "$(inputs a)")" = 200\ * ]]
}

@test "rules: p= is a share of the requests, and the same requests for the same seed" {
	spread() {
		start_fault --fault 'embed:p=0.3:status=500' --seed "$1"
		for i in {1..100}; do
			echo "url=\"$FAULT_URL/\""
		done | curl -sS -K - -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' \
			-d '{"inputs":["a"]}' -w '\n%{http_code}\n' | grep -xE '200|500' >"$BATS_TEST_TMPDIR/$2"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/$2")" -eq 100 ]
	}
	spread 1 first
	spread 1 second
	spread 2 third
	cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
	run ! cmp -s "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/third"
	failed=$(grep -c 500 "$BATS_TEST_TMPDIR/first")
	[ "$failed" -gt 15 ]
	[ "$failed" -lt 45 ]
}

@test "rules come from a script, too; # lines and empty ones are passed over" {
	printf '%s\n' '# two of them' '' 'embed:1:status=500' 'embed:2:status=502' >"$BATS_TEST_TMPDIR/script"
	start_fault --script "$BATS_TEST_TMPDIR/script"
	codes=$(for i in 1 2 3; do post / "$(inputs a)" -o /dev/null -w '%{http_code} '; done)
	[ "$codes" = '500 502 200 ' ]
}

@test "a rule that can't be read is named, exit 64; a script that can't be opened, 66" {
	while IFS='|' read -r rule what; do
		run --separate-stderr fault --fault "$rule" </dev/null 3>&-
		[ "$status" -eq 64 ]
		[ "$output" = '' ]
		[ "$stderr" = "fault: rule $rule: $what: the form is KIND:WHEN:ACTION,..., see tests/fault.c" ]
	done <<-'END'
		embed|something is missing after embed
		embed:1:|something is missing after embed:1:
		embde:1:reset|no such kind: embde
		embed:0:reset|want N, *, p=P or contains=TEXT, not 0
		embed:p=1.5:reset|want a probability above 0, up to 1: p=1.5
		embed:1:rest|no such action: rest
		embed:1:reset=1|takes no value: reset
		embed:1:status|wants a value: status
		embed:1:status=x|not a number: x
		embed:1:status=99|want a status from 200 to 599: status
		embed:1:body=moon|no such body: moon
		embed:contains=a:reset,early|the body is not known with early
	END
	run --separate-stderr fault --script "$BATS_TEST_TMPDIR/none" </dev/null 3>&-
	[ "$status" -eq 66 ]
	[ "$stderr" = "fault: --script $BATS_TEST_TMPDIR/none: No such file or directory" ]
}

# --- rules: what happens ---

@test "status= and body= use the words of the service" {
	start_fault
	refusal() { # SPEC, then the answers at /, /embed and /v1/embeddings
		start_fault --fault "embed:*:$1"
		[ "$(answer post / "$(inputs a)")" = "$2" ]
		[ "$(answer post /embed "$(inputs a)")" = "${3:-$2}" ]
		[ "$(answer post /v1/embeddings '{"input":["a"]}')" = "${4:-${3:-$2}}" ]
	}
	refusal status=403 '403 {"error":"403 Forbidden","code":"FORBIDDEN"}'
	refusal status=413 '413 Failed to buffer the request body: length limit exceeded'
	refusal status=424 '424 {"error":"Backend error: out of memory","error_type":"Backend"}' '' \
		'424 {"message":"Backend error: out of memory","code":424,"type":"Backend"}'
	refusal status=429 '429 {"error":"429 Too Many Requests","code":"TOO_MANY_REQUESTS"}' \
		'429 {"error":"Model is overloaded","error_type":"Overloaded"}' \
		'429 {"message":"Model is overloaded","code":429,"type":"Overloaded"}'
	refusal status=500 '500 Internal Server Error'
	refusal status=503 '503 {"error":"503 Service Unavailable","code":"SERVICE_UNAVAILABLE"}'
	refusal body=paused \
		'400 {"error":"Bad Request: The endpoint is paused, ask a maintainer to restart it","code":"BAD_REQUEST"}'
	refusal body=toolkit,status=400 '400 {"error":"index out of range in self"}'
	refusal body=none,status=401 '401 '
	refusal status=418 '418 Unknown'
	start_fault --fault 'embed:*:status=502'
	[[ "$(answer post / "$(inputs a)")" = '502 <html>'*'502 Bad Gateway'*'</html>'* ]]
}

@test "retry-after, delay and redirect" {
	start_fault --fault 'embed:1:status=429,retry-after=7' --fault 'embed:2:delay=300' \
		--fault 'embed:3:redirect=http://127.0.0.1:9/x'
	[ "$(post / "$(inputs a)" -o /dev/null -w '%{http_code} %header{retry-after}')" = '429 7' ]
	took=$(post / "$(inputs a)" -o /dev/null -w '%{time_total}')
	[ "$(jq -n "$took >= 0.3")" = true ]
	[ "$(post / "$(inputs a)" -o /dev/null -w '%{http_code} %header{location}')" = \
		'307 http://127.0.0.1:9/x' ]
}

@test "max-batch, max-bytes and max-length refuse what is over the limit, and only that" {
	start_fault --max-batch 1000 --fault 'embed:*:max-batch=4' --fault 'upsert:*:max-batch=1'
	[[ "$(answer post /embed "$(texts 4)")" = 200\ * ]]
	[ "$(answer post /embed "$(texts 5)")" = \
		'422 {"error":"batch size 5 > maximum allowed batch size 4","error_type":"Validation"}' ]
	[[ "$(answer post / "$(texts 5)")" = 413\ * ]]
	[[ "$(store 2)" = '{"code":3,"message":"Cannot upsert 2 vectors: at most 1 '* ]]
	start_fault --fault 'embed:*:max-batch=4,status=413' # TEI up to 1.8
	[[ "$(answer post /embed "$(texts 5)")" = '413 {"error":"batch size 5 > '* ]]
	start_fault --fault '*:*:max-bytes=60'
	[[ "$(answer post / "$(texts 2)")" = 200\ * ]]
	[[ "$(answer post / "$(texts 9)")" = 413\ * ]]
	[[ "$(answer post /demo/vectors/upsert "$(texts 9)")" = '400 {"code":11,'* ]]
	start_fault --fault 'embed:*:max-length=5'
	[[ "$(answer post /embed "$(inputs 1234)")" = 200\ * ]]
	[ "$(answer post /embed "$(inputs 1234 12345)")" = \
		'422 {"error":"Input validation error: `inputs` must have less than 5 tokens. Given: 5","error_type":"Validation"}' ]
	[[ "$(answer post / "$(inputs 12345)")" = '400 {"error":"Input validation'* ]]
}

@test "count, dim and nan make wrong answers of 200, which no text counts as its own" {
	wrong() { # ACTION, then what jq makes of the answer to three texts
		start_fault --dim 4 --fault "embed:*:$1"
		[ "$(post / "$(texts 3)" | jq -c '[.embeddings[] | length]')" = "$2" ]
		[ "$(audit statuses.'"200"')" -eq 1 ]
		[ "$(audit embedded.texts)" -eq 0 ]
	}
	wrong count=-1 '[4,4]'
	wrong count=+1 '[4,4,4,4]'
	wrong count=-3 '[]'
	wrong dim=5 '[4,4,5]'
	wrong dim=0 '[4,4,0]'
	wrong nan=null '[4,4,4]'
	[ "$(post / "$(texts 3)" | jq -c '[.embeddings[][3] | type]')" = '["number","number","null"]' ]
	start_fault --dim 4 --fault 'embed:*:nan'
	[[ "$(post / "$(texts 3)")" = *',NaN]]}' ]]
}

@test "empty and notjson are 200 with nothing, and with half a document" {
	start_fault --fault 'embed:1:empty' --fault 'embed:2:notjson'
	[ "$(answer post / "$(inputs a)")" = '200 ' ]
	run answer post / "$(inputs a)"
	[[ "$output" = 200\ * ]]
	run ! jq . <<<"${output#200 }"
}

@test "shuffle puts an openai answer in another order, with its indexes" {
	start_fault --fault 'embed:*:shuffle'
	run post /v1/embeddings '{"input":["a","foobar"]}'
	[ "$(jq -c '.data[] | .index, .embedding[:2]' <<<"$output")" = \
		"1"$'\n'"$(first_two foobar)"$'\n'"0"$'\n'"$(first_two a)" ]
	[ "$(audit embedded.texts)" -eq 2 ]
}

@test "shortcount really drops a record" {
	start_fault --fault 'upsert:1:shortcount'
	[ "$(store 5)" = '{"upsertedCount":4}' ]
	[ "$(audit upserted.distinct)" -eq 4 ]
	[ "$(store 5)" = '{"upsertedCount":5}' ]
	[ "$(audit upserted.distinct)" -eq 5 ]
}

@test "state= describes an index that is in trouble" {
	start_fault --fault 'describe:1:state=InitializationFailed'
	[ "$(get /indexes/demo | jq -c .status)" = '{"ready":false,"state":"InitializationFailed"}' ]
	[ "$(get /indexes/demo | jq -c .status)" = '{"ready":true,"state":"Ready"}' ]
}

@test "reset: the connection is reset, before or after the body, and nothing was done" {
	start_fault --fault 'embed:1:reset' --fault 'embed:2:reset,early'
	run post / "$(inputs a)"
	[ "$status" -eq 56 ] # failure in receiving: reset by peer
	[[ "$output" = *'reset by peer'* ]]
	run post / "$(inputs a)"
	[ "$status" -eq 56 ]
	[ "$(requests '[.body_bytes, .status]')" = $'[16,0]\n[0,0]' ]
	[ "$(audit statuses.none)" -eq 2 ]
	[ "$(audit embedded.texts)" -eq 0 ]
}

@test "lost: the records are stored, but the answer never comes" {
	start_fault --fault 'upsert:1:lost'
	run post /demo/vectors/upsert '{"vectors":[{"id":"a","values":[1,2,3,4,5,6,7,8]}]}'
	[ "$status" -eq 56 ]
	[ "$(audit upserted | jq -c '[.written, .acknowledged]')" = '[1,0]' ]
	run post /demo/vectors/upsert '{"vectors":[{"id":"a","values":[1,2,3,4,5,6,7,8]}]}'
	[ "$status" -eq 0 ]
	[ "$(audit upserted | jq -c '[.written, .acknowledged, .duplicates]')" = '[2,1,1]' ]
}

@test "hang: no answer at all, and others are served meanwhile" {
	start_fault --fault 'embed:1:hang'
	run post / "$(inputs a)" --max-time 0.3
	[ "$status" -eq 28 ]
	[[ "$output" = *'0 bytes received'* ]]
	run answer post / "$(inputs a)"
	[[ "$output" = 200\ * ]]
}

@test "cut and cut-chunked: half the body, then the end of the connection" {
	start_fault --fault 'embed:2:cut' --fault 'embed:3:cut-chunked'
	full=$(post / "$(inputs a)" | wc -c)
	run post / "$(inputs a)" -o "$BATS_TEST_TMPDIR/half"
	[ "$status" -eq 18 ] # fewer bytes than Content-Length
	[ "$(wc -c <"$BATS_TEST_TMPDIR/half")" -eq $((full / 2)) ]
	run post / "$(inputs a)" -o "$BATS_TEST_TMPDIR/half"
	[ "$status" -eq 18 ] # no last chunk
	[ "$(wc -c <"$BATS_TEST_TMPDIR/half")" -eq $((full / 2)) ]
	[ "$(audit embedded.texts)" -eq 1 ]
}

@test "slow, chunked and close are legal, and give the whole answer" {
	start_fault --dim 3 --fault 'embed:2:slow=5' --fault 'embed:3:chunked' --fault 'embed:4:close'
	plain=$(post / "$(inputs a)")
	run post / "$(inputs a)" -o "$BATS_TEST_TMPDIR/slow" -w '%{time_total}'
	[ "$(jq -n "$output >= ${#plain} * 0.005")" = true ]
	[ "$(cat "$BATS_TEST_TMPDIR/slow")" = "$plain" ]
	run post / "$(inputs a)" -o "$BATS_TEST_TMPDIR/chunked" -w '%header{transfer-encoding}'
	[ "$output" = chunked ]
	[ "$(cat "$BATS_TEST_TMPDIR/chunked")" = "$plain" ]
	run post / "$(inputs a)" -o "$BATS_TEST_TMPDIR/close" -w '%header{connection}'
	[ "$output" = close ]
	[ "$(cat "$BATS_TEST_TMPDIR/close")" = "$plain" ]
	[ "$(audit embedded.texts)" -eq 4 ]
}

@test "hugeheader and hugebody are as huge as asked" {
	start_fault --fault 'embed:1:hugeheader=90000' --fault 'embed:2:hugebody=5000000' \
		--fault 'embed:3:hugeheader'
	run post / "$(inputs a)" -o /dev/null -w '%{size_header}'
	[ "$status" -eq 0 ]
	[ "$output" -gt 90000 ]
	run post / "$(inputs a)" -o "$BATS_TEST_TMPDIR/body" -w '%{size_download}'
	[ "$output" -eq 5000000 ]
	[ "$(jq '.embeddings | length' "$BATS_TEST_TMPDIR/body")" -eq 1 ]
	run post / "$(inputs a)"
	[ "$status" -ne 0 ] # a megabyte is more than libcurl takes
}

@test "early: an answer before the body has been read" {
	start_fault --fault 'embed:1:status=413,early'
	head -c 3000000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/large"
	run answer post / "@$BATS_TEST_TMPDIR/large"
	[[ "$output" = 413\ * ]]
	[ "$(requests .body)" = null ]
}

# --- transport, load ---

@test "connections are kept; bodies come with a length, in chunks, or after 100-continue" {
	start_fault
	body=$(inputs a)
	run curl -sS -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' \
		-d "$body" "$FAULT_URL/" \
		--next -sS -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' \
		-H 'Transfer-Encoding: chunked' -d "$body" "$FAULT_URL/" \
		--next -sS -v -H "Authorization: Bearer $HF_TOKEN" -H 'Content-Type: application/json' \
		-H 'Expect: 100-continue' --expect100-timeout 60 --max-time 30 -d "$body" "$FAULT_URL/"
	[ "$status" -eq 0 ]
	[[ "$output" = *'HTTP/1.1 100 Continue'* ]]
	[ "$(requests .body | sort -u)" = "$(jq -Rc . <<<"$body")" ]
	[ "$(requests '[.connection, .headers["transfer-encoding"]]')" = \
		$'[1,null]\n[1,"chunked"]\n[1,null]' ]
	[ "$(audit connections)" -eq 2 ] # with the audit's own
}

@test "the log has each request as it came" {
	start_fault
	run get '/x?y=%20' -H 'X-Strange:  a "b" ' -A test -X PUT --data-binary $'\xff\n'
	[ "$status" -eq 0 ]
	[ "$(requests '[.n, .kind, .method, .path, .headers["x-strange"], .headers["user-agent"], .body, .body_bytes, .status, .rule]')" = \
		'[1,"other","PUT","/x?y=%20","a \"b\"","test","�\n",2,404,null]' ]
	[ "$(requests .head | jq -r . | head -n 1)" = $'PUT /x?y=%20 HTTP/1.1\r' ]
}

@test "--workers is how many requests are in work at a time; the audit sees how many came at once" {
	start_fault --workers 1 --delay 150
	started=$(date +%s%3N)
	curl -sS -Z --parallel-immediate -H "Authorization: Bearer $HF_TOKEN" \
		-H 'Content-Type: application/json' -d '{"inputs":["a"]}' \
		"$FAULT_URL/?"[1-4] >/dev/null 2>&1
	[ $(($(date +%s%3N) - started)) -ge 600 ]
	[ "$(audit max_concurrent_of.embed)" -eq 4 ]
	[ "$(audit statuses.'"200"')" -eq 4 ]
	post / "$(inputs a)" >/dev/null
	[ "$(audit max_concurrent)" -eq 4 ]
}

@test "--rate lets that many through at once, the rest are 429 with --retry-after" {
	start_fault --rate 2 --retry-after 1
	for i in 1 2 3 4 5 6; do
		post / "$(inputs a)" -o /dev/null -w '%{http_code} %header{retry-after}\n'
	done >"$BATS_TEST_TMPDIR/codes"
	[ "$(head -n 2 "$BATS_TEST_TMPDIR/codes")" = $'200 \n200 ' ]
	grep -qx '429 1' "$BATS_TEST_TMPDIR/codes"
}

@test "what is no HTTP is refused, and the server lives on" {
	start_fault
	exec 4<>"/dev/tcp/127.0.0.1/${FAULT_URL##*:}"
	printf 'nonsense\r\n\r\n' >&4
	[ "$(head -n 1 <&4)" = $'HTTP/1.1 400 Bad Request\r' ]
	exec 4>&-
	[[ "$(answer post / "$(inputs a)")" = 200\ * ]]
}

# --- life ---

@test "it says its port and its seed, and ends well on SIGTERM, the end of its input, or of its time" {
	run fault --until-eof --seed 5 </dev/null 3>&-
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" =~ ^port\ [0-9]+$ ]]
	[ "${lines[1]}" = 'seed 5' ]
	run fault --lifetime 1ms 3>&-
	[ "$status" -eq 0 ]
	start_fault
	kill "$FAULT_PID"
	wait "$FAULT_PID"
}

@test "a port that is taken is said, exit 69" {
	start_fault
	run --separate-stderr fault --port "${FAULT_URL##*:}" </dev/null 3>&-
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[ "$stderr" = "fault: 127.0.0.1:${FAULT_URL##*:}: Address already in use" ]
}

# --- helper.bash ---

@test "lines and records are what they say" {
	[ "$(lines 2)" = $'text number 0\ntext number 1' ]
	[ "$(records 2 | tail -n 1)" = '{"id":"1","metadata":{"text":"text number 1"}}' ]
	[ "$(records 1000 | jq -c .metadata.text | sort -u | wc -l)" -eq 1000 ]
}
