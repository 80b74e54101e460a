load helper

index() {
	run --separate-stderr pc-index "$@" </dev/null
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
	says 'pc-index: GET URL/indexes: 404: Resource not found (request ID): this is no Pinecone: check PINECONE_CONTROLLER_HOST'
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
	[[ $output == *'delete index one? [y/N]'*'index one: not deleted'*'delete index two? [y/N]'* ]]
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
	[ "${stderr_lines[1]}" = 'pc-index: index three: not created: in its line its dimension is no number from 1 to 20000' ]
	[ "${stderr_lines[2]}" = 'pc-index: index four: not created: in its line its metric is not cosine, dotproduct or euclidean' ]
}

@test "pc-index delete -: a line that is no name deletes nothing, least of all another index" {
	start_fault --index a:3
	run --separate-stderr pc-index delete -y - < <(printf '%s\n' '"a\u0000b"' '{"id":"a"}' '{"name":7}' '{"name":"a"' '..' '""' $'a\x01')
	[ "$status" -eq 65 ]
	[ "$output" = '' ]
	[ "${stderr_lines[0]}" = 'pc-index: line 1: no name that there can be: want a plain name, or an object with it' ]
	[ "${stderr_lines[1]}" = 'pc-index: line 2: an object without name: want a plain name, or an object with it' ]
	[ "${stderr_lines[2]}" = 'pc-index: line 3: its name is no string: want a plain name, or an object with it' ]
	[ "${stderr_lines[3]}" = 'pc-index: line 4: not JSON: want a plain name, or an object with it' ]
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
		[[ $stderr == *'no name that there can be'* ]]
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

@test "pc-index: that it tries again where nobody listens is said, once" {
	PINECONE_API_KEY=k PINECONE_CONTROLLER_HOST=http://127.0.0.1:1 index list --retries 2
	[ "$status" -eq 69 ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[[ ${stderr_lines[0]} == 'pc-index: http://127.0.0.1:1/indexes: Failed to connect'*': trying again in '[01]' s' ]]
	[[ ${stderr_lines[1]} == 'pc-index: GET http://127.0.0.1:1/indexes: Failed to connect'* ]]
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
	[[ $stderr == 'pc-index: want one of create, list, describe, stats, configure, delete, namespaces, backups, restores, imports;'* ]]
	index remove demo
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: remove: want one of create, list, describe, stats, configure, delete, namespaces, backups, restores, imports;'* ]]
	index describe
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: describe: the index is missing: - reads such;'* ]]
	index list demo
	[ "$status" -eq 64 ]
	[[ $stderr == "pc-index: list: takes no operand 'demo';"* ]]
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index: output that can't be written is 74" {
	start_fault
	run --separate-stderr bash -c 'pc-index list >/dev/full'
	[ "$status" -eq 74 ]
	[ "$stderr" = 'pc-index: standard output: No space left on device' ]
}

# Answers of calls that the fault server does not play itself: answer 'METHOD TARGET STATUS BODY' ...
start_script() {
	local options=()

	for text; do options+=(--answer "$text"); done
	start_fault "${options[@]}"
}

@test "pc-index create: tags, protection, read capacity and filterable fields are sent" {
	start_fault
	index create -d 3 -t team=search --tag 'env=a "b"' -t empty= --deletion-protection enabled --filterable genre \
		--filterable year --read-capacity node=t1,replicas=2,shards=1 new
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson | [.tags, .deletion_protection, .spec.serverless.read_capacity, .spec.serverless.schema]')" = \
		'[{"team":"search","env":"a \"b\"","empty":""},"enabled",{"mode":"Dedicated","dedicated":{"node_type":"t1","manual":{"replicas":2,"shards":1},"scaling":"Manual"}},{"fields":{"genre":{"filterable":true},"year":{"filterable":true}}}]' ]
}

@test "pc-index create --type: a sparse index has no dimension, a hybrid one the metric dotproduct" {
	sparse='{"name":"s","metric":"dotproduct","vector_type":"sparse","host":"h","status":{"ready":true,"state":"Ready"}}'
	start_script "GET /indexes/s 404 {}" "POST /indexes 201 $sparse" "GET /indexes/s 200 $sparse"
	index create --type sparse s
	[ "$status" -eq 0 ]
	[ "$output" = "$sparse" ]
	[ "$(requests 'select(.method == "POST") | .body')" = \
		'"{\"name\":\"s\",\"vector_type\":\"sparse\",\"metric\":\"dotproduct\",\"spec\":{\"serverless\":{\"cloud\":\"aws\",\"region\":\"us-east-1\"}},\"deletion_protection\":\"disabled\"}"' ]
	stop_servers
	start_fault
	index create --type hybrid -d 3 h
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.method == "POST") | .body | fromjson | [.dimension, .metric, has("vector_type")]')" = '[3,"dotproduct",false]' ]
	index create --type sparse -d 3 x
	[ "$status" -eq 64 ]
	[ "$stderr" = 'pc-index: index x: a sparse index has no dimension: leave -d out' ]
	index create --type hybrid -d 3 -m cosine x
	[ "$status" -eq 64 ]
	[ "$stderr" = 'pc-index: index x: a hybrid index has the metric dotproduct: leave -m out' ]
	index create --type odd -d 3 x
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: --type odd: want dense, sparse or hybrid;'* ]]
	[ "$(audit requests.create)" -eq 1 ]
}

@test "pc-index create --no-wait: the index as it is, in the making" {
	start_fault --ready-after 1000
	index create --no-wait -d 3 new
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c .status <<<"$output")" = '{"ready":false,"state":"Initializing"}' ]
}

