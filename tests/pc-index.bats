load helper

index() {
	run --separate-stderr pc-index "$@" </dev/null
}

# The answers' request ids and the port differ from run to run.
plain() {
	sed -E "s|$FAULT_URL|URL|g; s/request [^)]*/request ID/"
}

says() {
	[ "$(plain <<<"$stderr")" = "$1" ] || {
		plain <<<"$stderr"
		return 1
	}
}

@test "pc-index create: sends name, dimension, metric and spec, and prints the index that is ready" {
	start_fault
	index create -d 384 -m dotproduct --cloud gcp --region europe-west4 new
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.name, .dimension, .metric, .status.ready]' <<<"$output")" = '["new",384,"dotproduct",true]' ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson')" = '{"name":"new","dimension":384,"metric":"dotproduct","spec":{"serverless":{"cloud":"gcp","region":"europe-west4"}},"deletion_protection":"disabled"}' ]
}

@test "pc-index create: cosine in aws/us-east-1 where nothing else is said" {
	start_fault
	index create -d 3 new
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson | [.metric, .spec.serverless]')" = \
		'["cosine",{"cloud":"aws","region":"us-east-1"}]' ]
}

@test "pc-index: each request carries key, API version and the program's name" {
	start_fault
	index create -d 3 new
	[ "$status" -eq 0 ]
	[ "$(requests '.headers | [."api-key", ."x-pinecone-api-version", ."content-type"]' | sort -u)" = \
		'["pc-test","2026-04","application/json"]' ]
	[[ $(requests '.headers."user-agent"' | sort -u) =~ ^\"vecpipe/[0-9.]+\ \(pc-index\)\"$ ]]
}

@test "pc-index create: waits until the index is ready, and says so once" {
	start_fault --ready-after 3
	index create -d 3 new
	[ "$status" -eq 0 ]
	[ "$stderr" = 'pc-index: index new: waiting until it is ready, up to 600 s' ]
	[ "$(jq -c .status <<<"$output")" = '{"ready":true,"state":"Ready"}' ]
	[ "$(requests 'select(.kind == "describe" and .status == 200)' | wc -l)" -eq 4 ]
}

@test "pc-index create -q: waits without a word" {
	start_fault --ready-after 1
	index create -q -d 3 new
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
}

@test "pc-index create: an index that will never be ready ends the wait" {
	start_fault --fault 'describe:2:state=InitializationFailed'
	index create -d 3 new
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: index new: its state is "InitializationFailed": it will not become ready' ]
}

@test "pc-index create --wait, --deadline: gives up in time, which is a temporary failure" {
	start_fault --ready-after 1000
	index create -q -d 3 --wait 250ms new
	[ "$status" -eq 75 ]
	[ "$output" = '' ]
	[ "$stderr" = "pc-index: index new: not ready yet, and --wait is over: see 'pc-index describe new'" ]
	index create -q -d 3 --deadline 250ms other
	[ "$status" -eq 75 ]
	[ "$stderr" = "pc-index: index other: not ready yet, and --deadline is over: see 'pc-index describe other'" ]
}

@test "pc-index create: one that exists is refused, and left as it is" {
	start_fault --dim 8
	index create -d 8 demo
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: index demo: exists already: --if-missing takes it as it is' ]
	[ "$(requests 'select(.method != "GET")')" = '' ]
}

@test "pc-index create --if-missing: one that exists with that dimension and metric is fine" {
	start_fault --index have:8:euclidean --ready-after 1
	index create --if-missing -d 8 -m euclidean have
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.name, .dimension]' <<<"$output")" = '["have",8]' ]
	[ "$(requests 'select(.method != "GET")')" = '' ]
	index create -q --if-missing -d 8 missing
	[ "$status" -eq 0 ]
	[ "$(jq -c .name <<<"$output")" = '"missing"' ]
}

@test "pc-index create --if-missing: another dimension or metric is not" {
	start_fault --index have:8:euclidean
	index create --if-missing -d 9 -m euclidean have
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: index have: exists with dimension 8 and metric euclidean, not 9 and euclidean: take another name' ]
	index create --if-missing -d 8 have
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index have: exists with dimension 8 and metric euclidean, not 8 and cosine: take another name' ]
}

@test "pc-index create: an answer that was lost does not turn its own index into one that exists already" {
	start_fault --fault 'create:1:lost'
	index create -d 3 new
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.name, .dimension]' <<<"$output")" = '["new",3]' ]
	[ "$(requests 'select(.kind == "create") | .status' | tr '\n' ' ')" = '0 409 ' ]
}

