load helper
load pc-local

# pc-local: what its page promises, seen through curl. Other clients: check-clients.sh.

upsert_three() {
	data POST /vectors/upsert '{"vectors":[
		{"id":"a","values":[0.1,0.2,0.4],"metadata":{"genre":"drama","year":1999,"tags":["x","y"]}},
		{"id":"b","values":[1,0,0],"metadata":{"genre":"comedy","year":2005,"seen":true}},
		{"id":"c","values":[0,1,0]}]}' | is '.upsertedCount == 3'
}

@test "pc-local: runs a command with the address and a fresh key, and ends with its status" {
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/db" -- sh -c \
		'echo "$PINECONE_CONTROLLER_HOST $PINECONE_API_KEY"; exit 7'
	[ "$status" -eq 7 ]
	[[ $output =~ ^http://127\.0\.0\.1:[0-9]+\ [0-9a-f]{32}$ ]]
	[ -z "$stderr" ]
}

@test "pc-local: a command that a signal ends, or that is not there, has the shell's status" {
	run pc-local "$BATS_TEST_TMPDIR/db" -- sh -c 'kill -KILL $$'
	[ "$status" -eq 137 ]
	run -127 --separate-stderr pc-local "$BATS_TEST_TMPDIR/db" -- no-such-command
	[ "$stderr" = 'pc-local: no-such-command: No such file or directory' ]
}

@test "pc-local: SIGTERM is passed on to the command" {
	run pc-local "$BATS_TEST_TMPDIR/db" -- sh -c 'trap "exit 9" TERM; kill -TERM $PPID; while :; do read -r x </dev/null; done'
	[ "$status" -eq 9 ]
}

@test "pc-local: servers can be chained" {
	run pc-local "$BATS_TEST_TMPDIR/one" -- pc-local "$BATS_TEST_TMPDIR/two" -- sh -c \
		'curl -sS -H "Api-Key: $PINECONE_API_KEY" "$PINECONE_CONTROLLER_HOST/indexes"; exit 3'
	[ "$status" -eq 3 ]
	[ "$output" = '{"indexes":[]}' ]
}

@test "pc-local: without a command it prints shell assignments, and SIGTERM ends it with 0" {
	start_local "$BATS_TEST_TMPDIR/db"
	control GET /indexes | is '.indexes == []'
	kill -TERM "$LOCAL_PID"
	wait "$LOCAL_PID"
	SERVERS=()
}

@test "pc-local: SIGTERM answers what has been asked, and does not wait for who has not finished asking" {
	local i

	setup_demo -v
	exec 4<>/dev/tcp/127.0.0.1/"${PINECONE_CONTROLLER_HOST##*:}"
	printf 'POST /indexes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{' >&4
	for i in 1 2 3 4; do
		while curl -sS -f -m 60 -H "Api-Key: $PINECONE_API_KEY" -d "{\"vectors\":[{\"id\":\"$i\",\"values\":[1,2,3]}]}" \
			"$HOST/vectors/upsert" 2>&1; do
			echo "$i" >>"$BATS_TEST_TMPDIR/asked"
		done >"$BATS_TEST_TMPDIR/answers.$i" 3>&- 4>&- &
	done
	until [ -s "$BATS_TEST_TMPDIR/asked" ] && [ "$(wc -l <"$BATS_TEST_TMPDIR/asked")" -ge 20 ]; do
		kill -0 "$LOCAL_PID"
	done
	stop_servers
	exec 4>&-
	wait
	# who came too late was not let in, or was told; what was carried out was answered, and nobody was kept waiting
	[ "$(grep -c 'vectors/upsert: 200' "$LOCAL_ERR")" -eq "$(cat "$BATS_TEST_TMPDIR"/answers.* | grep -o upsertedCount | wc -l)" ]
	run ! grep -hE 'timed out|partial' -i "$BATS_TEST_TMPDIR"/answers.*
}

@test "pc-local: usage errors are one line and 64" {
	run --separate-stderr pc-local
	[ "$status" -eq 64 ]
	run --separate-stderr pc-local -p 70000 db
	[ "$status" -eq 64 ]
	[[ $stderr = 'pc-local: -p 70000: want a number from 0 to 65535'* ]]
	run --separate-stderr pc-local -a localhost "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 64 ]
	[[ $stderr = 'pc-local: -a localhost: want a numeric address'* ]]
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/db" true
	[ "$status" -eq 64 ]
	[[ $stderr = 'pc-local: true: want -- between'* ]]
}

@test "pc-local: an address that other machines reach needs a key of one's own" {
	run --separate-stderr pc-local -a 0.0.0.0 "$BATS_TEST_TMPDIR/db" -- true
	[ "$status" -eq 78 ]
	[[ $stderr = 'pc-local: -a 0.0.0.0: '*PINECONE_API_KEY* ]]
	PINECONE_API_KEY=mine run pc-local -a 0.0.0.0 "$BATS_TEST_TMPDIR/db" -- sh -c 'echo "$PINECONE_API_KEY"'
	[ "$status" -eq 0 ]
	[ "$output" = mine ]
}

@test "pc-local: a second one on the same file, or on the same port, says so and exits 69" {
	start_local "$BATS_TEST_TMPDIR/db"
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/db" -- true
	[ "$status" -eq 69 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/db: another pc-local has it: stop that one, or name another file" ]
	run --separate-stderr pc-local -p "${PINECONE_CONTROLLER_HOST##*:}" "$BATS_TEST_TMPDIR/other" -- true
	[ "$status" -eq 69 ]
	[[ $stderr = "pc-local: port ${PINECONE_CONTROLLER_HOST##*:}: is in use"* ]]
}

@test "pc-local: a file that is something else is refused and left alone" {
	echo 'dear diary' >"$BATS_TEST_TMPDIR/diary"
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/diary" -- true
	[ "$status" -eq 65 ]
	[[ $stderr = "pc-local: $BATS_TEST_TMPDIR/diary: not a pc-local file"* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/diary")" = 'dear diary' ]
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR" -- true
	[ "$status" -eq 66 ]
	run --separate-stderr pc-local "$BATS_TEST_TMPDIR/no/such" -- true
	[ "$status" -eq 66 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/no/such: No such file or directory" ]
}

@test "pc-local: a key that is wrong or missing is 401 on both planes, each in its own form" {
	setup_demo
	run curl -sS "$PINECONE_CONTROLLER_HOST/indexes"
	[ "$output" = '{"error":{"code":"UNAUTHENTICATED","message":"Invalid API key."},"status":401}' ]
	run curl -sS -H "Api-Key: ${PINECONE_API_KEY}x" -d '{}' "$HOST/describe_index_stats" -w '%{http_code}'
	[ "$output" = '{"code":16,"message":"Invalid API key.","details":[]}401' ]
}

@test "pc-local: web pages and rebound host names are refused" {
	start_local "$BATS_TEST_TMPDIR/db"
	control GET /indexes '' -G -H 'Origin: http://evil.example' | is '.status == 403'
	control GET /indexes '' -G -H 'Host: evil.example' | is '.status == 403'
	control GET /indexes '' -G -H 'Host: 127.0.0.1.evil.example' | is '.status == 403'
	control GET /indexes '' -G -H "Host: localhost:${PINECONE_CONTROLLER_HOST##*:}" | is '.indexes == []'
}

@test "pc-local: an index is made, described, listed, configured, protected and deleted" {
	setup_demo
	control GET /indexes/demo | is '.name == "demo" and .metric == "cosine" and .dimension == 3 and
		.vector_type == "dense" and .status == {"ready":true,"state":"Ready"} and .deletion_protection == "disabled" and
		.spec.serverless.region == "us-east-1" and .spec.serverless.read_capacity.mode == "OnDemand" and
		(has("tags") | not) and (.host | startswith("http://127.0.0.1:"))'
	control GET /indexes | is '.indexes | length == 1'
	make_index demo '"dimension":3'
	[ "$(code)" = 409 ]
	control PATCH /indexes/demo '{"deletion_protection":"enabled","tags":{"a":"1","b":"2"}}' |
		is '.deletion_protection == "enabled" and .tags == {"a":"1","b":"2"}'
	[ "$(code)" = 202 ]
	control PATCH /indexes/demo '{"tags":{"a":"","c":"3"}}' |
		is '.deletion_protection == "enabled" and .tags == {"b":"2","c":"3"}'
	control DELETE /indexes/demo | is '.error.code == "FORBIDDEN" and (.error.message | startswith("Deletion protection"))'
	control PATCH /indexes/demo '{"deletion_protection":"disabled"}' | is '.tags == {"b":"2","c":"3"}'
	control DELETE /indexes/demo
	[ "$(code)" = 202 ]
	[ ! -s "$BATS_TEST_TMPDIR/body" ]
	control GET /indexes/demo | is '.error.code == "NOT_FOUND" and .error.message == "Resource demo not found" and .status == 404'
}

@test "pc-local: what an index cannot be is 400, with the member's name" {
	local body what

	start_local "$BATS_TEST_TMPDIR/db"
	while IFS='|' read -r what body; do
		control POST /indexes "$body" | is ".error.message | startswith(\"$what\")"
		[ "$(code)" = 400 ]
	done <<-'END'
		name: is missing|{"dimension":3,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		name: Name must|{"name":"Demo","dimension":3,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		name: Name must|{"name":"-demo","dimension":3,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		name: must be 1 to 45|{"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","dimension":3,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		dimension: is missing|{"name":"demo","spec":{"serverless":{"cloud":"aws","region":"r"}}}
		dimension: must be an integer|{"name":"demo","dimension":0,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		dimension: must be an integer|{"name":"demo","dimension":2.5,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		dimension: must be an integer|{"name":"demo","dimension":20001,"spec":{"serverless":{"cloud":"aws","region":"r"}}}
		dimension: must be a number|{"name":"demo","dimension":"3","spec":{"serverless":{"cloud":"aws","region":"r"}}}
		metric: must be|{"name":"demo","dimension":3,"metric":"l2","spec":{"serverless":{"cloud":"aws","region":"r"}}}
		dimension: a sparse index|{"name":"demo","dimension":3,"vector_type":"sparse","spec":{"serverless":{"cloud":"aws","region":"r"}}}
		spec: is missing|{"name":"demo","dimension":3}
		spec: must hold exactly|{"name":"demo","dimension":3,"spec":{}}
		spec.serverless.region: is missing|{"name":"demo","dimension":3,"spec":{"serverless":{"cloud":"aws"}}}
		tags: 'a' must|{"name":"demo","dimension":3,"spec":{"serverless":{"cloud":"aws","region":"r"}},"tags":{"a":1}}
		deletion_protection: must be|{"name":"demo","dimension":3,"deletion_protection":"on","spec":{"serverless":{"cloud":"aws","region":"r"}}}
	END
	control POST /indexes '{"name":' | is '.error.code == "UNPROCESSABLE_ENTITY"'
	[ "$(code)" = 422 ]
	control GET /indexes | is '.indexes == []'
}

@test "pc-local: API version 2026-07 has schemas and deployments, for the same indexes" {
	local new='X-Pinecone-Api-Version: 2026-07'

	start_local "$BATS_TEST_TMPDIR/db"
	control POST /indexes '{"name":"new","schema":{"fields":{"_values":{"type":"dense_vector","dimension":4,"metric":"euclidean"}}}}' \
		-H "$new" | is '.schema.fields._values == {"type":"dense_vector","dimension":4,"metric":"euclidean"} and
		.deployment == {"deployment_type":"managed","cloud":"aws","region":"us-east-1"} and .status.ready and (has("spec") | not)'
	[ "$(code)" = 201 ]
	control GET /indexes/new | is '.dimension == 4 and .metric == "euclidean" and .spec.serverless.cloud == "aws"'
	control POST /indexes '{"name":"x","dimension":3,"spec":{}}' -H "$new" | is '.error.message | startswith("dimension: ")'
	control POST /indexes '{"schema":{"fields":{"body":{"type":"string"}}}}' -H "$new" | is '.error.message | contains("document")'
	control POST /indexes '{"schema":{"fields":{"_sparse_values":{"type":"sparse_vector"}}}}' -H "$new" |
		is '.name | startswith("index-")'
}

@test "pc-local: query finds the nearest, with values and metadata when asked" {
	setup_demo
	upsert_three
	data POST /query '{"topK":2,"vector":[0.1,0.2,0.4]}' |
		is '.namespace == "" and .usage.readUnits >= 1 and [.matches[].id] == ["a","c"] and .matches[0] == {"id":"a","score":1}'
	data POST /query '{"topK":1,"id":"a","includeValues":true,"includeMetadata":true}' |
		is '.matches[0].values == [0.1,0.2,0.4] and .matches[0].metadata == {"genre":"drama","year":1999,"tags":["x","y"]}'
	data POST /query '{"topK":10,"id":"c","includeMetadata":true}' | is '.matches | length == 3 and (.[0] | has("metadata") | not)'
	data POST /query '{"topK":3,"id":"nobody"}' | is '.matches == []'
	data POST /query '{"topK":3,"id":"a","namespace":"nowhere"}' | is '.matches == [] and .namespace == "nowhere"'
	data POST /query '{"top_k":1,"vector":[1,0,0],"include_values":true}' | is '.matches[0].id == "b" and .matches[0].values == [1,0,0]'
}

@test "pc-local: euclidean gives squares, lowest first; dotproduct the plain product; equal scores go by id" {
	start_local "$BATS_TEST_TMPDIR/db"
	make_index near '"dimension":2,"metric":"euclidean"'
	data POST /vectors/upsert '{"vectors":[{"id":"far","values":[3,4]},{"id":"b","values":[0,1]},{"id":"a","values":[1,0]}]}'
	data POST /query '{"topK":3,"vector":[0,0]}' |
		is '[.matches[] | [.id, .score]] == [["a",1],["b",1],["far",25]]'
	make_index dots '"dimension":2,"metric":"dotproduct"'
	data POST /vectors/upsert '{"vectors":[{"id":"x","values":[3,4]},{"id":"y","values":[-1,0.5]}]}'
	data POST /query '{"topK":3,"vector":[2,1]}' | is '[.matches[] | [.id, .score]] == [["x",10],["y",-1.5]]'
}

@test "pc-local: sparse indexes, and sparse beside dense" {
	start_local "$BATS_TEST_TMPDIR/db"
	make_index words '"vector_type":"sparse"'
	control GET /indexes/words | is '.vector_type == "sparse" and .metric == "dotproduct" and (has("dimension") | not)'
	data POST /vectors/upsert '{"vectors":[{"id":"w","values":[],"sparseValues":{"indices":[7,3],"values":[0.5,2]}},
		{"id":"v","sparse_values":{"indices":[9],"values":[1]}}]}' | is '.upsertedCount == 2'
	data POST /query '{"topK":2,"sparseVector":{"indices":[3,7],"values":[1,1]}}' |
		is '[.matches[] | [.id, .score]] == [["w",2.5],["v",0]]'
	data GET '/vectors/fetch?ids=w' | is '.vectors.w == {"id":"w","values":[],"sparseValues":{"indices":[3,7],"values":[2,0.5]}}'
	data POST /vectors/upsert '{"vectors":[{"id":"w","values":[1]}]}' | is '.message | startswith("vectors[0].values: this index is sparse")'
	data POST /vectors/upsert '{"vectors":[{"id":"w","sparseValues":{"indices":[3,3],"values":[1,1]}}]}' | is '.message | contains("twice")'
	make_index both '"dimension":2,"metric":"dotproduct"'
	data POST /vectors/upsert '{"vectors":[{"id":"d","values":[1,0],"sparseValues":{"indices":[1],"values":[4]}},{"id":"e","values":[2,0]}]}'
	data POST /query '{"topK":2,"vector":[1,1],"sparseVector":{"indices":[1],"values":[0.5]}}' |
		is '[.matches[] | [.id, .score]] == [["d",3],["e",2]]'
}

@test "pc-local: filters choose records, for queries and for fetches" {
	local filter ids

	setup_demo
	upsert_three
	while IFS='|' read -r ids filter; do
		data POST /query "{\"topK\":9,\"vector\":[1,1,1],\"filter\":$filter}" | is "[.matches[].id] | sort == $ids"
		data POST /vectors/fetch_by_metadata "{\"filter\":$filter}" | is "[.vectors | keys[]] | sort == $ids"
	done <<-'END'
		["a"]|{"genre":"drama"}
		["a"]|{"genre":{"$eq":"drama"}}
		["b","c"]|{"genre":{"$ne":"drama"}}
		["b"]|{"year":{"$gt":1999}}
		["a","b"]|{"year":{"$gte":1999,"$lte":2005}}
		["a"]|{"year":{"$lt":2005}}
		["a"]|{"tags":"x"}
		["a","b"]|{"genre":{"$in":["drama","comedy"]}}
		["c"]|{"genre":{"$nin":["drama","comedy"]}}
		["c"]|{"year":{"$exists":false}}
		["b"]|{"seen":true}
		[]|{"genre":"drama","seen":true}
		["a","b"]|{"$or":[{"genre":"drama"},{"seen":true}]}
		["a"]|{"$and":[{"year":{"$exists":true}},{"tags":{"$in":["y","z"]}}]}
		["a","b","c"]|{}
	END
	data POST /query '{"topK":9,"vector":[1,1,1],"filter":{"genre":{"$like":"d"}}}' |
		is ".message | contains(\"'\$like' is not a valid operator\")"
	[ "$(code)" = 400 ]
}

@test "pc-local: upsert replaces whole records, and a bad record means that nothing is stored" {
	setup_demo
	upsert_three
	data POST /vectors/upsert '{"vectors":[{"id":"a","values":[9,9,9]},{"id":"a","values":[0,0,1],"metadata":{"n":1}}]}'
	data GET '/vectors/fetch?ids=a' | is '.vectors.a == {"id":"a","values":[0,0,1],"metadata":{"n":1}}'
	data POST /vectors/upsert '{"vectors":[{"id":"new","values":[1,2,3]},{"id":"bad","values":[1,2]}]}' |
		is '.code == 3 and .message == "vectors[1].values: Vector dimension 2 does not match the dimension of the index 3"'
	[ "$(code)" = 400 ]
	data GET '/vectors/fetch?ids=new' | is '.vectors == {}'
	data POST /describe_index_stats '{}' | is '.totalVectorCount == 3'
}

@test "pc-local: update changes what is given, by id or for all that a filter matches" {
	setup_demo
	upsert_three
	data POST /vectors/update '{"id":"a","setMetadata":{"year":2000,"new":"ü"}}' | is '. == {}'
	data GET '/vectors/fetch?ids=a' |
		is '.vectors.a | .values == [0.1,0.2,0.4] and .metadata == {"genre":"drama","year":2000,"tags":["x","y"],"new":"ü"}'
	data POST /vectors/update '{"id":"a","values":[1,2,3]}' | is '. == {}'
	data GET '/vectors/fetch?ids=a' | is '.vectors.a | .values == [1,2,3] and .metadata.year == 2000'
	data POST /vectors/update '{"filter":{"year":{"$gt":1}},"setMetadata":{"year":1},"dryRun":true}' | is '. == {"matchedRecords":2}'
	data POST /vectors/update '{"filter":{"year":{"$gt":1}},"setMetadata":{"year":1}}' | is '. == {"matchedRecords":2}'
	data POST /vectors/update '{"filter":{"year":{"$gt":1}},"setMetadata":{"year":2},"dryRun":true}' | is '. == {"matchedRecords":0}'
	data GET '/vectors/fetch?ids=b' | is '.vectors.b.metadata == {"genre":"comedy","year":1,"seen":true}'
	data POST /vectors/update '{"id":"nobody","setMetadata":{"year":2}}' | is '. == {}'
	data POST /vectors/update '{"setMetadata":{"year":2}}' | is '.message | startswith("id, filter: give exactly one")'
}

@test "pc-local: update of many records at once by a filter leaves their vectors as they are" {
	setup_demo
	for n in 1 2 3; do
		data POST /vectors/upsert "$(jq -nc --argjson n "$n" '{vectors: [range(1000) | {id: "\($n * 1000 + .)", values: [$n, ., 1], metadata: {a: 1}}]}')"
	done
	data POST /vectors/update '{"filter":{"a":1},"setMetadata":{"b":2}}' | is '. == {"matchedRecords":3000}'
	for id in 1000 2500 3999; do
		data GET "/vectors/fetch?ids=$id" | is ".vectors[\"$id\"] | .metadata == {a: 1, b: 2} and .values == [$((id / 1000)), $((id % 1000)), 1]"
	done
}

@test "pc-local: delete by id, by filter, and all of a namespace" {
	setup_demo
	upsert_three
	data POST /vectors/delete '{"ids":["a","nobody"]}' | is '. == {}'
	data POST /vectors/delete '{"filter":{"genre":"comedy"}}' | is '. == {}'
	data GET /vectors/list | is '.vectors == [{"id":"c"}]'
	data POST /vectors/delete '{"deleteAll":true}' | is '. == {}'
	data POST /describe_index_stats | is '.totalVectorCount == 0 and .namespaces == {"__default__":{"vectorCount":0}}'
	data POST /vectors/delete '{"deleteAll":true,"namespace":"nowhere"}' | is '.code == 5'
	[ "$(code)" = 404 ]
	data POST /vectors/delete '{"ids":["a"],"deleteAll":true}' | is '.message | contains("exactly one")'
	data POST /vectors/delete '{"filter":{}}' | is '.message | startswith("filter: is empty")'
}

@test "pc-local: lists come by id in pages, with a token while more is left" {
	local ids='' token=''

	setup_demo
	data POST /vectors/upsert "$(jq -nc '{vectors: ([range(25) | {id: "p#\(.)", values: [1, ., 0]}] + [{id: "q", values: [1, 0, 0]}])}')"
	while :; do
		data GET "/vectors/list?limit=10&prefix=p%23&paginationToken=$token" >"$BATS_TEST_TMPDIR/page"
		ids+=$(jq -r '.vectors[].id' "$BATS_TEST_TMPDIR/page")$'\n'
		token=$(jq -r '.pagination.next // empty' "$BATS_TEST_TMPDIR/page")
		[ -n "$token" ] || break
	done
	is 'has("pagination") | not' <"$BATS_TEST_TMPDIR/page"
	[ "$ids" = "$(seq 0 24 | sed 's/^/p#/' | sort)"$'\n' ]
	data GET '/vectors/list?paginationToken=zz' | is '.message | startswith("paginationToken: ")'
	data GET '/vectors/list?limit=0' | is '.message | startswith("limit: ")'
}

@test "pc-local: fetch_by_metadata finds each record once, page by page" {
	local ids='' token=''

	setup_demo
	data POST /vectors/upsert "$(jq -nc '{vectors: [range(25) | {id: "\(.)", values: [1, ., 0], metadata: {even: (. % 2 == 0)}}]}')"
	while :; do
		data POST /vectors/fetch_by_metadata "{\"filter\":{\"even\":true},\"limit\":5${token:+,\"paginationToken\":\"$token\"}}" \
			>"$BATS_TEST_TMPDIR/page"
		ids+=$(jq -r '.vectors | keys_unsorted[]' "$BATS_TEST_TMPDIR/page")$'\n'
		token=$(jq -r '.pagination.next // empty' "$BATS_TEST_TMPDIR/page")
		[ -n "$token" ] || break
	done
	[ "$ids" = "$(seq 0 2 24 | sort)"$'\n' ]
}

@test "pc-local: namespaces are apart from each other; the default one has three names" {
	setup_demo
	upsert_three
	data POST /vectors/upsert '{"namespace":"other","vectors":[{"id":"a","values":[7,7,7]}]}'
	data GET '/vectors/fetch?ids=a&namespace=other' | is '.vectors.a.values == [7,7,7] and .namespace == "other"'
	data GET '/vectors/fetch?ids=a&namespace=__default__' | is '.vectors.a.values == [0.1,0.2,0.4] and .namespace == "__default__"'
	data POST /vectors/delete '{"namespace":"","ids":["a"]}'
	data POST /describe_index_stats '{}' | is '.namespaces == {"__default__":{"vectorCount":2},"other":{"vectorCount":1}} and
		.totalVectorCount == 3 and .dimension == 3 and .metric == "cosine" and .vectorType == "dense"'
	data POST /namespaces '{"name":"made","schema":{"fields":{"genre":{"filterable":true}}}}' |
		is '. == {"name":"made","record_count":0,"schema":{"fields":{"genre":{"filterable":true}}}}'
	data POST /namespaces '{"name":"made"}' | is '.code == 6'
	[ "$(code)" = 409 ]
	data POST /namespaces '{"name":"__default__"}' | is '.code == 3'
	data GET '/namespaces?limit=2' | is '[.namespaces[].name] == ["__default__","made"] and .total_count == 3 and .pagination.next'
	data DELETE /namespaces/other | is '. == {}'
	data GET /namespaces/other | is '.code == 5'
	data GET /namespaces/made | is '.record_count == 0 and .schema.fields.genre.filterable'
}

@test "pc-local: float32 values come back as they were sent, and metadata byte for byte" {
	setup_demo
	data POST /vectors/upsert '{"vectors":[{"id":"f","values":[0.1,-1.5e-7,16777216],"metadata":{"t":"\u00e9\"\\/ü","n":5,"m":5.0,"l":[]}}]}'
	data GET '/vectors/fetch?ids=f' >"$BATS_TEST_TMPDIR/f"
	grep -qF '"values":[0.1,-1.5e-7,16777216]' "$BATS_TEST_TMPDIR/f"
	grep -qF '"metadata":{"t":"\u00e9\"\\/ü","n":5,"m":5.0,"l":[]}' "$BATS_TEST_TMPDIR/f"
}

@test "pc-local: what a record cannot be is 400, with its place and member" {
	local body what

	setup_demo
	while IFS='|' read -r what body; do
		data POST /vectors/upsert "$body" | is ".message | startswith(\"$what\")"
		[ "$(code)" = 400 ]
	done <<-'END'
		body: not JSON|{"vectors":[}
		body: must be an object|[]
		vectors: is missing|{}
		vectors: must be a list|{"vectors":{}}
		vectors: must hold|{"vectors":[]}
		vectors[0]: must be an object|{"vectors":["a"]}
		vectors[0].id: is missing|{"vectors":[{"values":[1,2,3]}]}
		vectors[0].id: must be a string|{"vectors":[{"id":1,"values":[1,2,3]}]}
		vectors[0].id: must be 1 to 512|{"vectors":[{"id":"","values":[1,2,3]}]}
		vectors[0].id: must be ASCII|{"vectors":[{"id":"ü","values":[1,2,3]}]}
		vectors[0].id: U+0000|{"vectors":[{"id":"a\u0000","values":[1,2,3]}]}
		vectors[0].values: is missing|{"vectors":[{"id":"a"}]}
		vectors[0].values: must be a list|{"vectors":[{"id":"a","values":"x"}]}
		vectors[0].values: must be a list of numbers|{"vectors":[{"id":"a","values":[1,2,"3"]}]}
		vectors[0].values: must be a list of numbers|{"vectors":[{"id":"a","values":[1,2,1e39]}]}
		vectors[0].values: Dense vectors|{"vectors":[{"id":"a","values":[0,0,0]}]}
		vectors[0].metadata: must be an object|{"vectors":[{"id":"a","values":[1,2,3],"metadata":[]}]}
		vectors[0].metadata field 'm': must be|{"vectors":[{"id":"a","values":[1,2,3],"metadata":{"m":null}}]}
		vectors[0].metadata field 'm': must be|{"vectors":[{"id":"a","values":[1,2,3],"metadata":{"m":{"n":1}}}]}
		vectors[0].metadata field 'm': must be|{"vectors":[{"id":"a","values":[1,2,3],"metadata":{"m":["a",1]}}]}
		vectors[0].metadata field '$m': a field name|{"vectors":[{"id":"a","values":[1,2,3],"metadata":{"$m":1}}]}
		vectors[0].sparseValues: only|{"vectors":[{"id":"a","values":[1,2,3],"sparseValues":{"indices":[1],"values":[1]}}]}
		vectors[1].values: stands there twice|{"vectors":[{"id":"a","values":[1,2,3]},{"id":"a","values":[1,2,3],"values":[1,2,3]}]}
		namespace: must be a string|{"vectors":[{"id":"a","values":[1,2,3]}],"namespace":7}
	END
	data POST /vectors/upsert '' | is '.message | startswith("body: is empty")'
	data POST /describe_index_stats '{}' | is '.totalVectorCount == 0'
}

@test "pc-local: what a query cannot be is 400, with the member's name" {
	local body what

	setup_demo
	upsert_three
	while IFS='|' read -r what body; do
		data POST /query "$body" | is ".message | startswith(\"$what\")"
		[ "$(code)" = 400 ]
	done <<-'END'
		topK: is missing|{"vector":[1,2,3]}
		topK: must be an integer|{"topK":0,"vector":[1,2,3]}
		topK: must be an integer|{"topK":10001,"vector":[1,2,3]}
		topK: must be an integer|{"topK":1.5,"vector":[1,2,3]}
		vector: is missing|{"topK":1}
		vector: Vector dimension 2|{"topK":1,"vector":[1,2]}
		vector: Dense vectors must|{"topK":1,"vector":[0,0,0]}
		id: give either|{"topK":1,"vector":[1,2,3],"id":"a"}
		sparseVector: only|{"topK":1,"vector":[1,2,3],"sparseVector":{"indices":[1],"values":[1]}}
		filter: must be an object|{"topK":1,"vector":[1,2,3],"filter":[]}
		includeValues: must be true or false|{"topK":1,"vector":[1,2,3],"includeValues":1}
	END
}

@test "pc-local: limits: records, ids, metadata and the size of a body" {
	setup_demo
	jq -nc '{vectors: [range(1001) | {id: "\(.)", values: [1, 2, 3]}]}' >"$BATS_TEST_TMPDIR/many"
	data POST /vectors/upsert "@$BATS_TEST_TMPDIR/many" | is '.message | startswith("vectors: more than 1000")'
	jq -nc '{vectors: [range(1000) | {id: "\(.)", values: [1, 2, 3]}]}' >"$BATS_TEST_TMPDIR/many"
	data POST /vectors/upsert "@$BATS_TEST_TMPDIR/many" | is '.upsertedCount == 1000'
	jq -nc '{vectors: [{id: "m", values: [1, 2, 3], metadata: {t: ("x" * 40960)}}]}' >"$BATS_TEST_TMPDIR/fat"
	data POST /vectors/upsert "@$BATS_TEST_TMPDIR/fat" | is '.message | contains("exceeds the limit of 40960 bytes")'
	data POST /vectors/upsert "{\"vectors\":[{\"id\":\"$(printf 'x%.0s' {1..513})\",\"values\":[1,2,3]}]}" |
		is '.message | startswith("vectors[0].id: must be 1 to 512")'
	head -c 2097153 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/large"
	data POST /vectors/upsert "@$BATS_TEST_TMPDIR/large" | is '.message | contains("over the limit of 2097152")'
	[ "$(code)" = 413 ]
	data POST /vectors/upsert "@$BATS_TEST_TMPDIR/large" -H 'Transfer-Encoding: chunked' | is '.code == 11'
	[ "$(code)" = 413 ]
	data POST /vectors/delete "$(jq -nc '{ids: [range(1001) | "\(.)"]}')" | is '.message | startswith("ids: more than 1000")'
}

@test "pc-local: large bodies are asked for at once, so that curl does not wait a second" {
	setup_demo
	jq -nc '{vectors: [range(900) | {id: "\(.)", values: [1, 2, 3], metadata: {t: ("x" * 1500)}}]}' >"$BATS_TEST_TMPDIR/body.json"
	run curl -sS -v -m 20 -H 'Expect: 100-continue' --expect100-timeout 19 -H "Api-Key: $PINECONE_API_KEY" -d "@$BATS_TEST_TMPDIR/body.json" \
		-w '%{time_total}' "$HOST/vectors/upsert"
	[ "$status" -eq 0 ]
	[[ $output = *'HTTP/1.1 100 Continue'* ]]
	[[ $output = *'"upsertedCount":900'* ]]
}

@test "pc-local: requests that are not HTTP as it should be do no harm" {
	setup_demo
	data GET '/vectors/fetch?ids=%ff' | is '.code == 3'
	data GET '/vectors/fetch?ids=a%00b' | is '.code == 3'
	data GET /vectors/fetch | is '.message | startswith("ids: ")'
	data GET /query | is '.code == 12'
	[ "$(code)" = 405 ]
	data POST /nowhere '{}' | is '.code == 5'
	ask GET "$PINECONE_CONTROLLER_HOST/data.plane/no-such/query" | is '.message == "/query: takes POST" or .code == 5'
	printf 'nonsense\r\n\r\n' >/dev/tcp/127.0.0.1/"${PINECONE_CONTROLLER_HOST##*:}"
	control GET /indexes | is '.indexes | length == 1'
}

@test "pc-local: each answer has a request id of its own" {
	start_local "$BATS_TEST_TMPDIR/db"
	control GET /indexes '' -G -D "$BATS_TEST_TMPDIR/one"
	control GET /indexes '' -G -D "$BATS_TEST_TMPDIR/two"
	grep -q '^x-pinecone-request-id: .' "$BATS_TEST_TMPDIR/one"
	run ! diff <(grep request-id "$BATS_TEST_TMPDIR/one") <(grep request-id "$BATS_TEST_TMPDIR/two")
}

@test "pc-local: many clients at once are each answered, one that is slow holds up nobody" {
	setup_demo
	upsert_three
	exec 4<>/dev/tcp/127.0.0.1/"${PINECONE_CONTROLLER_HOST##*:}"
	printf 'POST /indexes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{' >&4
	seq 200 | xargs -P 20 -I{} curl -sS -H "Api-Key: $PINECONE_API_KEY" -d '{"topK":1,"vector":[1,0,0]}' -w '\n' "$HOST/query" \
		>"$BATS_TEST_TMPDIR/answers"
	exec 4>&-
	[ "$(jq -r '.matches[0].id' "$BATS_TEST_TMPDIR/answers" | grep -c '^b$')" -eq 200 ]
}

@test "pc-local: what the service has and it does not is refused, with what to do instead" {
	local path what

	setup_demo
	while IFS='|' read -r path what; do
		data POST "$path" '{}' | is ".code == 3 and (.message | contains(\"$what\"))"
		[ "$(code)" = 400 ]
	done <<-'END'
		/records/namespaces/n/upsert|integrated inference is not served: embed with hf-embed
		/records/namespaces/n/search|integrated inference is not served: embed with hf-embed
		/namespaces/n/documents/upsert|document indexes are not served
	END
	while IFS='|' read -r path what; do
		control POST "$path" '{}' | is ".status == 400 and (.error.message | contains(\"$what\"))"
		[ "$(code)" = 400 ]
	done <<-'END'
		/indexes/demo/backup-schedules|are not served
		/backup-schedules/1/history|are not served
		/embed|inference is not served
		/rerank|inference is not served
		/indexes/create-for-model|hosted models are not served
	END
}

@test "pc-local: collections answer as they do where all indexes are serverless" {
	setup_demo
	control GET /collections | is '.collections == []'
	control GET /collections/none | is '.error == {"code":"NOT_FOUND","message":"Collection none not found."}'
	control DELETE /collections/none | is '.status == 404'
	control POST /collections '{"name":"c","source":"demo"}' | is '.status == 400 and (.error.message | contains("serverless"))'
	control POST /collections '{"name":"c","source":"none"}' | is '.status == 404'
	control POST /collections '{"name":"c"}' | is '.error.message == "source: is missing"'
}

@test "pc-local: /metrics counts indexes, records and answers, for who has the key" {
	setup_demo
	upsert_three
	data POST /query '{}'
	control GET /metrics >"$BATS_TEST_TMPDIR/metrics"
	grep -qx 'pc_local_indexes 1' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'pc_local_records 3' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'pc_local_backups 0' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'pc_local_requests_total{status="2xx"} 2' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'pc_local_requests_total{status="4xx"} 1' "$BATS_TEST_TMPDIR/metrics"
	run curl -sS "$PINECONE_CONTROLLER_HOST/metrics"
	[[ $output = *UNAUTHENTICATED* ]]
}

@test "pc-local: hostile filters, numbers and ids are 400 with the member's name" {
	local what body depth

	setup_demo
	for depth in 33 200 1000; do
		printf '{"topK":1,"vector":[1,2,3],"filter":%s{"a":1}%s}' "$(printf '{"$and":[%.0s' $(seq "$depth"))" \
			"$(printf ']}%.0s' $(seq "$depth"))" >"$BATS_TEST_TMPDIR/deep"
		data POST /query "@$BATS_TEST_TMPDIR/deep" | is '.message | test("^filter: .*nested (deeper|too deep)")'
		[ "$(code)" = 400 ]
	done
	while IFS='|' read -r what body; do
		data POST /query "$body" | is ".message | startswith(\"$what\")"
		[ "$(code)" = 400 ]
	done <<-'END'
		topK|{"topK":1e400,"vector":[1,2,3]}
		topK|{"topK":-1,"vector":[1,2,3]}
		topK|{"topK":99999999999999999999,"vector":[1,2,3]}
		vector|{"topK":1,"vector":[1e400,2,3]}
		filter|{"topK":1,"vector":[1,2,3],"filter":{"a":{"$gt":1e400}}}
		filter|{"topK":1,"vector":[1,2,3],"filter":{"a":{"$in":[{}]}}}
		filter|{"topK":1,"vector":[1,2,3],"filter":{"$not":{"a":1}}}
	END
	data POST /query "$(printf '{"topK":1,"id":"a\\u0001\x7f"}')" | is '.matches == []'
	data POST /query "$(printf '{"topK":1,"id":"\xff"}')" >/dev/null
	[ "$(code)" = 400 ]
}