@test "pc-index configure: sends what is to change and nothing else" {
	start_script 'PATCH /indexes/demo 202 {"name":"demo","tags":{"a":"1"}}' 'PATCH /indexes/gone 404 {}'
	index configure -t a=1 -t b= demo
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"name":"demo","tags":{"a":"1"}}' ]
	index configure --deletion-protection disabled --read-capacity on-demand demo
	index configure --read-capacity replicas=3 demo
	PINECONE_API_VERSION=2026-07 index configure --read-capacity on-demand -t a=1 demo
	[ "$(requests 'select(.method == "PATCH") | .body | fromjson')" = \
		'{"tags":{"a":"1","b":""}}
{"deletion_protection":"disabled","spec":{"serverless":{"read_capacity":{"mode":"OnDemand"}}}}
{"spec":{"serverless":{"read_capacity":{"mode":"Dedicated","dedicated":{"manual":{"replicas":3},"scaling":"Manual"}}}}}
{"tags":{"a":"1"},"read_capacity":{"mode":"OnDemand"}}' ]
	index configure -t a=1 gone demo
	[ "$status" -eq 78 ]
	[ "$output" = '{"name":"demo","tags":{"a":"1"}}' ]
	[ "$stderr" = "pc-index: index gone: no such index (there are: demo): create it with 'pc-index create -d DIMENSION gone'" ]
}

@test "pc-index: what an option wants is said before anything is sent" {
	start_fault
	while read -r message arguments; do
		read -ra words <<<"$arguments"
		index "${words[@]}" demo
		[ "$status" -eq 64 ]
		echo "$stderr"
		[[ $stderr == "pc-index: ${message//_/ };"* ]]
	done <<-'EOF'
		-t_a:_want_KEY=VALUE configure -t a
		--tag_=a:_has_no_name configure -t =a
		--tag_a=2:_is_given_twice configure -t a=1 -t a=2
		--filterable_g:_is_given_twice create -d 3 --filterable g --filterable g
		--deletion-protection_on:_want_enabled_or_disabled configure --deletion-protection on
		--read-capacity_off:_want_on-demand,_or_node=TYPE,shards=N,replicas=N configure --read-capacity off
		--read-capacity_shards=01:_want_on-demand,_or_node=TYPE,shards=N,replicas=N configure --read-capacity shards=01
		--read-capacity_node=,shards=1:_want_on-demand,_or_node=TYPE,shards=N,replicas=N configure --read-capacity node=,shards=1
		--read-capacity_shards=1,:_want_on-demand,_or_node=TYPE,shards=N,replicas=N configure --read-capacity shards=1,
		--read-capacity_nodes=1:_want_on-demand,_or_node=TYPE,shards=N,replicas=N configure --read-capacity nodes=1
		--on-error_stop:_want_abort_or_continue imports start --on-error stop
		configure:_change_what?_give_-t,_--deletion-protection_or_--read-capacity configure
		--dimension:_no_option_of_list list -d 3
		--yes:_no_option_of_namespaces_list namespaces -y
		--tag:_no_option_of_backups_create backups create -t a=1
	EOF
	[ "$(audit total)" -eq 0 ]
}

