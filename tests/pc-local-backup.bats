load helper
load pc-local

# pc-local: backups through the API, and indexes made from them.

# Wait until a restore job is over; its description.
restored() {
	until control GET "/restore-jobs/$1" | jq -e '.status != "Pending"' >/dev/null; do
		kill -0 "$LOCAL_PID"
	done
	cat "$BATS_TEST_TMPDIR/body"
}

# Upsert $1 records with ids from 0, 1000 at a time; $2 is their second value.
fill() {
	local first

	for ((first = 0; first < $1; first += 1000)); do
		jq -nc --argjson f "$first" --argjson n "$1" --argjson v "$2" \
			'{vectors: [range($f; [$f + 1000, $n] | min) | {id: "\(.)", values: [1, $v, .]}]}' >"$BATS_TEST_TMPDIR/fill"
		data POST /vectors/upsert "@$BATS_TEST_TMPDIR/fill" | is .upsertedCount
	done
}

@test "pc-local: a backup keeps what was there, and an index made from it has it, whatever happens after" {
	setup_demo
	data POST /vectors/upsert '{"vectors":[{"id":"a","values":[0.1,0.2,0.4],"metadata":{"g":"x","n":[ ]}},{"id":"b","values":[1,0,0]}]}'
	data POST /vectors/upsert '{"namespace":"n","vectors":[{"id":"a","values":[1,2,3],"metadata":{"t":"é\u00e9"}}]}'
	data POST /namespaces '{"name":"empty","schema":{"fields":{"g":{"filterable":true}}}}'
	control POST /indexes/demo/backups '{"name":"first"}' | is '.backup_id == "bkp_1" and .record_count == 3 and .namespace_count == 3'
	[ "$(code)" = 201 ]
	data POST /vectors/upsert '{"vectors":[{"id":"a","values":[9,9,9]},{"id":"new","values":[9,9,9]}]}'
	data POST /vectors/update '{"id":"b","setMetadata":{"g":"z"}}'
	data DELETE /namespaces/n
	data POST /namespaces '{"name":"later"}'
	control POST /backups/bkp_1/create-index '{"name":"again","tags":{"t":"u"},"deletion_protection":"enabled"}' |
		is '. == {"restore_job_id":"rst_1","index_id":"idx_2"}'
	[ "$(code)" = 202 ]
	restored rst_1 | is '.status == "Completed" and .percent_complete == 100 and .completed_at and .backup_id == "bkp_1" and
		.target_index_name == "again" and .target_index_id == "idx_2"'
	HOST=$(control GET /indexes/again | jq -r .host)
	is '.status == {"ready":true,"state":"Ready"} and .tags == {"t":"u"} and .deletion_protection == "enabled" and .dimension == 3' \
		<"$BATS_TEST_TMPDIR/body"
	data POST /describe_index_stats '{}' | is '.namespaces == {"__default__":{"vectorCount":2},"empty":{"vectorCount":0},"n":{"vectorCount":1}}'
	data GET '/vectors/fetch?ids=a&ids=b&ids=new' |
		is '.vectors == {"a":{"id":"a","values":[0.1,0.2,0.4],"metadata":{"g":"x","n":[]}},"b":{"id":"b","values":[1,0,0]}}'
	data GET '/vectors/fetch?ids=a&namespace=n'
	grep -qF '"metadata":{"t":"é\u00e9"}' "$BATS_TEST_TMPDIR/body"
	data GET /namespaces/empty | is '.schema.fields.g.filterable'
	data POST /query '{"topK":1,"vector":[0,0,1],"filter":{"g":"x"}}' | is '.matches[0].id == "a"'
	# and the index that it was made of is as it was left
	HOST=${HOST%again}demo
	data GET '/vectors/fetch?ids=a&ids=b&ids=new' | is '[.vectors[].values[0]] == [9,1,9] and .vectors.b.metadata.g == "z"'
	control GET /metrics | grep -qx 'pc_local_backups 1'
}