@test "pc-index create: the server's own words are shown, with the request's id" {
	start_fault
	index create -d 3 No_Name
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "${stderr_lines[1]}" = 'pc-index: index No_Name: not created' ]
	stderr=${stderr_lines[0]}
	says "pc-index: POST URL/indexes: 400: Name must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (request ID)"
}

@test "pc-index create: a cloud or region that does not exist is told as what it is" {
	start_fault --fault 'create:1:status=404'
	index create -d 3 --region mars new
	[ "$status" -eq 78 ]
	says 'pc-index: index new: cannot be created: Resource not found (request ID)'
}

@test "pc-index create: quota refused is 77, once, without a retry" {
	start_fault --fault 'create:*:status=403'
	index create -d 3 new other
	[ "$status" -eq 77 ]
	[ "$output" = '' ]
	says 'pc-index: POST URL/indexes: 403: This API key may not do that. (request ID)'
	[ "$(requests 'select(.kind == "create")' | wc -l)" -eq 1 ]
}

@test "pc-index create: what -d and -m may be is said before anything is sent" {
	start_fault
	index create new
	[ "$status" -eq 64 ]
	[ "$stderr" = 'pc-index: index new: how many values has a vector? give -d, or a dimension in its line' ]
	index create -d 20001 new
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: -d 20001: want a number from 1 to 20000;'* ]]
	index create -d 3 -m hamming new
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: -m hamming: want cosine, dotproduct or euclidean;'* ]]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index list: a line for each index" {
	start_fault --index one:3 --index two:4:dotproduct
	index list
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.name, .dimension, .metric]' <<<"$output")" = $'["one",3,"cosine"]\n["two",4,"dotproduct"]' ]
	[ "$(requests '[.method, .path, .body]')" = '["GET","/indexes",""]' ]
}

@test "pc-index list: nothing where there is none" {
	start_fault
	index delete -y demo
	[ "$status" -eq 0 ]
	index list
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
	[ "$stderr" = '' ]
}

@test "pc-index list: what answers but is no Pinecone is named" {
	start_fault --fault 'indexes:1:status=404' --fault 'indexes:2:notjson' --fault 'indexes:3:empty'
	index list
	[ "$status" -eq 78 ]
	says 'pc-index: GET URL/indexes: 404: this is no Pinecone: check PINECONE_CONTROLLER_HOST'
	for i in 2 3; do
		index list
		[ "$status" -eq 76 ]
		[ "$output" = '' ]
		says 'pc-index: GET URL/indexes: 200: the answer is not a JSON object'
	done
}

@test "pc-index describe: the server's object, a line for each name, in order" {
	start_fault --index one:3 --index two:4
	index describe two one
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.name, .dimension]' <<<"$output")" = $'["two",4]\n["one",3]' ]
	[ "$output" = "$(curl -sS -H 'Api-Key: pc-test' "$FAULT_URL/indexes/two" "$FAULT_URL/indexes/one" | sed 's/}{/}\n{/')" ]
}

@test "pc-index describe: half an answer is no description" {
	start_fault --fault 'describe:1:notjson' --fault 'describe:2:empty'
	for i in 1 2; do
		index describe demo
		[ "$status" -eq 76 ]
		[ "$output" = '' ]
		says 'pc-index: GET URL/indexes/demo: 200: the answer is not a JSON object'
	done
}

@test "pc-index: an unknown name tells the names that there are, and does not keep the others" {
	start_fault --index one:3 --index two:4
	index describe three two
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-index: index three: no such index (there are: one, two): create it with 'pc-index create -d DIMENSION three'" ]
	[ "$(jq -r .name <<<"$output")" = two ]
	index delete -y one two
	[ "$status" -eq 0 ]
	index stats three
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = "pc-index: index three: no such index (there are none): create it with 'pc-index create -d DIMENSION three'" ]
}