@test "pc-index delete: a protected index stays, is named, and does not keep the others" {
	start_script 'GET /indexes/kept 200 {"name":"kept","deletion_protection":"enabled"}'
	index delete -y kept demo
	[ "$status" -eq 78 ]
	[ "$output" = '{"name":"demo","deleted":true}' ]
	[ "$stderr" = "pc-index: index kept: it is protected: 'pc-index configure --deletion-protection disabled kept' lets it be deleted" ]
	[ "$(requests 'select(.method == "DELETE") | .path')" = '"/indexes/demo"' ]
}

@test "pc-index: PINECONE_API_VERSION is sent in place of 2026-04" {
	start_fault
	PINECONE_API_VERSION=2025-10 index list
	[ "$status" -eq 0 ]
	[ "$(requests '.headers."x-pinecone-api-version"')" = '"2025-10"' ]
	for version in 2026-7 2026-007 latest 2026/07; do
		PINECONE_API_VERSION=$version index list
		[ "$status" -eq 78 ]
		[ "$stderr" = "pc-index: PINECONE_API_VERSION=$version: want a year and a month, such as 2026-04" ]
	done
	[ "$(audit total)" -eq 1 ]
}

@test "pc-index create: from API version 2026-07 on, a schema is sent and read" {
	export PINECONE_API_VERSION=2026-07
	dense='{"name":"d","host":"h","status":{"ready":true,"state":"Ready"},"schema":{"fields":{"_values":{"type":"dense_vector","dimension":3,"metric":"euclidean"}}},"tags":null}'
	both='{"name":"b","host":"h","status":{"ready":true,"state":"Ready"},"schema":{"fields":{"_values":{"type":"dense_vector","dimension":3,"metric":"dotproduct"},"_sparse_values":{"type":"sparse_vector"}}}}'
	start_script 'GET /indexes/d 404 {}' "POST /indexes 201 $dense" "GET /indexes/d 200 $dense" "GET /indexes/b 200 $both"
	index create -d 3 -m euclidean --region eu-west-1 -t a=1 d
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = "$dense" ]
	[ "$(requests 'select(.method == "POST") | .body | fromjson')" = \
		'{"name":"d","schema":{"fields":{"_values":{"type":"dense_vector","dimension":3,"metric":"euclidean"}}},"deployment":{"deployment_type":"managed","cloud":"aws","region":"eu-west-1"},"deletion_protection":"disabled","tags":{"a":"1"}}' ]
	index create --if-missing -d 4 -m euclidean d
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index d: exists with dimension 3 and metric euclidean, not 4 and euclidean: take another name' ]
	index create --if-missing --type hybrid -d 3 b
	[ "$status" -eq 0 ]
	index create --if-missing --type sparse b
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index b: exists as a hybrid index, not a sparse one: take another name' ]
	index create --filterable x -d 3 new
	[ "$status" -eq 64 ]
	[ "$stderr" = "pc-index: --filterable: since API version 2026-07 no part of an index: give it to 'pc-index namespaces create'" ]
}

@test "pc-index create -: descriptions of both API forms make the same indexes" {
	start_fault
	run --separate-stderr pc-index create - < <(printf '%s\n' \
		'{"name":"one","schema":{"fields":{"_values":{"type":"dense_vector","dimension":5,"metric":"euclidean"}}}}' \
		'{"name":"two","dimension":null,"metric":"dotproduct","vector_type":"sparse"}' \
		'{"name":"three","schema":{"fields":{"body":{"type":"string"}}}}')
	[ "$status" -ne 0 ]
	[ "$(requests 'select(.kind == "create") | .body | fromjson | [.name, .dimension, .metric, .vector_type]')" = \
		'["one",5,"euclidean",null]
["two",null,"dotproduct","sparse"]' ]
	[ "${stderr_lines[-1]}" = 'pc-index: index three: not created: its line describes a document index, which takes no vectors' ]
}

@test "pc-index, pc-upsert, pc-query: a document index is told as what it is, and gets no vectors" {
	document='{"name":"docs","host":"h.example.org","status":{"ready":true,"state":"Ready"},"schema":{"fields":{"body":{"type":"string","full_text_search":{}},"v":{"type":"dense_vector","dimension":3}}}}'
	start_script "GET /indexes/docs 200 $document"
	run --separate-stderr pc-upsert docs <<<'{"id":"1","values":[1,2,3]}'
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[[ ${stderr_lines[0]} == "pc-upsert: index docs: it is a document index, which takes no vectors: make another with 'pc-index create'" ]]
	run --separate-stderr pc-query docs <<<'{"id":"1","values":[1,2,3]}'
	[ "$status" -eq 78 ]
	[[ ${stderr_lines[0]} == "pc-query: index docs: it is a document index, which takes no vectors"* ]]
	index create --if-missing -d 3 docs
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index docs: exists as a document index, not a dense one: take another name' ]
	index describe docs
	[ "$status" -eq 0 ]
	[ "$output" = "$document" ]
	[ "$(requests 'select(.method != "GET")')" = '' ]
}

@test "pc-index namespaces: all pages, a line for each, and the prefix on each request" {
	start_script 'GET /demo/namespaces?prefix=a%26b 200 {"namespaces":[{"name":"a&b","record_count":"1"},{"name":"a&b2"}],"pagination":{"next":"T=1"},"total_count":3}' \
		'GET /demo/namespaces?prefix=a%26b&paginationToken=T%3D1 200 {"namespaces":[{"name":"a&b3"}]}' \
		'GET /demo/namespaces 200 {"namespaces":[]}'
	index namespaces --prefix 'a&b' demo
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = $'{"name":"a&b","record_count":"1"}\n{"name":"a&b2"}\n{"name":"a&b3"}' ]
	index namespaces list demo
	[ "$status" -eq 0 ]
	[ "$output" = '' ]
}

