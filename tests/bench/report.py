"""vecpipe beside what one would use instead, in one run on one machine: `make bench`, or without the rivals `make bench-quick`.

	report.py [--quick] BUILD MODEL

Writes BUILD/bench/report.md, its figures and its plots. All take turns, ROUNDS (3) times, and medians are compared. What is
to be installed goes into BUILD/bench/venv and BUILD/bench/node, once; a rival that can't be had is left out, by name.

N         records of 768 numbers for the clients (20000)
LINES     texts for the whole job, and for the encoders (5000)
VECTORS   vectors to search (50000)
ROUNDS    (3)
"""

import contextlib
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

QUICK = sys.argv[1] == "--quick"
BUILD, MODEL = (os.path.abspath(path) for path in sys.argv[-2:])
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(BUILD, "bench")
VENV, NODE = os.path.join(OUT, "venv"), os.path.join(OUT, "node")
PYTHON = os.path.join(VENV, "bin", "python")


def number(name, full, quick):
    return int(os.environ.get(name) or (quick if QUICK else full))


N, LINES = number("N", 20000, 5000), number("LINES", 5000, 500)
VECTORS, ROUNDS = number("VECTORS", 50000, 5000), number("ROUNDS", 3, 1)
report = []


def say(*lines):
    report.extend(lines)
    print("\n".join(lines), flush=True)


def table(head, rows):
    say("| " + " | ".join(head) + " |", "|" + "---|" * len(head))
    say(*("| " + " | ".join(row) + " |" for row in rows), "")