@test "pc-index stats: the server's object, with the name in front" {
	start_fault --dim 4
	printf '%s\n' '{"id":"a","values":[1,2,3,4]}' '{"id":"b","values":[4,3,2,1]}' | pc-upsert -s ns demo
	index stats demo
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"name":"demo","namespaces":{"ns":{"vectorCount":2}},"dimension":4,"indexFullness":0,"totalVectorCount":2,"metric":"cosine","vectorType":"dense"}' ]
	[ "$(requests 'select(.kind == "stats") | [.method, .path, .body]')" = '["POST","/demo/describe_index_stats","{}"]' ]
}

@test "pc-index delete -y: deletes, and says which" {
	start_fault --index one:3 --index two:4
	index delete -y one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"name":"one","deleted":true}' ]
	[ "$(requests 'select(.kind == "drop") | [.method, .path, .body]')" = '["DELETE","/indexes/one",""]' ]
	index list
	[ "$(jq -r .name <<<"$output")" = two ]
}

@test "pc-index delete: without -y and without a terminal nothing is deleted" {
	start_fault
	index delete demo
	[ "$status" -eq 64 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: index demo: not deleted: -y is wanted where nobody can be asked' ]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index delete: on a terminal only y deletes, and an answer is for one name" {
	command -v script >/dev/null || skip 'needs script(1)'
	start_fault --index one:3 --index two:4
	# the first answer is longer than anyone would read, and has a y where a short read would end
	run script -qec 'pc-index delete one two' /dev/null <<<$'no, not that one y\ny'
	[[ $output == *'delete index one and all its records? [y/N]'*'index one: not deleted'*'delete index two and all its records? [y/N]'* ]]
	[[ $output == *'{"name":"two","deleted":true}'* ]]
	run script -qec 'pc-index delete one' /dev/null <<<''
	[ "$status" -eq 64 ]
	index list
	[ "$(jq -r .name <<<"$output")" = one ]
}

@test "pc-index delete: a lost answer is no missing index" {
	start_fault --fault 'drop:1:lost'
	index delete -y demo
	[ "$status" -eq 0 ]
	[ "$output" = '{"name":"demo","deleted":true}' ]
	[ "$stderr" = '' ]
}

@test "pc-index delete: a conflict is not told as done" {
	start_fault --fault 'drop:*:status=409'
	index delete -y demo
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	says 'pc-index: DELETE URL/indexes/demo: 409: Resource already exists. (request ID)'
}

@test "pc-index -: names, strings and objects come from standard input" {
	start_fault --index one:3 --index two:4 --index three:5
	run --separate-stderr pc-index describe - < <(printf '%s\n' one '' '  "t\u0077o" ' '{"host":"x","name":"three"}')
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -r .name <<<"$output" | tr '\n' ' ')" = 'one two three ' ]
}

@test "pc-index -: one program's list is the other's input" {
	start_fault --index one:3 --index two:4:euclidean
	pc-index list >"$BATS_TEST_TMPDIR/saved"
	run --separate-stderr pc-index delete -y - <"$BATS_TEST_TMPDIR/saved"
	[ "$status" -eq 0 ]
	[ "$output" = $'{"name":"one","deleted":true}\n{"name":"two","deleted":true}' ]
	run --separate-stderr pc-index create - <"$BATS_TEST_TMPDIR/saved"
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.name, .dimension, .metric]' <<<"$output")" = $'["one",3,"cosine"]\n["two",4,"euclidean"]' ]
}

@test "pc-index create -: a line without a dimension is named, and does not keep the others" {
	start_fault
	run --separate-stderr pc-index create - < <(printf '%s\n' '{"name":"one"}' '{"name":"two","dimension":4}' \
		'{"name":"three","dimension":0}' '{"name":"four","dimension":4,"metric":"far"}' '{"name":"five","dimension":5}')
	[ "$status" -eq 64 ]
	[ "$(jq -r .name <<<"$output" | tr '\n' ' ')" = 'two five ' ]
	[ "${#stderr_lines[@]}" -eq 3 ]
	[ "${stderr_lines[0]}" = 'pc-index: index one: how many values has a vector? give -d, or a dimension in its line' ]
	[ "${stderr_lines[1]}" = 'pc-index: line 3: its dimension is no number from 1 to 20000: want a name, or an object with one' ]
	[ "${stderr_lines[2]}" = 'pc-index: line 4: its metric is not cosine, dotproduct or euclidean: want a name, or an object with one' ]
}