@test "pc-index namespaces: an answer without them, or pages in a circle, is no list" {
	start_script 'GET /demo/namespaces 200 {"namespace":[]}' 'GET /demo/namespaces 200 {"namespaces":[],"pagination":{"next":"x"}}' \
		'GET /demo/namespaces?paginationToken=x 200 {"namespaces":[{"name":"a"}],"pagination":{"next":"x"}}'
	index namespaces demo
	[ "$status" -eq 76 ]
	says 'pc-index: GET URL/demo/namespaces: the answer has no namespaces'
	index namespaces demo
	[ "$status" -eq 76 ]
	[ "$output" = '{"name":"a"}' ]
	says 'pc-index: GET URL/demo/namespaces: the answer does not lead to a next page'
}

@test "pc-index namespaces create: a lost answer does not turn its own into one that exists already" {
	start_script 'GET /demo/namespaces/new 404 {}' 'POST /demo/namespaces 500 {"message":"odd"}' 'POST /demo/namespaces 409 {"message":"it exists"}' \
		'GET /demo/namespaces/new 200 {"name":"new","record_count":0}'
	index namespaces create --filterable genre demo new
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"name":"new","record_count":0}' ]
	[ "$(requests 'select(.method == "POST") | .body' | sort -u)" = '"{\"name\":\"new\",\"schema\":{\"fields\":{\"genre\":{\"filterable\":true}}}}"' ]
	index namespaces create demo new
	[ "$status" -eq 78 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: namespace new: exists already: --if-missing takes it as it is' ]
	index namespaces create --if-missing demo new
	[ "$status" -eq 0 ]
	[ "$output" = '{"name":"new","record_count":0}' ]
}

@test "pc-index namespaces: an index or a namespace that is missing is named" {
	start_script 'GET /demo/namespaces/gone 404 {}'
	index namespaces describe demo gone
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-index: namespace gone: no such namespace: 'pc-index namespaces list demo' shows which there are" ]
	index namespaces delete -y demo gone
	[ "$status" -eq 78 ]
	index namespaces none
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-index: index none: no such index (there are: demo): create it with 'pc-index create -d DIMENSION none'" ]
	index namespaces delete -y demo ''
	[ "$status" -eq 64 ]
	[ "$stderr" = "pc-index: '': no name that there can be: the default namespace is __default__; see 'man pc-index'" ]
	index namespaces delete demo a
	[ "$status" -eq 64 ]
	[ "$stderr" = 'pc-index: namespace a of index demo: not deleted: -y is wanted where nobody can be asked' ]
	[ "$(requests 'select(.method == "DELETE")')" = '' ]
}

@test "pc-index namespaces delete: on a terminal the question names the index as well" {
	command -v script >/dev/null || skip 'needs script(1)'
	start_script 'GET /demo/namespaces/old 200 {"name":"old"}' 'DELETE /demo/namespaces/old 200 {}'
	run script -qec 'pc-index namespaces delete demo old' /dev/null <<<y
	[[ $output == *'pc-index: delete namespace old of index demo? [y/N]'*'{"name":"old","deleted":true}'* ]]
}

