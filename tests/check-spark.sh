#!/usr/bin/env bash
# examples/spark/job.py on a Spark cluster of two worker processes, one of which is killed half way, and the filters
# under RDD.pipe. Needs Java 17, and the network once, for pip; what is installed stays in the build folder.
#
#	tests/check-spark.sh [build folder [version of pyspark]]
set -eu

repo=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$repo" && cd "${1:-build}" && pwd)
version=${2:-4.3.0}
venv=$build/clients/pyspark=$version
rows=6000
export PATH=$build:$build/tests:$PATH
export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON=$venv/bin/python

fail() {
	echo "check-spark: $*" >&2
	[ ! -s "$at/spark.log" ] || tail -n 30 "$at/spark.log" >&2
	exit 1
}
audit() {
	curl -sS "$HF_ENDPOINT_URL/audit" | jq ".$1"
}
# The processes below $1.
below() {
	local pid
	for pid in $(ps -o pid= --ppid "$1"); do
		echo "$pid"
		below "$pid"
	done
}
# Of the processes below $1, that of Spark whose task runs hf-embed for the longest.
worker() {
	local pid oldest
	oldest=$(for pid in $(below "$1"); do ps -o etimes=,pid=,comm= -p "$pid" || true; done |
		awk '$3 == "hf-embed" && $1 >= most { most = $1; pid = $2 } END { print pid }')
	for pid in $(below "$1"); do
		if ps -ww -o args= -p "$pid" | grep -q '^[^ ]*java .*CoarseGrainedExecutorBackend' &&
			below "$pid" | grep -qx "$oldest"; then
			echo "$pid"
		fi
	done
}