@test "pc-index delete -: a line that is no name deletes nothing, least of all another index" {
	start_fault --index a:3
	run --separate-stderr pc-index delete -y - < <(printf '%s\n' '"a\u0000b"' '{"id":"a"}' '{"name":7}' '{"name":"a"' '..' '""' $'a\x01')
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "${stderr_lines[0]}" = 'pc-index: line 1: no name that an index can have: want a name, or an object with one' ]
	[ "${stderr_lines[1]}" = 'pc-index: line 2: an object without a name: want a name, or an object with one' ]
	[ "${stderr_lines[2]}" = 'pc-index: line 3: its name is no string: want a name, or an object with one' ]
	[ "${stderr_lines[3]}" = 'pc-index: line 4: not JSON: want a name, or an object with one' ]
	[ "${#stderr_lines[@]}" -eq 7 ]
	run --separate-stderr pc-index delete -y - < <(printf 'a\0b\n')
	[ "$status" -eq 65 ]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index: an operand that would lead to another path is refused" {
	start_fault
	for name in '' . .. $'de\nmo'; do
		index delete -y "$name"
		[ "$status" -eq 64 ]
		[[ $stderr == *'no name that an index can have'* ]]
	done
	index describe '../demo?x=1'
	[ "$status" -eq 78 ]
	[ "$(requests .path | head -1)" = '"/indexes/..%2Fdemo%3Fx%3D1"' ]
}

@test "pc-index: a wrong key is 77 at once, whatever else was asked for" {
	start_fault
	PINECONE_API_KEY=wrong-secret index describe one two three
	[ "$status" -eq 77 ]
	[ "$output" = '' ]
	says 'pc-index: GET URL/indexes/one: 401: Invalid API key. (request ID): set PINECONE_API_KEY to a key of the project that has the index'
	PINECONE_API_KEY=wrong-secret run --separate-stderr pc-index delete -y -v - < <(printf '%s\n' one two)
	[ "$status" -eq 77 ]
	[[ $stderr != *wrong-secret* ]]
	[ "$(audit total)" -eq 2 ]
}

@test "pc-index: without PINECONE_API_KEY, 78 and what to do" {
	for key in '' ' '; do
		PINECONE_API_KEY=$key index list
		[ "$status" -eq 78 ]
		[ "$output" = '' ]
		[ "$stderr" = 'pc-index: PINECONE_API_KEY: not set: set it to a key of your project, or run under pc-local' ]
	done
}

@test "pc-index: a key that would add a header is refused, and not shown" {
	start_fault
	PINECONE_API_KEY=$'secret\r\nX-Evil: 1' index list
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: PINECONE_API_KEY: holds a control character: set it again without' ]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index: the key goes over plain http to this machine only" {
	start_fault
	PINECONE_CONTROLLER_HOST=http://api.example.org index list
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: PINECONE_CONTROLLER_HOST=http://api.example.org: a secret is sent over plain http only to this machine: use https' ]
	PINECONE_INDEX_HOST=http://127.0.0.1.example.org index stats demo
	[ "$status" -eq 78 ]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index: an error that passes is tried again" {
	start_fault --fault 'indexes:1:status=500' --fault 'indexes:2:reset' --fault 'indexes:3:status=429,retry-after=0' --fault 'indexes:4:cut'
	index list
	[ "$status" -eq 0 ]
	[ "$(jq -r .name <<<"$output")" = demo ]
	[ "$stderr" = '' ]
	[ "$(audit requests.indexes)" -eq 5 ]
}

@test "pc-index --retries: then it is unavailable, with the last reason" {
	start_fault --fault 'indexes:*:status=500'
	index list --retries 1
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	says 'pc-index: GET URL/indexes: 500: Internal error. (request ID)'
	[ "$(audit requests.indexes)" -eq 2 ]
}

@test "pc-index: where nobody listens, 69 and the address" {
	PINECONE_API_KEY=k PINECONE_CONTROLLER_HOST=http://127.0.0.1:1 index list --retries 0
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[[ $stderr == 'pc-index: GET http://127.0.0.1:1/indexes: '*'connect'* ]]
}