@test "pc-local: sparse and hybrid indexes can be backed up" {
	start_local "$BATS_TEST_TMPDIR/db"
	make_index words '"vector_type":"sparse"'
	data POST /vectors/upsert '{"vectors":[{"id":"w","sparseValues":{"indices":[7,3],"values":[0.5,2]},"metadata":{"g":"x"}}]}'
	make_index both '"dimension":2,"metric":"dotproduct"'
	data POST /vectors/upsert '{"vectors":[{"id":"w","values":[1,2],"sparseValues":{"indices":[9],"values":[3]}}]}'
	control POST /indexes/words/backups '{}' | is '.metric == "dotproduct" and (has("dimension") | not)'
	control POST /indexes/both/backups '{}' | is '.dimension == 2'
	control POST /backups/bkp_1/create-index '{"name":"words2"}'
	control POST /backups/bkp_2/create-index '{"name":"both2"}'
	restored rst_2
	HOST=${HOST%both}words2
	data GET '/vectors/fetch?ids=w' |
		is '.vectors.w == {"id":"w","values":[],"sparseValues":{"indices":[3,7],"values":[2,0.5]},"metadata":{"g":"x"}}'
	HOST=${HOST%words2}both2
	data GET '/vectors/fetch?ids=w' | is '.vectors.w == {"id":"w","values":[1,2],"sparseValues":{"indices":[9],"values":[3]}}'
}

@test "pc-local: a backup is described in the shapes of both API versions" {
	local new='X-Pinecone-Api-Version: 2026-07'

	start_local "$BATS_TEST_TMPDIR/db"
	control POST /indexes '{"name":"demo","dimension":3,"tags":{"team":"a"},"spec":{"serverless":{"cloud":"gcp","region":"us-central1",
		"schema":{"fields":{"g":{"filterable":true}}}}}}'
	data POST /vectors/upsert '{"vectors":[{"id":"abc","values":[1,2,3],"metadata":{"g":"x"}}]}'
	control POST /indexes/demo/backups '{"name":"n \u00e9\"","description":"d"}'
	control GET /backups/bkp_1 | is 'del(.created_at) == {"backup_id":"bkp_1","source_index_id":"idx_1","source_index_name":"demo","name":"n é\"",
		"description":"d","status":"Ready","cloud":"gcp","region":"us-central1","dimension":3,"metric":"cosine",
		"schema":{"fields":{"g":{"filterable":true}}},"record_count":1,"namespace_count":1,"size_bytes":24,"tags":{"team":"a"}} and
		(.created_at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$"))'
	control GET /backups/bkp_1 '' -G -H "$new" | is '.schema == {"fields":{"_values":{"type":"dense_vector","dimension":3,"metric":"cosine"}}} and
		(has("dimension") or has("metric") or has("source_index_deleted_at") | not)'
	# tags, and what else is not asked for, are those of the backup
	control POST /backups/bkp_1/create-index '{"name":"again","read_capacity":{"mode":"Dedicated",
		"dedicated":{"node_type":"t1","scaling":"Manual","manual":{"replicas":1,"shards":1}}}}'
	control GET /indexes/again | is '.tags == {"team":"a"} and .spec.serverless.region == "us-central1" and
		.spec.serverless.schema.fields.g.filterable and .spec.serverless.read_capacity.mode == "Dedicated" and .deletion_protection == "disabled"'
	restored rst_1
	control DELETE /indexes/demo
	control GET /backups/bkp_1 '' -G -H "$new" | is '.source_index_deleted_at and .source_index_name == "demo"'
}