@test "pc-index backups create: waits until it is ready, and prints it" {
	start_script 'POST /indexes/demo/backups 201 {"backup_id":"b/1","status":"Initializing"}' 'GET /backups/b%2F1 200 {"backup_id":"b/1","status":"Initializing"}' \
		'GET /backups/b%2F1 200 {"backup_id":"b/1","status":"Ready","record_count":7}'
	index backups create --name daily --description 'before "it"' demo
	[ "$status" -eq 0 ]
	[ "$output" = '{"backup_id":"b/1","status":"Ready","record_count":7}' ]
	[ "$stderr" = 'pc-index: backup b/1: waiting until it is ready, up to 600 s' ]
	[ "$(requests 'select(.method == "POST") | .body | fromjson')" = '{"name":"daily","description":"before \"it\""}' ]
	stop_servers
	start_script 'POST /indexes/demo/backups 201 {"backup_id":"2","status":"Initializing"}' 'GET /backups/2 200 {"backup_id":"2","status":"Initializing"}'
	index backups create --no-wait demo
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"backup_id":"2","status":"Initializing"}' ]
	index backups create --wait 150ms -q demo
	[ "$status" -eq 75 ]
	[ "$output" = '' ]
	[ "$stderr" = "pc-index: backup 2: not ready yet, and --wait is over: see 'pc-index backups describe 2'" ]
}

@test "pc-index backups create: one that fails, or gets no id, is no backup" {
	start_script 'POST /indexes/demo/backups 201 {"backup_id":"1"}' 'POST /indexes/demo/backups 201 {}' 'POST /indexes/gone/backups 404 {}' \
		'GET /backups/1 200 {"backup_id":"1","status":"Failed"}'
	index backups create demo
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: backup 1: its state is "Failed": it will not become ready' ]
	index backups create demo
	[ "$status" -eq 76 ]
	says "pc-index: POST URL/indexes/demo/backups: the answer has no backup_id: see 'pc-index backups list'"
	index backups create gone
	[ "$status" -eq 78 ]
	[[ $stderr == 'pc-index: index gone: no such index'* ]]
}

@test "pc-index backups create: an answer that was lost does not make a second backup" {
	start_script 'POST /indexes/demo/backups 500 {"error":{"message":"odd"}}'
	index backups create demo
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[ "$(plain <<<"${stderr_lines[0]}")" = 'pc-index: POST URL/indexes/demo/backups: 500: odd (request ID)' ]
	[ "${stderr_lines[1]}" = "pc-index: backup: not asked for again, as it may have begun: see 'pc-index backups list'" ]
	[ "$(requests .method)" = '"POST"' ]
}

@test "pc-index backups: of the project or of one index; described and deleted by id, also from a list" {
	start_script 'GET /backups 200 {"data":[{"backup_id":"1","name":"n"},{"backup_id":"2"}]}' 'GET /indexes/demo/backups 200 {"data":[{"backup_id":"2"}]}' \
		'GET /indexes/gone/backups 404 {"error":{"message":"no gone"}}' 'GET /backups/1 200 {"backup_id":"1"}' 'GET /backups/2 200 {"backup_id":"2"}' 'GET /backups/3 404 {}' \
		'DELETE /backups/1 202 ' 'DELETE /backups/2 202 '
	index backups
	[ "$status" -eq 0 ]
	[ "$output" = $'{"backup_id":"1","name":"n"}\n{"backup_id":"2"}' ]
	index backups demo
	[ "$output" = '{"backup_id":"2"}' ]
	index backups list gone
	[ "$status" -eq 78 ]
	[[ $(plain <<<"$stderr") == 'pc-index: GET URL/indexes/gone/backups: 404: no gone (request ID)'* ]]
	index backups describe 2 3
	[ "$status" -eq 78 ]
	[ "$output" = '{"backup_id":"2"}' ]
	[ "$stderr" = "pc-index: backup 3: no such backup: 'pc-index backups list' shows which there are" ]
	run --separate-stderr bash -c 'pc-index backups | pc-index backups delete -y -'
	[ "$status" -eq 0 ]
	[ "$output" = $'{"backup_id":"1","deleted":true}\n{"backup_id":"2","deleted":true}' ]
	run --separate-stderr pc-index backups delete -y - <<<'{"name":"n"}'
	[ "$status" -eq 65 ]
	[ "$stderr" = 'pc-index: line 1: an object without backup_id: want a plain backup_id, or an object with it' ]
}