command -v java >/dev/null || {
	echo "check-spark: no java: install a JRE, version 17 or later (openjdk-17-jre-headless)" >&2
	exit 69
}
at=$(mktemp -d)
trap '[ -z "${job:-}" ] || kill $(below "$job") "$job" 2>/dev/null || true; [ -z "${server:-}" ] || kill "$server"; rm -rf "$at"' EXIT
trap 'exit 1' HUP INT TERM
if [ ! -x "$venv/bin/spark-submit" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "pyspark==$version"
fi

# Both services. One request of the job never gets its answer: so the job is not over before its worker is killed.
export HF_TOKEN=hf_secret_of_the_test PINECONE_API_KEY=pc-secret-of-the-test
mkfifo "$at/port"
fault --token "$HF_TOKEN" --api-key "$PINECONE_API_KEY" --fault 'embed:contains=row 17 of:hang,times=1' \
	--lifetime 20m >"$at/port" 2>"$at/fault.log" &
server=$!
read -r _ port <"$at/port"
export HF_ENDPOINT_URL=http://127.0.0.1:$port PINECONE_CONTROLLER_HOST=http://127.0.0.1:$port

submit() {
	"$venv/bin/spark-submit" --master 'local-cluster[2,1,512]' --conf spark.executor.memory=512m \
		--conf spark.ui.enabled=false "$@"
}

echo 'filters under RDD.pipe'
cat >"$at/pipe.py" <<'END'
import os
from pyspark import SparkContext

spark = SparkContext()
texts = spark.parallelize(["text number %d" % i for i in range(300)], 3)
env = dict(os.environ)
stored = (
    texts.pipe("vec-batch -l -H", env, checkCode=True)
    .pipe("hf-embed -q", env, checkCode=True)
    .pipe("pc-upsert -q demo", env, checkCode=True)
)
print(stored.map(lambda receipt: __import__("json").loads(receipt)["upsertedCount"]).sum())
END
[ "$(submit "$at/pipe.py" 2>"$at/spark.log")" = 300 ] || fail 'RDD.pipe did not store 300 records'
[ "$(audit upserted.distinct)" -eq 300 ] || fail 'there are not 300 records'

echo 'the job, with a worker killed half way'
mkdir "$at/in" "$at/events"
# other texts than above, one without text, and the odd newline
for part in 0 1 2 3; do
	seq -f '{"body":"row %.0f of\nthe table","kind":"odd"}' "$part" 4 $((rows - 1)) >"$at/in/$part.json"
done
echo '{"body":null}' >>"$at/in/0.json"
submit --conf spark.eventLog.enabled=true --conf spark.eventLog.compress=false --conf "spark.eventLog.dir=file://$at/events" \
	"$repo/examples/spark/job.py" --text body --metadata '{kind}' --partitions 12 --index demo "$at/in" >"$at/out" 2>"$at/spark.log" &
job=$!
until [ "$(audit 'rules[0].applied')" -eq 1 ] && [ "$(audit upserted.distinct)" -ge $((300 + rows / 2)) ]; do
	kill -0 "$job" 2>/dev/null || fail 'the job ended before its middle'
	sleep 0.1
done
for pid in $(below "$job"); do # arguments are anybody's to read
	! ps -ww -o args= -p "$pid" | grep -e "$HF_TOKEN" -e "$PINECONE_API_KEY" || fail 'a secret stands in an argument'
done
victim=$(worker "$job")
[ -n "$victim" ] || fail 'there is no worker to kill'
kill -KILL "$victim"
status=0
wait "$job" || status=$?
job=
[ "$status" -eq 0 ] || fail "the job ended with $status"
[ "$(cat "$at/out")" = "{\"rows\": $rows, \"stored\": $rows}" ] || fail "the job says: $(cat "$at/out")"
grep -q 'Lost executor' "$at/spark.log" || fail 'Spark has not noticed that a worker was killed'
[ "$(audit upserted.distinct)" -eq $((300 + rows)) ] || fail "$(audit upserted.distinct) records, not $((300 + rows)): one is lost, or there twice"
[ "$(audit upserted.mismatched)" -eq 0 ] || fail 'a vector is not that of its text'
echo "$(audit upserted.acknowledged) records acknowledged for $((300 + rows)): what the worker had done was done again"
grep -rq redacted "$at/events" || fail 'nothing is redacted in the event log'
! grep -r -e "$HF_TOKEN" -e "$PINECONE_API_KEY" "$at/events" "$at/spark.log" || fail 'a secret stands in a log'

echo 'files for an import, in place of an index'
# gzip is Java's own; the library for Spark's usual codec does not load where musl is installed beside glibc
submit --conf spark.sql.parquet.compression.codec=gzip \
	"$repo/examples/spark/job.py" --text body --metadata '{kind}' --parquet "$at/import/ns" "$at/in" >"$at/out" 2>"$at/spark.log" ||
	fail 'the job failed'
[ "$(cat "$at/out")" = "{\"rows\": $rows, \"stored\": $rows}" ] || fail "the job says: $(cat "$at/out")"
cat >"$at/look.py" <<'END'
import json, sys
from pyspark.sql import SparkSession

table = SparkSession.builder.getOrCreate().read.parquet(sys.argv[1])
row = table.where("metadata like '%row 7 of%'").collect()
metadata = json.loads(row[0].metadata)
print(table.dtypes, len(row), len(row[0]["values"]), metadata, table.select("id").distinct().count())
END
want="[('id', 'string'), ('values', 'array<float>'), ('metadata', 'string')] 1 8 {'kind': 'odd', 'text': 'row 7 of\nthe table'} $rows"
[ "$(submit "$at/look.py" "$at/import/ns" 2>"$at/spark.log")" = "$want" ] || fail 'the files are not what an import wants'

echo 'a job that can not succeed says why'
! PINECONE_API_KEY=wrong submit "$repo/examples/spark/job.py" --text body --index demo "$at/in" >"$at/out" 2>"$at/spark.log" || fail 'it did not fail'
grep -q 'status 77: .*pc-upsert: .*401' "$at/spark.log" || fail 'its reason is not told'
echo '4 passed, 0 failed'