@test "pc-local: lists of backups come in pages, of one index or of all" {
	local next new='X-Pinecone-Api-Version: 2026-07'

	setup_demo
	make_index other '"dimension":3'
	for i in $(seq 12); do
		control POST /indexes/demo/backups "{\"name\":\"b$i\"}"
	done
	control POST /indexes/other/backups '{}'
	control GET /backups | is '[.data[].backup_id] == [range(1; 11) | "bkp_\(.)"] and .pagination.next'
	control GET '/backups?limit=5' | is '.data | length == 5'
	next=$(jq -r .pagination.next "$BATS_TEST_TMPDIR/body")
	# clients leave the limit out when they follow a token
	control GET "/backups?paginationToken=$next" | is '[.data[].name] == ["b6","b7","b8","b9","b10"]'
	next=$(jq -r .pagination.next "$BATS_TEST_TMPDIR/body")
	control GET "/backups?paginationToken=$next&limit=100" | is '[.data[].source_index_name] == ["demo","demo","other"] and (has("pagination") | not)'
	control GET '/indexes/other/backups' | is '[.data[].backup_id] == ["bkp_13"]'
	control GET '/indexes/demo/backups?limit=12' | is '(.data | length == 12) and (has("pagination") | not)'
	control GET '/backups?limit=101' | is '.error.message == "limit: must be an integer from 1 to 100"'
	control GET '/backups?paginationToken=6162' | is '.error.message | startswith("paginationToken: ")'
	control DELETE /indexes/demo
	control GET /indexes/demo/backups | is '.status == 404'
	control GET '/indexes/demo/backups?include_deleted=true&limit=100' '' -G -H "$new" | is '.data | length == 12 and all(.source_index_deleted_at)'
	make_index demo '"dimension":3' # another one, with no backups
	control GET /indexes/demo/backups | is '.data == []'
	for i in $(seq 3); do
		control POST /backups/bkp_1/create-index "{\"name\":\"again$i\"}"
	done
	control GET '/restore-jobs?limit=2' | is '[.data[].restore_job_id] == ["rst_1","rst_2"]'
	next=$(jq -r .pagination.next "$BATS_TEST_TMPDIR/body")
	control GET "/restore-jobs?paginationToken=$next" | is '[.data[].restore_job_id] == ["rst_3"] and (has("pagination") | not)'
	restored rst_3
}

@test "pc-local: what cannot be backed up or restored is said as the service does" {
	local method path body want

	setup_demo
	control POST /indexes '{"name":"pods","dimension":3,"spec":{"pod":{"environment":"us-east1-gcp"}}}' | is '.name == "pods"'
	control POST /indexes/demo/backups '{}'
	while IFS='|' read -r method path body want; do
		control "$method" "$path" "$body" | is ".status == ${want%% *} and (.error.message | contains(\"${want#* }\"))"
		[ "$(code)" = "${want%% *}" ]
	done <<-'END'
		POST|/indexes/none/backups|{}|404 Resource none not found
		POST|/indexes/pods/backups|{}|400 serverless indexes only
		POST|/indexes/demo/backups|{"name":7}|400 name: must be a string
		POST|/indexes/demo/backups|[]|400 body: must be an object
		DELETE|/indexes/demo/backups|{}|405 takes GET and POST
		GET|/backups/bkp_2|{}|404 Backup bkp_2 not found.
		GET|/backups/1|{}|404 Backup 1 not found.
		GET|/backups/bkp_1x|{}|404 Backup bkp_1x not found.
		DELETE|/backups/bkp_2|{}|404 Backup bkp_2 not found.
		POST|/backups/bkp_2/create-index|{"name":"x"}|404 Backup bkp_2 not found.
		POST|/backups/bkp_1/create-index|{"name":"demo"}|409 Resource already exists.
		POST|/backups/bkp_1/create-index|{}|400 name: is missing
		POST|/backups/bkp_1/create-index|{"name":"A b"}|400 alphanumeric character
		POST|/backups/bkp_1/create-index|{"name":"x","tags":{"a":1}}|400 tags: 'a' must be a string
		POST|/backups/bkp_1/create-index|{"name":"x","deletion_protection":"on"}|400 deletion_protection
		POST|/backups/bkp_1/other|{}|404 not served
		PATCH|/backups/bkp_1|{}|405 takes GET and DELETE
		GET|/restore-jobs/rst_1|{}|404 Restore job rst_1 not found.
		POST|/restore-jobs|{}|405 takes GET
	END
	control GET /restore-jobs | is '.data == []'
	control DELETE /backups/bkp_1
	[ "$(code)" = 202 ]
	[ ! -s "$BATS_TEST_TMPDIR/body" ]
	control GET /backups/bkp_1 | is '.status == 404'
}