@test "pc-index restores create: makes an index from a backup, and waits until the restore is completed" {
	start_script 'POST /backups/b1/create-index 202 {"restore_job_id":"r1","index_id":"i"}' 'POST /backups/none/create-index 404 {}' \
		'GET /restore-jobs/r1 200 {"restore_job_id":"r1","status":"Pending"}' 'GET /restore-jobs/r1 200 {"restore_job_id":"r1","status":"Completed"}'
	index restores create -q -t from=b1 --deletion-protection enabled b1 copy
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"restore_job_id":"r1","status":"Completed"}' ]
	[ "$(requests 'select(.method == "POST") | .body | fromjson')" = '{"name":"copy","deletion_protection":"enabled","tags":{"from":"b1"}}' ]
	index restores create none copy
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-index: backup none: no such backup: 'pc-index backups list' shows which there are" ]
	index restores create b1
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: restores create: the index is missing: - reads such;'* ]]
	index restores create
	[ "$status" -eq 64 ]
	[[ $stderr == 'pc-index: restores create: the backup is missing;'* ]]
}

@test "pc-index restores create: a name that is taken is refused in the server's words" {
	start_script 'POST /backups/b1/create-index 409 {"error":{"message":"Resource already exists."}}'
	index restores create b1 demo
	[ "$status" -eq 78 ]
	says 'pc-index: POST URL/backups/b1/create-index: 409: Resource already exists. (request ID)'
}

@test "pc-index restores: listed and described" {
	start_script 'GET /restore-jobs 200 {"data":[{"restore_job_id":"r1"}],"pagination":{"next":"n"}}' 'GET /restore-jobs?paginationToken=n 200 {"data":[{"restore_job_id":"r2"}]}' \
		'GET /restore-jobs/r1 200 {"restore_job_id":"r1","status":"Pending"}' 'GET /restore-jobs/r2 404 {}'
	index restores
	[ "$status" -eq 0 ]
	[ "$output" = $'{"restore_job_id":"r1"}\n{"restore_job_id":"r2"}' ]
	run --separate-stderr bash -c 'pc-index restores | pc-index restores describe -'
	[ "$status" -eq 78 ]
	[ "$output" = '{"restore_job_id":"r1","status":"Pending"}' ]
	[ "$stderr" = "pc-index: restore r2: no such restore: 'pc-index restores list' shows which there are" ]
}

@test "pc-index imports start: sends where from and how, and waits for its end" {
	start_script 'POST /demo/bulk/imports 200 {"id":"101"}' 'GET /demo/bulk/imports/101 200 {"id":"101","status":"InProgress"}' \
		'GET /demo/bulk/imports/101 200 {"id":"101","status":"Completed","recordsImported":9}'
	index imports start -q --integration i-1 --on-error continue demo s3://bucket/dir
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '{"id":"101","status":"Completed","recordsImported":9}' ]
	[ "$(requests 'select(.method == "POST") | .body | fromjson')" = '{"uri":"s3://bucket/dir","integrationId":"i-1","errorMode":{"onError":"continue"}}' ]
	run --separate-stderr pc-index imports start demo - <<<'{"id":"7","uri":"gs://b/c"}'
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.method == "POST") | .body | fromjson' | tail -1)" = '{"uri":"gs://b/c"}' ]
}

@test "pc-index imports start: one that fails says why" {
	start_script 'POST /demo/bulk/imports 200 {"id":"101"}' 'GET /demo/bulk/imports/101 200 {"id":"101","status":"Failed","error":"no such bucket"}'
	index imports start demo s3://bucket/dir
	[ "$status" -eq 69 ]
	[ "$output" = '' ]
	[ "$stderr" = 'pc-index: import 101: its state is "Failed": no such bucket' ]
}

@test "pc-index imports start: what was left out is said, and is 1" {
	start_script 'POST /demo/bulk/imports 200 {"id":"101"}' \
		'GET /demo/bulk/imports/101 200 {"id":"101","status":"Completed","recordsImported":9,"error":"2 records were left out"}'
	index imports start -q --on-error continue demo s3://bucket/dir
	[ "$status" -eq 1 ]
	[ "$(jq .recordsImported <<<"$output")" = 9 ]
	[ "$stderr" = 'pc-index: import 101: 2 records were left out' ]
	index imports start -q --no-wait demo s3://bucket/dir
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
}