def sh(command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def install(what, command):
    """Whether it is there now."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        say(f"Left out, for it could not be installed: {what}.", "")
        print(done.stderr, file=sys.stderr)
    return done.returncode == 0


def pip(what, *packages):
    if not os.path.exists(PYTHON):
        sh([sys.executable, "-m", "venv", VENV])
    return install(what, [PYTHON, "-m", "pip", "install", "--quiet", *packages])


def versions(*names):
    code = "import importlib.metadata as m, sys; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    return sh([PYTHON, "-c", code, *names]).strip()


def run(stages, work, stdin=None):
    """Run a pipe of commands: seconds, CPU seconds and MiB of all of them (a stage's most), and what came out. time(1) starts
    each one, for a child's peak would have this process's own in it."""
    start, before, running = time.monotonic(), stdin and open(stdin), []
    for i, command in enumerate(stages):
        timed = ["/usr/bin/time", "-q", "-o", f"{work}/time.{i}", "-f", "%U %S %M", *command]
        process = subprocess.Popen(timed, stdin=before or subprocess.DEVNULL, stdout=subprocess.PIPE)
        if before:
            before.close()
        before = process.stdout
        running.append(process)
    output = before.read().decode()
    before.close()
    failed = [i for i, process in enumerate(running) if process.wait()]
    seconds = time.monotonic() - start
    if failed:
        raise RuntimeError(f"{' '.join(stages[failed[0]])}: failed")
    cpu = kb = 0.0
    for i in range(len(stages)):
        with open(f"{work}/time.{i}") as f:
            user, system, peak = map(float, f.read().split())
        cpu, kb = cpu + user + system, kb + peak
    return seconds, cpu, kb / 1024, output


def medians(results):
    return [statistics.median(r[i] for r in results) for i in range(3)]


@contextlib.contextmanager
def fault(delay):
    """The fast server of the tests, as endpoint and as index; the variables that lead to it."""
    options = ["--dim", "768", "--digits", "17", "--max-batch", "64", "--delay", str(delay), "--lifetime", "1h"]
    server = subprocess.Popen([f"{BUILD}/tests/fault", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    url = "http://127.0.0.1:" + server.stdout.readline().split()[1]
    try:
        yield {"HF_ENDPOINT_URL": url, "PINECONE_CONTROLLER_HOST": url, "HF_TOKEN": "bench", "PINECONE_API_KEY": "bench"}
    finally:
        server.terminate()
        server.wait()


def acknowledged(text):
    counts = re.findall(r'"upsertedCount":(\d+)', text)
    return sum(map(int, counts)) if counts else int(text)


def clients(work):
    """(a) The same records through each client."""
    lines = f"{work}/lines"
    with open(lines, "w") as f:
        f.writelines(f"a sentence, number {i}\n" for i in range(N))
    names = ["vecpipe", "vecpipe, -j 16"]
    ways = {
        names[0]: [["vec-batch", "-l"], ["hf-embed", "-q"], ["pc-upsert", "-q", "demo"]],
        names[1]: [["vec-batch", "-l"], ["hf-embed", "-q", "-j", "16"], ["pc-upsert", "-q", "-j", "16", "demo"]],
    }
    used = []
    if not QUICK:
        if pip("the official Python client", "pinecone", "requests", "aiohttp"):
            used.append(versions("pinecone", "requests", "aiohttp"))
            script = [PYTHON, f"{HERE}/rivals-client.py"]
            ways["Python, a loop"] = [[*script, "loop", lines]]
            ways["Python, asyncio, 16 in flight"] = [[*script, "async", lines]]
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", NODE, "@pinecone-database/pinecone"]
        if shutil.which("npm") and install("the official Node client", npm):
            package = f"{NODE}/node_modules/@pinecone-database/pinecone"
            used.append("@pinecone-database/pinecone " + sh(["node", "-p", f"require('{package}/package.json').version"]).strip())
            os.environ["NODE_PATH"] = f"{NODE}/node_modules"
            ways["Node, 16 in flight"] = [["node", f"{HERE}/rivals-client.js", lines]]
        ways["curl and jq"] = [[f"{HERE}/rivals-client.sh", lines]]
    say(f"## Clients: {N} texts embedded and stored", "")
    say("Batches of 64 go to an endpoint, the vectors of 768 numbers to an index. Both are the test suite's own server on the")
    say("same machine, which answers after the time that the column names. Memory is the sum of the peaks of the pipe's programs.", "")
    figures = {}
    for delay in (0, 50):
        with fault(delay) as environment:
            os.environ.update(environment)
            results = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, stages in ways.items():
                    result = run(stages, work, lines if way in names else None)
                    assert acknowledged(result[3]) == N, way
                    results[way].append(result)
        figures[delay] = {way: medians(r) for way, r in results.items()}
    head = ["", "0 ms: s", "", "50 ms: s", "", "CPU s / 1,000 records", "", "peak MiB"]
    rows = []
    mine = {delay: min(figures[delay][name][0] for name in names) for delay in figures}
    for way in ways:
        cells = [way]
        for delay in (0, 50):
            seconds = figures[delay][way][0]
            cells += [f"{seconds:.2f}", f"{seconds / mine[delay]:.1f} x"]
        cpu = figures[0][way][1]
        cells += [f"{cpu / N * 1000:.3f}", f"{cpu / figures[0][names[0]][1]:.1f} x", f"{max(figures[d][way][2] for d in figures):.0f}"]
        rows.append(cells)
    table(head, rows)
    if used:
        say("Rivals: " + ", ".join(used) + ".", "")
    plot("clients", "records a second", [(way, N / figures[0][way][0], N / figures[50][way][0]) for way in ways], ("0 ms", "50 ms"))


def plot(name, title, rows, keys):
    """Horizontal room is for the names: bars, a group for each row."""
    with open(f"{OUT}/{name}.dat", "w") as f:
        for row in rows:
            f.write('"%s" %s\n' % (row[0].replace(", ", ",\\n"), " ".join(f"{x:.6g}" for x in row[1:])))
    if not shutil.which("gnuplot"):
        say("No plot: gnuplot is not installed.", "")
        return
    columns = ", ".join(f"'{OUT}/{name}.dat' using {i + 2}:xtic(1) title '{key}'" for i, key in enumerate(keys))
    script = f"""set terminal svg size 900,400 font 'sans,13' background 'white'
set output '{OUT}/{name}.svg'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.8 noborder
set boxwidth 0.9
set grid ytics
set bmargin 5
set logscale y 10
set yrange [{min(min(row[1:]) for row in rows) / 3:.3g}:*]
set ylabel '{title} (logarithmic)'
plot {columns}
"""
    sh(["gnuplot", "-"], input=script)
    say(f"![{title}]({name}.svg)", "")


def corpus(path):
    """One-line texts that are on every Debian, else the names of manual pages."""
    command = "(apt-cache dumpavail | sed -n 's/^Description\\(-en\\)\\?: //p' || apropos . ) 2>/dev/null | sort -u"
    texts = sh(["sh", "-c", command]).splitlines()
    if not texts:
        texts = [f"a sentence about the number {i}" for i in range(LINES)]
    step = max(1, len(texts) // LINES)
    with open(path, "w") as f:
        f.writelines(text + "\n" for text in texts[::step][:LINES])


def block(command, work, **environment):
    """What another benchmark prints, as it is."""
    try:
        say("```", sh(command, env=os.environ | environment, stderr=open(f"{work}/err", "w")).strip(), "```", "")
    except subprocess.CalledProcessError:
        with open(f"{work}/err") as f:
            say("failed:", *f.read().splitlines()[-3:], "```", "")


def encoder(work):
    """(b) hf-local's encoder."""
    say(f"## Encoder: {LINES} texts", "")
    if QUICK:
        corpus(f"{work}/texts")
        environment = os.environ | {"VECPIPE_MODEL": MODEL}
        seconds = float(sh([f"{BUILD}/tests/bench/model-lines", f"{work}/texts"], env=environment).split()[0])
        say(f"hf-local, without HTTP, in batches of 64: {LINES / seconds:.0f} texts a second.", "")
        return
    if not pip("onnxruntime", "onnx", "onnxruntime", "tokenizers", "safetensors", "numpy"):
        return
    st = "1" if pip("sentence-transformers", "sentence-transformers", "chromadb") else ""
    environment = {"VECPIPE_BUILD": BUILD, "VECPIPE_MODEL": MODEL, "VENV": VENV, "TEXTS": str(LINES), "ROUNDS": str(ROUNDS), "ST": st}
    say("Rivals: " + versions("onnxruntime", *(["sentence-transformers", "torch"] if st else [])) + ".", "")
    block([f"{HERE}/rivals-model.sh"], work, **environment)


def search(work):
    """(c) pc-local."""
    say(f"## Index: {VECTORS} vectors of 768 numbers", "")
    if QUICK:
        block([f"{BUILD}/pc-local", f"{work}/db", "--", f"{BUILD}/tests/bench/pc-local", str(VECTORS)], work)
    else:
        block([f"{HERE}/pc-local.sh", BUILD, str(VECTORS), "768"], work)


QUESTIONS = ["play music from the terminal", "a library for arithmetic with large numbers", "keep an eye on the health of a disk"]
JOB = """vec-batch -l <"$1" | hf-embed -q | pc-upsert -q --create demo >"$3"
vec-batch -l <"$2" | hf-embed -q | pc-query -q -k 5 demo | jq -r '.matches[].metadata.text'"""


def job(work):
    """(d) The whole job, from nothing to answers."""
    say(f"## The whole job: {LINES} texts embedded and stored, {len(QUESTIONS)} questions answered", "")
    say("From the start of the programs to the last answer, on this machine alone. Memory is that of the largest process.", "")
    corpus(f"{work}/texts")
    with open(f"{work}/questions", "w") as f:
        f.writelines(question + "\n" for question in QUESTIONS)
    for name in ("HF_ENDPOINT_URL", "PINECONE_CONTROLLER_HOST", "HF_TOKEN", "PINECONE_API_KEY"):
        os.environ.pop(name, None)
    store, files = f"{work}/store", [f"{work}/texts", f"{work}/questions"]
    ways = {"vecpipe": ["hf-local", MODEL, "--", "pc-local", store, "--", "sh", "-c", JOB, "sh", *files, f"{work}/receipts"]}
    if not QUICK and pip("sentence-transformers and Chroma", "sentence-transformers", "chromadb"):
        say("Rivals: " + versions("sentence-transformers", "torch", "chromadb") + ".", "")
        ways["Python: sentence-transformers, Chroma"] = [PYTHON, f"{HERE}/rivals-demo.py", MODEL, *files, store]
    results = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, command in ways.items():
            results[way].append(run([command], work))
            for end in ("", "-wal", "-shm", "-lock"):
                shutil.rmtree(store + end, ignore_errors=True)
                if os.path.exists(store + end):
                    os.unlink(store + end)
    answers = {way: r[0][3].splitlines() for way, r in results.items()}
    assert all(len(a) == 5 * len(QUESTIONS) for a in answers.values()), answers
    mine = medians(results["vecpipe"])
    rows = []
    for way, r in results.items():
        seconds, cpu, mib = medians(r)
        rows.append([way, f"{seconds:.1f}", f"{seconds / mine[0]:.1f} x", f"{cpu:.1f}", f"{mib:.0f}", f"{mib / mine[2]:.1f} x",
            str(len(set(answers[way]) & set(answers["vecpipe"])))])
    table(["", "s", "", "CPU s", "MiB", "", f"of vecpipe's {len(set(answers['vecpipe']))} answers"], rows)


def starts():
    """(e) What a start costs."""
    say("## Starting a program", "")
    say("From its start to its end with `-V`; a server with a model or a file, and `true` as its command.", "")
    rows, turns = [], 5 if QUICK else 20
    with tempfile.TemporaryDirectory() as work:
        programs = sorted(f for f in os.listdir(BUILD) if os.path.isfile(f"{HERE}/../../man/{f}.1"))
        for program in programs:
            command = [program, "-V"]
            if program == "hf-local":
                command = [program, MODEL, "--", "true"]
            elif program == "pc-local":
                command = [program, f"{work}/db", "--", "true"]
            times = [run([command], work) for _ in range(turns)]
            seconds, _, mib = medians(times)
            rows.append([f"`{program}`", f"{seconds * 1000:.0f}", f"{mib:.1f}"])
    table(["", "ms, time(1) included", "MiB"], rows)


def machine():
    cpu = "unknown processor"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        gib = int(f.readline().split()[1]) / 1024**2
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    load = os.getloadavg()[0]
    say(f"# vecpipe: measured on {datetime.date.today():%d %B %Y}", "")
    say(f"{cpu}, {len(os.sched_getaffinity(0))} cores, {gib:.0f} GiB; {system}, Linux {platform.release()}; load at the start {load:.1f}.")
    rounds = "One round, without the rivals" if QUICK else f"Medians of {ROUNDS} rounds, in which all took turns"
    say(f"{rounds}; the servers share the machine.", "")


os.environ["TQDM_DISABLE"] = "1"  # the rivals' progress bars
os.environ["PATH"] = f"{BUILD}:{BUILD}/tests:{os.environ['PATH']}"
os.makedirs(OUT, exist_ok=True)
machine()
with tempfile.TemporaryDirectory() as folder:
    clients(folder)
    encoder(folder)
    search(folder)
    job(folder)
starts()
with open(f"{OUT}/report.md", "w") as file:
    file.write("\n".join(report))
print(f"{OUT}/report.md")