@test "pc-local: an index that is being made from a backup says so, and its backup stays" {
	local requests

	setup_demo
	fill 20000 1
	control POST /indexes/demo/backups '{}' | is '.record_count == 20000'
	# one curl, so that these come before the records have been copied
	requests=(-sS -H "Api-Key: $PINECONE_API_KEY" -w '\n')
	curl "${requests[@]}" -d '{"name":"again"}' "$PINECONE_CONTROLLER_HOST/backups/bkp_1/create-index" \
		--next "${requests[@]}" "$PINECONE_CONTROLLER_HOST/indexes/again" \
		--next "${requests[@]}" -d '{"topK":1,"vector":[1,1,1]}' "$PINECONE_CONTROLLER_HOST/data.plane/again/query" \
		--next "${requests[@]}" -d '{}' "$PINECONE_CONTROLLER_HOST/indexes/again/backups" \
		--next "${requests[@]}" -X DELETE "$PINECONE_CONTROLLER_HOST/backups/bkp_1" \
		--next "${requests[@]}" -X DELETE "$PINECONE_CONTROLLER_HOST/indexes/again" >"$BATS_TEST_TMPDIR/answers"
	sed -n 2p "$BATS_TEST_TMPDIR/answers" | is '.status == {"ready":false,"state":"Initializing"}'
	sed -n 3p "$BATS_TEST_TMPDIR/answers" | is '.code == 14 and .message == "Index again is being made from a backup: wait until it is ready"'
	sed -n 4p "$BATS_TEST_TMPDIR/answers" | is '.status == 412'
	sed -n 5p "$BATS_TEST_TMPDIR/answers" | is '.error == {"code":"FAILED_PRECONDITION",
		"message":"Unable to delete backup. There are pending restore jobs for this backup: ['\''rst_1'\'']"}'
	# deleting the index has ended the job
	restored rst_1 | is '.status == "Cancelled"'
	control DELETE /backups/bkp_1
	[ "$(code)" = 202 ]
	run pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$output" = '{"indexes":1,"namespaces":1,"records":20000,"backups":0}' ]
}

@test "pc-local: a restore that kill -9 ends goes on with the next start" {
	local i

	setup_demo
	fill 6000 1
	control POST /indexes/demo/backups '{}'
	fill 6000 2
	control POST /backups/bkp_1/create-index '{"name":"again"}'
	for i in 1 2 3; do
		kill -KILL "$LOCAL_PID"
		wait "$LOCAL_PID" || true
		SERVERS=()
		run pc-local --check "$BATS_TEST_TMPDIR/db"
		[ "$status" -eq 0 ]
		start_local "$BATS_TEST_TMPDIR/db"
	done
	restored rst_1 | is '.status == "Completed"'
	HOST=${HOST%demo}again
	data POST /describe_index_stats '{}' | is '.totalVectorCount == 6000'
	data GET '/vectors/fetch?ids=0&ids=3000&ids=5999' | is '[.vectors[].values] == [[1,1,0],[1,1,3000],[1,1,5999]]'
}

# Upsert ten records at once, over and over, all with the same second value: the number of the round, which is noted
# once it has been acknowledged.
write_on() {
	local round

	for ((round = $1; ; round++)); do
		jq -nc --argjson r "$round" '{vectors: [range(10) | {id: "\(.)", values: [1, $r, .]}]}' |
			curl -sS -f -H "Api-Key: $PINECONE_API_KEY" -d @- "$HOST/vectors/upsert" 2>/dev/null | grep -q upsertedCount || return 0
		echo "$round" >>"$BATS_TEST_TMPDIR/acknowledged"
	done
}