@test "pc-index imports: listed, described, cancelled; one that is over already is told" {
	start_script 'GET /demo/bulk/imports 200 {"data":[{"id":"1"},{"id":"2"}]}' 'DELETE /demo/bulk/imports/1 200 {}' 'DELETE /demo/bulk/imports/2 200 {}' 'DELETE /demo/bulk/imports/3 404 {}' \
		'GET /demo/bulk/imports/1 200 {"id":"1","status":"Cancelled"}' 'GET /demo/bulk/imports/2 200 {"id":"2","status":"Completed"}'
	index imports demo
	[ "$status" -eq 0 ]
	[ "$output" = $'{"id":"1"}\n{"id":"2"}' ]
	index imports cancel demo 1
	[ "$status" -eq 0 ]
	[ "$output" = '{"id":"1","status":"Cancelled"}' ]
	index imports cancel demo 2 3 1
	[ "$status" -eq 78 ]
	[ "$output" = $'{"id":"2","status":"Completed"}\n{"id":"1","status":"Cancelled"}' ]
	[ "${stderr_lines[0]}" = 'pc-index: import 2: not cancelled: its state is "Completed" already' ]
	[ "${stderr_lines[1]}" = "pc-index: import 3: no such import: 'pc-index imports list demo' shows which there are" ]
	index imports describe demo 2
	[ "$output" = '{"id":"2","status":"Completed"}' ]
}

@test "pc-index: namespaces and imports are asked for at PINECONE_INDEX_HOST where it is set" {
	start_script 'GET /elsewhere/namespaces 200 {"namespaces":[{"name":"a"}]}'
	PINECONE_INDEX_HOST=$FAULT_URL/elsewhere/ index namespaces demo
	[ "$status" -eq 0 ]
	[ "$output" = '{"name":"a"}' ]
	[ "$(requests .path)" = '"/elsewhere/namespaces"' ]
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

@test "pc-index with pc-local: tags, protection and read capacity are changed one by one" {
	with_local bash -c 'pc-index create -d 3 -t a=1 -t b=2 one && pc-index configure -t a= -t c=3 one &&
		pc-index configure --deletion-protection enabled one && pc-index configure --read-capacity node=t1,shards=1,replicas=2 one'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.tags, .deletion_protection, .spec.serverless.read_capacity.mode]' <<<"$output")" = '[{"a":"1","b":"2"},"disabled","OnDemand"]
[{"b":"2","c":"3"},"disabled","OnDemand"]
[{"b":"2","c":"3"},"enabled","OnDemand"]
[{"b":"2","c":"3"},"enabled","Dedicated"]' ]
	with_local pc-index delete -y one
	[ "$status" -eq 78 ]
	[ "$stderr" = "pc-index: index one: it is protected: 'pc-index configure --deletion-protection disabled one' lets it be deleted" ]
	with_local bash -c 'pc-index configure -q --deletion-protection disabled one >/dev/null && pc-index delete -y one'
	[ "$output" = '{"name":"one","deleted":true}' ]
}

@test "pc-index with pc-local: sparse and hybrid indexes take their records, and are known again in both API versions" {
	with_local bash -c 'pc-index create --type sparse s && pc-index create --type hybrid -d 2 h &&
		PINECONE_API_VERSION=2026-07 pc-index create --type sparse s7 && PINECONE_API_VERSION=2026-07 pc-index create --type hybrid -d 2 h7'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.name, .vector_type, .dimension, .metric, .schema]' <<<"$output" | head -2)" = \
		$'["s","sparse",null,"dotproduct",null]\n["h","dense",2,"dotproduct",null]' ]
	[ "$(jq -c 'select(.schema) | [.name, (.schema.fields | has("_values"))]' <<<"$output")" = $'["s7",false]\n["h7",true]' ]
	with_local bash -c 'pc-index list | pc-index create --if-missing - | wc -l
		PINECONE_API_VERSION=2026-07 pc-index list | pc-index create --if-missing - | wc -l
		pc-index list | PINECONE_API_VERSION=2026-07 pc-index create --if-missing - | wc -l'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = $'4\n4\n4' ]
	with_local bash -c "echo '{\"id\":\"1\",\"values\":[1,2],\"sparse_values\":{\"indices\":[3],\"values\":[0.5]}}' | pc-upsert h"
	[ "$status" -eq 0 ]
	with_local pc-index create --if-missing -d 2 s
	[ "$status" -eq 78 ]
	[ "$stderr" = 'pc-index: index s: exists as a sparse index, not a dense one: take another name' ]
}