@test "pc-index: PINECONE_ADDITIONAL_HEADERS are sent" {
	start_fault
	PINECONE_ADDITIONAL_HEADERS='{"X-One":"1","X-Two":"zw\u00f6i \"2\""}' index list
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(requests '.headers | [."x-one", ."x-two"]')" = '["1","zwöi \"2\""]' ]
}

@test "pc-index: PINECONE_ADDITIONAL_HEADERS that do not parse are left out, all of them, with a warning" {
	start_fault
	for broken in '{"X-One":"1",' '["X-One: 1"]' 'X-One: 1' '{"X-One":"1"} x'; do
		PINECONE_ADDITIONAL_HEADERS=$broken index list
		[ "$status" -eq 0 ]
		[ "$stderr" = 'pc-index: PINECONE_ADDITIONAL_HEADERS: not a JSON object: left out' ]
	done
	[ "$(requests '.headers."x-one"' | sort -u)" = null ]
}

@test "pc-index: PINECONE_ADDITIONAL_HEADERS cannot add a header inside a header" {
	start_fault
	for evil in '{"X":"a\r\nX-Evil: 1"}' '{"X\r\nX-Evil":"1"}' '{"X: 1":"2"}' '{"":"1"}' '{"X":1}'; do
		PINECONE_ADDITIONAL_HEADERS=$evil index list
		[ "$status" -eq 78 ]
		[ "$output" = '' ]
		[[ $stderr == 'pc-index: PINECONE_ADDITIONAL_HEADERS: '*': not a header: want {"Name":"value"}' ]]
		[ "${#stderr_lines[@]}" -eq 1 ]
	done
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index: a command that is missing or unknown is named, with those that there are" {
	start_fault
	index
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: want one of create, list, describe, stats, delete;'* ]]
	index remove demo
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: remove: want one of create, list, describe, stats, delete;'* ]]
	index describe
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: describe: want the name of an index, or - to read names;'* ]]
	index list demo
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: list: takes no operands;'* ]]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index: output that can't be written is 74" {
	start_fault
	run --separate-stderr bash -c 'pc-index list >/dev/full'
	[ "$status" -eq 74 ]
	[ "$stderr" = 'pc-index: standard output: No space left on device' ]
}

# The same with a server that keeps what it is told: each call is a run of its own over the same file.
with_local() {
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/db" -- "$@" </dev/null
}

@test "pc-index with pc-local: an index is made, listed, described, counted and deleted" {
	with_local pc-index create -d 3 -m euclidean one
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.name, .dimension, .metric, .status.ready, .spec.serverless.cloud, .spec.serverless.region]' <<<"$output")" = \
		'["one",3,"euclidean",true,"aws","us-east-1"]' ]
	with_local pc-index create -d 4 two
	[ "$status" -eq 0 ]
	with_local bash -c 'pc-index list | pc-index describe -'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.name, .dimension]' <<<"$output")" = $'["one",3]\n["two",4]' ]
	with_local pc-index stats one
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.name, .dimension, .totalVectorCount]' <<<"$output")" = '["one",3,0]' ]
	with_local pc-index delete -y one
	[ "$status" -eq 0 ]
	[ "$output" = '{"name":"one","deleted":true}' ]
	with_local pc-index list
	[ "$(jq -r .name <<<"$output")" = two ]
}

@test "pc-index with pc-local: what exists, is missing or is refused is told as with Pinecone" {
	with_local pc-index create -d 3 one
	[ "$status" -eq 0 ]
	with_local pc-index create -d 3 one
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index one: exists already: --if-missing takes it as it is' ]
	with_local pc-index create --if-missing -d 3 one
	[ "$status" -eq 0 ]
	with_local pc-index create --if-missing -d 4 one
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index one: exists with dimension 3 and metric cosine, not 4 and cosine: take another name' ]
	with_local pc-index describe two
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-index: index two: no such index (there are: one): create it with 'pc-index create -d DIMENSION two'" ]
	with_local pc-index create -d 3 No_Name
	[ "$status" -eq 78 ]
	[[ ${stderr_lines[0]} == 'pc-index: POST http://127.0.0.1:'*'/indexes: 400: '*'alphanumeric character'*'(request '*')' ]]
	with_local env PINECONE_API_KEY=wrong pc-index list
	[ "$status" -eq 77 ]
	[[ $stderr == *'401: Invalid API key. (request '*'): set PINECONE_API_KEY to a key of the project that has the index' ]]
}