@test "pc-local: backups made in the middle of writing are of one moment, and survive kill -9" {
	local kill last backups=0

	touch "$BATS_TEST_TMPDIR/acknowledged"
	setup_demo
	for kill in 1 2 3 4; do
		[ "$kill" -eq 1 ] || start_local "$BATS_TEST_TMPDIR/db"
		write_on $((kill * 1000)) 3>&- &
		until [ "$(tail -n 1 "$BATS_TEST_TMPDIR/acknowledged")" -gt $((kill * 1000 + 3)) ] 2>/dev/null; do
			kill -0 "$LOCAL_PID"
		done
		for _ in 1 2; do
			last=$(tail -n 1 "$BATS_TEST_TMPDIR/acknowledged")
			control POST /indexes/demo/backups "{\"name\":\"$last\"}" | is '.record_count == 10'
			backups=$((backups + 1))
		done
		kill -KILL "$LOCAL_PID"
		wait "$LOCAL_PID" || true
		SERVERS=()
		wait
		run pc-local --check "$BATS_TEST_TMPDIR/db"
		[ "$output" = "{\"indexes\":1,\"namespaces\":1,\"records\":10,\"backups\":$backups}" ]
	done
	start_local "$BATS_TEST_TMPDIR/db"
	control GET '/backups?limit=100' >"$BATS_TEST_TMPDIR/backups"
	[ "$(jq '.data | length' "$BATS_TEST_TMPDIR/backups")" -eq "$backups" ]
	while read -r id last; do
		control POST "/backups/$id/create-index" "{\"name\":\"i$last-${id#bkp_}\"}" >"$BATS_TEST_TMPDIR/job"
		restored "$(jq -r .restore_job_id "$BATS_TEST_TMPDIR/job")" | is '.status == "Completed"'
		HOST=$PINECONE_CONTROLLER_HOST/data.plane/i$last-${id#bkp_}
		# all ten of one round, and none older than what had been acknowledged when it was asked for
		data GET "/vectors/fetch$(printf '?ids=0'; printf '&ids=%d' {1..9})" |
			is "[.vectors[].values[1]] | length == 10 and (unique | length) == 1 and .[0] >= $last"
	done < <(jq -r '.data[] | "\(.backup_id) \(.name)"' "$BATS_TEST_TMPDIR/backups")
}

@test "pc-local: deleting backups and --compact give their room back" {
	local with

	setup_demo
	for i in 1 2 3; do
		jq -nc --arg i "$i" '{vectors: [range(60) | {id: "\(.)", values: [1, 2, 3], metadata: {t: ($i * 30000)}}]}' >"$BATS_TEST_TMPDIR/fill"
		data POST /vectors/upsert "@$BATS_TEST_TMPDIR/fill" | is .upsertedCount
		control POST /indexes/demo/backups '{}'
	done
	data POST /vectors/delete '{"deleteAll":true}'
	stop_servers
	with=$(wc -c <"$BATS_TEST_TMPDIR/db")
	pc-local --compact "$BATS_TEST_TMPDIR/db"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/db")" -gt 5000000 ] # backups are no garbage
	start_local "$BATS_TEST_TMPDIR/db"
	control DELETE /backups/bkp_1
	control DELETE /backups/bkp_3
	run pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$output" = '{"indexes":1,"namespaces":1,"records":0,"backups":1}' ]
	control DELETE /backups/bkp_2
	stop_servers
	pc-local --compact "$BATS_TEST_TMPDIR/db"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/db")" -lt 1000000 ]
	[ "$with" -gt 5000000 ]
}

@test "pc-local: a deletion that was cut short is finished with the next start" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
	setup_demo
	fill 2000 1
	control POST /indexes/demo/backups '{}'
	fill 2000 2
	stop_servers
	# as it is between the first step of a deletion and the last
	sqlite3 "$BATS_TEST_TMPDIR/db" 'UPDATE backups SET ending = 1; DELETE FROM records WHERE record < 1000'
	run pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$output" = '{"indexes":1,"namespaces":1,"records":2000,"backups":0}' ]
	start_local "$BATS_TEST_TMPDIR/db"
	control GET /backups | is '.data == []'
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/db" 'SELECT count(*) FROM records')" -eq 2000 ]
	data GET '/vectors/fetch?ids=1999' | is '.vectors["1999"].values[1] == 2'
}

@test "pc-local: --check finds a backup that has lost a record" {
	command -v sqlite3 >/dev/null || skip 'sqlite3 is not installed'
	setup_demo
	data POST /vectors/upsert '{"vectors":[{"id":"a","values":[1,2,3]},{"id":"b","values":[1,2,3]}]}'
	control POST /indexes/demo/backups '{}'
	control DELETE /indexes/demo
	stop_servers
	run pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$output" = '{"indexes":0,"namespaces":0,"records":0,"backups":1}' ]
	sqlite3 "$BATS_TEST_TMPDIR/db" "DELETE FROM records WHERE id = 'b'"
	run --separate-stderr pc-local --check "$BATS_TEST_TMPDIR/db"
	[ "$status" -eq 65 ]
	[ "$stderr" = "pc-local: $BATS_TEST_TMPDIR/db: is damaged: backup 1 has not the records that it was made of" ]
}