@test "pc-index with pc-local: namespaces are made, listed past a page, described and deleted" {
	with_local bash -c 'pc-index create -q -d 2 one >/dev/null && pc-index namespaces create --filterable genre one a "b/ü c" &&
		pc-index namespaces describe one "b/ü c"'
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.name, .record_count, .schema.fields]' <<<"$output")" = '["a",0,{"genre":{"filterable":true}}]
["b/ü c",0,{"genre":{"filterable":true}}]
["b/ü c",0,{"genre":{"filterable":true}}]' ]
	with_local bash -c 'seq -f n%g 150 | pc-index namespaces create one - >/dev/null; pc-index namespaces one | jq -r .name | sort | uniq | wc -l
		pc-index namespaces --prefix n14 one | jq -r .name | tr "\n" " "
		pc-index namespaces --prefix n one | pc-index namespaces delete -y one - | grep -c "\"deleted\":true"; pc-index namespaces one | jq -r .name'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = $'152\nn14 n140 n141 n142 n143 n144 n145 n146 n147 n148 n149 150\na\nb/ü c' ]
}

@test "pc-index with pc-local: a backup is made, restored into a new index, and deleted" {
	with_local bash -c 'pc-index create -q -d 2 -t a=1 one >/dev/null
		echo "{\"id\":\"x\",\"values\":[1,2]}" | pc-upsert -q -s ns one >/dev/null
		pc-index backups create --name before one'
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.source_index_name, .name, .status, .record_count]' <<<"$output")" = '["one","before","Ready",1]' ]
	id=$(jq -r .backup_id <<<"$output")
	with_local bash -c "pc-index delete -y one >/dev/null; pc-index restores create -q -t b=2 $id two | jq -c '[.backup_id, .target_index_name, .status]'
		pc-index stats two | jq -c '.namespaces.ns'; pc-index describe two | jq -c .tags; pc-index restores | pc-index restores describe - | jq -r .status"
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$output" = '["'"$id"$'","two","Completed"]\n{"vectorCount":1}\n{"b":"2"}\nCompleted' ]
	with_local bash -c 'pc-index backups | pc-index backups delete -y -; pc-index backups; pc-index describe two | jq -r .name'
	[ "$status" -eq 0 ]
	[ "$output" = '{"backup_id":"'"$id"$'","deleted":true}\ntwo' ]
}

@test "pc-index with pc-local: a folder is imported" {
	mkdir -p "$BATS_TEST_TMPDIR/bucket/set/ns"
	printf '{"id":"%s","values":[1,2]}\n' a b >"$BATS_TEST_TMPDIR/bucket/set/ns/part.ndjson"
	run --separate-stderr pc-local --imports "$BATS_TEST_TMPDIR/bucket" "$BATS_TEST_TMPDIR/db" -- bash -c 'pc-index create -q -d 2 one >/dev/null
		pc-index imports start -q one file:///set; pc-index imports one; pc-index stats one | jq -c .namespaces.ns' </dev/null
	[ "$status" -eq 0 ]
	[ "$stderr" = '' ]
	[ "$(jq -c '[.status, .recordsImported, .vectorCount]' <<<"$output")" = $'["Completed",2,null]\n["Completed",2,null]\n[null,null,2]' ]
}

@test "pc-index with pc-local: records that an import leaves out are counted, 1; with --on-error abort it fails, 69" {
	mkdir -p "$BATS_TEST_TMPDIR/bucket/set/ns"
	printf '%s\n' '{"id":"a","values":[1,2]}' nonsense '{"id":"b","values":[1]}' >"$BATS_TEST_TMPDIR/bucket/set/ns/part.ndjson"
	run --separate-stderr pc-local -q --imports "$BATS_TEST_TMPDIR/bucket" "$BATS_TEST_TMPDIR/db" -- bash -c 'pc-index create -q -d 2 one >/dev/null
		pc-index imports start -q --on-error continue one file:///set; echo $?
		pc-index namespaces delete -y one ns >/dev/null
		pc-index imports start -q --on-error abort one file:///set; echo $?' </dev/null
	[ "$(head -n 1 <<<"$output" | jq -c '[.status, .recordsImported]')" = '["Completed",1]' ]
	[ "$(tail -n +2 <<<"$output")" = $'1\n69' ]
	[[ $stderr == *'pc-index: import 1: 2 records were left out; the first: ns/part.ndjson: line 2: '* ]]
	[[ $stderr == *'pc-index: import 2: its state is "Failed": ns/part.ndjson: line 2: '* ]]
}
