"""Embed the rows of any source that Spark reads, and store them, with vecpipe's programs on the executors.

    spark-submit job.py --format parquet --text body s3a://bucket/articles --index articles
    spark-submit job.py --format parquet --text body s3a://bucket/articles --parquet s3a://bucket/import/articles

Each partition goes, as lines of JSON, through vec-batch, hf-embed and pc-upsert. With --parquet, it goes into files for
Pinecone's import, `pc-index imports`, in place of an index. An id is a hash of the text, so a task that Spark runs again
stores the same records again, and makes no new ones. What was acknowledged is compared with what was read, for each
partition and for all.

The programs must be in PATH on each executor, and the index must be there. The variables of vecpipe(7) are taken from
the driver's environment and handed to the executors in theirs: no secret is in an argument, and Spark's pages and event
logs show *********(redacted) in its place. See vecpipe-scale(7).
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading

from pyspark import SparkConf
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

VARIABLES = (
    "HF_ENDPOINT_URL",
    "HF_TOKEN",
    "PINECONE_API_KEY",
    "PINECONE_CONTROLLER_HOST",
    "PINECONE_INDEX_HOST",
)

# Spark's own default, which does not know of API keys, and these.
REDACTED = "(?i)secret|password|token|access[.]?key|api[._]?key"

# What Pinecone's import wants; Spark reads the metadata's object as its text.
PARQUET = "id string, values array<float>, metadata string"


class Feeder(threading.Thread):
    """Writes lines to a program, and closes its input whatever happens."""

    def __init__(self, to, lines):
        super().__init__(daemon=True)
        self.to, self.lines = to, lines
        self.count, self.error = 0, None
        self.start()

    def run(self):
        try:
            for line in self.lines:
                self.to.write(line.encode() + b"\n")
                self.count += 1
        except BrokenPipeError:
            pass  # the program has ended; its status says why
        except Exception as error:
            self.error = error
        try:
            self.to.close()
        except BrokenPipeError:
            pass


def through(command, records):
    """A function for mapPartitions: the lines that the command makes of a partition's.

    records(line) is the number of records that a line of output stands for: as many must come out as went in.

    Not RDD.pipe: that gives the command an empty environment, does not look at its status unless it is told to, and
    hangs where the source fails in the middle, because the command's input is not closed then.
    """

    def run(lines):
        with tempfile.TemporaryFile() as said:
            pipe = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
            )
            fed = Feeder(pipe.stdin, lines)
            done = 0
            for line in pipe.stdout:
                done += records(line)
                yield line.decode()
            status = pipe.wait()
            fed.join()
            said.seek(0)
            messages = said.read().decode(errors="replace").strip()
        if messages:
            print(messages, file=sys.stderr)
        if fed.error:
            raise fed.error
        if status:
            raise RuntimeError(f"status {status}: {messages[-1000:]}")
        if done != fed.count:
            raise RuntimeError(f"{fed.count} records went in, {done} came out")

    return run


def acknowledged(receipt):
    return json.loads(receipt)["upsertedCount"]


def arguments():
    parser = argparse.ArgumentParser(description="Embed the rows of any source that Spark reads, and store them.")
    parser.add_argument("path", nargs="+", help="what to read")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--index", help="to store in")
    to.add_argument("--parquet", metavar="FOLDER", help="to write files for Pinecone's import to, in place of an index")
    parser.add_argument("--format", default="json", help="of the source: json, csv, parquet, text, ... (json)")
    parser.add_argument("--text", default="value", metavar="COLUMN", help="that is embedded (value)")
    parser.add_argument("--metadata", metavar="EXPR", help="jq: the metadata, besides the text")
    parser.add_argument("--namespace", default="", help="of the index")
    parser.add_argument("--partitions", type=int, help="to make of the rows; as many as the source has")
    parser.add_argument("--jobs", default="2", help="requests in flight for each task (2)")
    return parser.parse_args()


def main():
    args = arguments()
    conf = SparkConf().set("spark.redaction.regex", REDACTED)
    for name in VARIABLES:
        if os.environ.get(name):
            conf.setExecutorEnv(name, os.environ[name])
    spark = SparkSession.builder.appName("vecpipe").config(conf=conf).getOrCreate()

    text = F.col(args.text)
    rows = spark.read.format(args.format).load(args.path)
    rows = rows.where(text.isNotNull() & (F.trim(text) != ""))
    if args.partitions:
        rows = rows.repartition(args.partitions)
    name = args.text if args.text.isidentifier() else json.dumps(args.text)
    # loose records, so that pc-upsert makes its requests as large as they may be
    batch = ["vec-batch", "-1", "-H", "-t", "." + name] + (["-m", args.metadata] if args.metadata else [])
    embed = f"{shlex.join(batch)} | hf-embed -q -j {shlex.quote(args.jobs)}"
    upsert = ["pc-upsert", "-q", "-j", args.jobs, "-s", args.namespace, "--", str(args.index)]

    count = rows.count()
    lines = rows.select(F.to_json(F.struct("*"))).rdd.map(lambda row: row[0])
    if args.index:
        # what a task returns counts once, also where it had to be run again
        receipts = lines.mapPartitions(through(f"{embed} | {shlex.join(upsert)}", acknowledged))
        done = receipts.map(acknowledged).sum()
    else:
        vectors = lines.mapPartitions(through(embed, lambda line: 1))
        spark.read.schema(PARQUET).json(vectors).write.parquet(args.parquet)
        done = spark.read.parquet(args.parquet).count()
    spark.stop()
    print(json.dumps({"rows": count, "stored": done}))
    return 0 if count == done else 1


if __name__ == "__main__":
    sys.exit(main())
