/* vec-batch: make records of texts and objects, and group them into batches, an array a line */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "expr.h"
#include "hash.h"
#include "json.h"
#include "ndjson.h"
#include "opt.h"
#include "out.h"
#include "reject.h"
#include "stop.h"

enum { ID_MAX = 512 }; /* characters of an id, Pinecone's limit */

enum { ID, METADATA, VALUES, SPARSE, PARTS };
static const char *const part_name[PARTS] = {"id", "metadata", "values", "sparse_values"};
static const char part_type[PARTS] = {'"', '{', '[', '{'};

/* What a record is made of, and what it gets. All spans are good until the next one is taken. */
struct item {
	struct vp_span bytes;       /* as it stands in the input; what -r sets aside */
	struct vp_span json;        /* an object, or a text as a JSON string */
	struct vp_span part[PARTS]; /* the object's own members; n is 0 where there is none */
	bool empty;                 /* an object without members */
	struct vp_span text;        /* a JSON string that goes into the metadata, or n is 0 */
	struct vp_span metadata;    /* in place of its own, or n is 0 */
	struct vp_span id;          /* in place of its own, or n is 0 */
	struct vp_hash hash;        /* of its text, with -H and -u */
	bool hashed;                /* hash is set */
	struct vp_expr_doc doc;
};

/* A record on its way out: spans that stand one behind the other. Ten are enough for an object
 * with its id and its metadata put in. */
struct pieces {
	struct vp_span s[10];
	size_t n, bytes;
};

static const struct vp_program program = {
    .name = "vec-batch",
    .synopsis = "[-1Hlquv] [-b size] [-i expr] [-m expr] [-N count] [-n records] "
		"[-r file] [-s number] [-t expr] [--skip number] [--stats]",
    .help = "Make records of lines and JSON values, and group them into batches.\n\n"
	    "  -l, --lines             each line is a text (else a JSON object, string or array)\n"
	    "  -1, --one               write one record a line, no batches\n"
	    "  -n, --records N         records in a batch, 1 to 1000 (64)\n"
	    "  -b, --bytes SIZE        bytes of a batch's line, at most (64MiB)\n"
	    "  -t, --text EXPR         jq: the text, put into the metadata\n"
	    "  -m, --metadata EXPR     jq: the metadata\n"
	    "  -i, --id EXPR           jq: the id\n"
	    "  -H, --hash              the id is a hash of the text\n"
	    "  -s, --start N           where the ids of records without one start counting (0)\n"
	    "  -u, --unique            drop records whose text came before\n"
	    "  -N, --first N           stop after N records\n",
    .shorts = "1b:Hi:lm:N:n:s:t:u",
    .longs = (const struct option[]){{"one", 0, NULL, '1'}, {"bytes", 1, NULL, 'b'},
	{"hash", 0, NULL, 'H'}, {"id", 1, NULL, 'i'}, {"lines", 0, NULL, 'l'},
	{"metadata", 1, NULL, 'm'}, {"first", 1, NULL, 'N'}, {"records", 1, NULL, 'n'},
	{"start", 1, NULL, 's'}, {"text", 1, NULL, 't'}, {"unique", 0, NULL, 'u'}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_SKIP,
};

static bool oneflag, Hflag, lflag, uflag;
static size_t nflag = 64, bflag = VP_LINE_MAX;
static unsigned long long Nflag = UINT64_MAX;
static struct vp_expr *iflag, *mflag, *tflag;

static struct vp_lines in;
static bool stopped;               /* at a record that can't be put aside */
static unsigned long long number;  /* of the next record; what -s sets */
static unsigned long long written; /* records */
static unsigned long long taken;   /* the same, and those that --skip has passed over; for -N */
static unsigned long long batches; /* whole ones written */
static unsigned long long dropped; /* by -u */
static size_t open_records;        /* in the batch that is being written */
static size_t open_bytes;          /* of its line so far */
static struct vp_seen seen;        /* -u */

/* Whether the line at hand was done by a run before (--skip). Its records count, but nothing comes of them. */
static bool
skipping(void)
{
	return in.line <= vp_opts.skip;
}

/* Put a record aside, with the reason; false, for callers that pass it on. */
static bool
refuse(struct vp_span bytes, const char *what, const char *why)
{
	if (!skipping() && !vp_reject(in.line, bytes, "%s%s", what, why))
		stopped = true;
	return false;
}

static bool
refuse_json(struct vp_span bytes, int error)
{
	if (error != VP_E_SYNTAX)
		return refuse(bytes, vp_error_text(error), "");
	return refuse(bytes, "not JSON",
	    in.cut ? "; the last line has no end: was it cut?"
		   : ": want one value a line, or -l for plain text");
}

static const char *
kind(struct vp_span value)
{
	switch (vp_json_type(value)) {
	case '{':
		return "an object";
	case '[':
		return "an array";
	case '"':
		return "a string";
	case '0':
		return "a number";
	case 'n':
		return "null";
	}
	return "a boolean";
}

static bool
is_text(const struct item *it)
{
	return *it->json.s == '"';
}

/* Whether the object is a record already: then it is edited in place and keeps all else that it
 * has. Of others -t and -m make new ones. */
static bool
is_record(const struct item *it)
{
	for (size_t i = METADATA; i < PARTS; i++)
		if (vp_json_type(it->part[i]) == part_type[i])
			return true;
	return false;
}

/* Check the value, and find the members of an object that matter here. */
static bool
look(struct item *it)
{
	const char *twice = NULL;
	struct vp_json_walk w;
	struct vp_span key, value;
	int e;

	if (vp_json_type(it->json) != '{') {
		e = vp_json_check(it->json, NULL);
		if (e)
			return refuse_json(it->bytes, e);
		if (is_text(it))
			return true;
		return refuse(
		    it->bytes, kind(it->json), " is no record: want an object or a string");
	}
	it->empty = true;
	vp_json_begin(&w, it->json);
	while ((e = vp_json_member(&w, &key, &value)) > 0) {
		it->empty = false;
		for (size_t i = 0; i < PARTS; i++)
			if (vp_json_key_is(key, part_name[i]) ||
			    (i == SPARSE && vp_json_key_is(key, "sparseValues"))) {
				if (it->part[i].n)
					twice = part_name[i];
				it->part[i] = value;
			}
	}
	if (e)
		return refuse_json(it->bytes, e);
	if (twice)
		return refuse(it->bytes, twice, " stands there twice");
	return true;
}

/* Run one of the three expressions. */
static bool
run(struct item *it, struct vp_expr *e, const char *option, struct vp_span *out)
{
	static struct vp_buf why;

	it->doc.json = it->json;
	if (vp_expr_run(e, &it->doc, out, &why))
		return refuse(it->bytes, option, vp_buf_cstr(&why));
	return true;
}

/* metadata with text as its member of that name; made anew where metadata.n is 0. */
static struct vp_span
with_text(struct vp_span metadata, struct vp_span text)
{
	static struct vp_buf made;
	struct vp_span old;
	const char *from = metadata.s, *end = metadata.n ? from + metadata.n : from;

	made.n = 0;
	if (metadata.n && vp_json_find(metadata, "text", &old) == 1) {
		vp_buf_add(&made, from, (size_t)(old.s - from));
		vp_buf_span(&made, text);
		from = old.s + old.n;
		vp_buf_add(&made, from, (size_t)(end - from));
		return vp_buf_get(&made);
	}
	if (metadata.n) { /* all but the brace that closes it */
		struct vp_json_walk w;
		struct vp_span key, value;

		vp_buf_add(&made, from, metadata.n - 1);
		vp_json_begin(&w, metadata);
		if (vp_json_member(&w, &key, &value) == 1)
			vp_buf_putc(&made, ',');
	} else {
		vp_buf_putc(&made, '{');
	}
	vp_buf_puts(&made, "\"text\":");
	vp_buf_span(&made, text);
	vp_buf_putc(&made, '}');
	return vp_buf_get(&made);
}

/* The text, and the metadata that it goes into. */
static bool
set_metadata(struct item *it)
{
	struct vp_span own = it->part[METADATA];

	if (vp_json_type(own) != '{')
		own.n = 0;
	if (tflag) {
		if (!run(it, tflag, "-t: ", &it->text))
			return false;
		if (vp_json_type(it->text) != '"')
			return refuse(
			    it->bytes, "-t: the text must be a string, not ", kind(it->text));
	} else if (is_text(it)) {
		it->text = it->json;
	}
	if (mflag) {
		if (!run(it, mflag, "-m: ", &it->metadata))
			return false;
		if (vp_json_type(it->metadata) != '{')
			return refuse(it->bytes, "-m: the metadata must be an object, not ",
			    kind(it->metadata));
	}
	if (it->text.n)
		it->metadata = with_text(mflag ? it->metadata : own, it->text);
	return true;
}

/* Hash the text, wherever it stands. A record without text has no hash. */
static bool
set_hash(struct item *it)
{
	static struct vp_buf plain;
	struct vp_span metadata = it->metadata.n ? it->metadata : it->part[METADATA],
		       text = it->text;

	if (!Hflag && !uflag)
		return true;
	if (!text.n && vp_json_type(metadata) == '{' && vp_json_find(metadata, "text", &text) != 1)
		text.n = 0;
	if (vp_json_type(text) != '"')
		return !Hflag || refuse(it->bytes, "-H: it has no text to make an id of", "");
	plain.n = 0;
	if (vp_json_decode(text, &plain))
		return refuse(it->bytes, "half a surrogate pair stands in the text", "");
	it->hash = vp_hash_bytes(vp_buf_get(&plain));
	it->hashed = true;
	return true;
}

/* Whether a JSON string is too long for an id, or empty. */
static bool
bad_length(struct vp_span id)
{
	static struct vp_buf plain;
	size_t characters = 0;

	if (id.n <= ID_MAX + 2)
		return id.n == 2;
	plain.n = 0;
	if (vp_json_decode(id, &plain))
		return true;
	for (size_t i = 0; i < plain.n; i++)
		characters += (plain.s[i] & 0xc0) != 0x80;
	return characters > ID_MAX;
}

/* An id that is not there yet: the record's number, in quotes. */
static struct vp_span
counted(unsigned long long n)
{
	static char text[24];
	char *p = text + sizeof text;

	*--p = '"';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	*--p = '"';
	return (struct vp_span){p, (size_t)(text + sizeof text - p)};
}

/* What -i made: a string as it is, a number in quotes. */
static bool
evaluated(struct item *it)
{
	static struct vp_buf quoted;
	double d;

	if (!run(it, iflag, "-i: ", &it->id))
		return false;
	if (vp_json_type(it->id) == '0') {
		/* from there on neighbours share a double, and two records would share an id */
		if (!vp_expr_exact(iflag) &&
		    (vp_json_double(it->id, &d) || d >= 9007199254740992.0 ||
			d <= -9007199254740992.0))
			return refuse(it->bytes, "-i: a number beyond 2^53 is not exact in jq", "");
		quoted.n = 0;
		vp_json_quote(&quoted, it->id);
		it->id = vp_buf_get(&quoted);
	} else if (vp_json_type(it->id) != '"') {
		return refuse(
		    it->bytes, "-i: the id must be a string or a number, not ", kind(it->id));
	}
	return true;
}

static bool
set_id(struct item *it, unsigned long long n)
{
	static char hash[VP_HASH_BASE32 + 2];
	struct vp_span own = it->part[ID];

	if (iflag) {
		if (!evaluated(it))
			return false;
	} else if (Hflag) {
		hash[0] = hash[sizeof hash - 1] = '"';
		vp_hash_base32(it->hash, hash + 1);
		it->id = (struct vp_span){hash, sizeof hash};
	} else if (!own.n || vp_json_type(own) == 'n') {
		it->id = counted(n);
	} else if (vp_json_type(own) != '"') {
		return refuse(
		    it->bytes, kind(own), " is no id: want a string; -i .id makes one of a number");
	}
	if (bad_length(it->id.n ? it->id : own))
		return refuse(it->bytes, "the id must have 1 to 512 characters", "");
	return true;
}

static void
add(struct pieces *r, struct vp_span s)
{
	r->s[r->n++] = s;
	r->bytes += s.n;
}

static void
add_between(struct pieces *r, const char *from, const char *to)
{
	add(r, (struct vp_span){from, (size_t)(to - from)});
}

/* A new record of id and metadata. */
static void
make(const struct item *it, struct pieces *r)
{
	add(r, VP_LIT("{\"id\":"));
	add(r, it->id.n ? it->id : it->part[ID]);
	add(r, VP_LIT(",\"metadata\":"));
	add(r, it->metadata);
	add(r, VP_LIT("}"));
}

/* The object itself, with its id and its metadata put in where they are new. */
static void
edit(const struct item *it, struct pieces *r)
{
	const char *from = it->json.s, *last = it->json.s + it->json.n - 1;
	bool id_first = it->part[ID].s < it->part[METADATA].s;

	if (it->id.n && !it->part[ID].n) {
		add(r, VP_LIT("{\"id\":"));
		add(r, it->id);
		if (!it->empty)
			add(r, VP_LIT(","));
		from++;
	}
	for (int turn = 0; turn < 2; turn++) {
		bool id = (turn == 0) == id_first;
		struct vp_span old = it->part[id ? ID : METADATA], new = id ? it->id : it->metadata;
		if (old.n && new.n) {
			add_between(r, from, old.s);
			add(r, new);
			from = old.s + old.n;
		}
	}
	add_between(r, from, last);
	if (it->metadata.n && !it->part[METADATA].n) {
		add(r, VP_LIT(",\"metadata\":"));
		add(r, it->metadata);
	}
	add(r, VP_LIT("}"));
}

static void
close_batch(void)
{
	if (!open_records)
		return;
	vp_out_puts("]\n");
	batches++;
	open_records = 0;
	vp_out_done(in.line); /* the line that is being taken is not wholly out yet */
}

static void
write_record(const struct pieces *r)
{
	if (!oneflag) {
		if (open_records && open_bytes + r->bytes + 2 > bflag)
			close_batch();
		if (r->bytes + 2 > bflag)
			vp_warn("line %llu: a record of %zu bytes does not fit -b %zu: it is a "
				"batch of its own",
			    in.line, r->bytes, bflag);
		vp_out_putc(open_records ? ',' : '[');
		open_bytes = (open_records ? open_bytes : 0) + 1 + r->bytes;
	}
	for (size_t i = 0; i < r->n; i++)
		vp_out_span(r->s[i]);
	written++;
	if (oneflag)
		vp_out_putc('\n');
	else if (++open_records == nflag)
		close_batch();
}

/* One record of the input, from its bytes to the output. Its number is used up whatever becomes of
 * it, so that the ids of those behind it do not depend on that. */
static void
take(struct vp_span bytes, struct vp_span json)
{
	struct item it = {.bytes = bytes, .json = json};
	struct pieces r = {0};
	unsigned long long n = number++;

	if (skipping() && !uflag && Nflag == UINT64_MAX)
		return; /* -u must know its text, and -N whether it is one that was written */
	if (!look(&it) || !set_metadata(&it) || !set_hash(&it) || !set_id(&it, n))
		goto done;
	if (is_text(&it) || (it.metadata.n && !is_record(&it))) {
		make(&it, &r);
	} else {
		for (size_t i = METADATA; i < PARTS; i++)
			if (it.part[i].n && vp_json_type(it.part[i]) != part_type[i] &&
			    vp_json_type(it.part[i]) != 'n' && !(i == METADATA && it.metadata.n)) {
				refuse(bytes, part_name[i], " is of the wrong type");
				goto done;
			}
		edit(&it, &r);
	}
	if (uflag && it.hashed && !vp_seen_add(&seen, it.hash)) {
		dropped += !skipping();
	} else {
		taken++;
		if (!skipping())
			write_record(&r);
	}
done:
	vp_expr_doc_done(&it.doc);
}

/* A line of plain text: -l. */
static void
take_text(struct vp_span line)
{
	static struct vp_buf quoted;
	char why[80];
	const char *nul = memchr(line.s, '\0', line.n);
	size_t bad;

	if (!vp_utf8_valid(line, &bad) || nul) {
		number++;
		if (nul && vp_utf8_valid((struct vp_span){line.s, (size_t)(nul - line.s)}, NULL))
			snprintf(why, sizeof why, "byte %zu is a NUL: is it text",
			    (size_t)(nul - line.s) + 1);
		else
			snprintf(why, sizeof why,
			    "byte %zu is not UTF-8: is it text, in another encoding", bad + 1);
		refuse(line, why, "?");
		return;
	}
	quoted.n = 0;
	vp_json_quote(&quoted, line);
	take(line, vp_buf_get(&quoted));
}

/* A line with a batch. It is checked as a whole first: a broken one is put aside as a whole. */
static void
take_array(struct vp_span line, struct vp_span json)
{
	struct vp_json_walk w;
	struct vp_span value;
	int e = vp_json_check(json, NULL);

	if (e) {
		number++;
		refuse_json(line, e);
		return;
	}
	for (vp_json_begin(&w, json); !stopped && taken < Nflag && vp_json_item(&w, &value) == 1;)
		take(value, value);
}

static struct vp_span
trim(struct vp_span s)
{
	while (s.n && strchr(" \t\r", *s.s) && *s.s)
		s.s++, s.n--;
	while (s.n && strchr(" \t\r", s.s[s.n - 1]) && s.s[s.n - 1])
		s.n--;
	return s;
}

static void
take_line(struct vp_span line)
{
	struct vp_span json;

	if (in.line == 1 && line.n >= 3 &&
	    memcmp(line.s, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
		line.s += 3;
		line.n -= 3;
	}
	json = trim(line);
	if (!json.n)
		return;
	if (lflag)
		take_text(line);
	else if (*json.s == '[')
		take_array(line, json);
	else
		take(line, json);
}

/* Wait until a whole line is there. False if a signal came first. */
static bool
wait_line(void)
{
	struct pollfd p[2] = {
	    {.fd = in.fd, .events = POLLIN}, {.fd = vp_stop_fd(), .events = POLLIN}};

	while (!vp_stop_told() && !vp_lines_ready(&in)) {
		if (poll(p, 2, 0) == 0)
			vp_out_flush();
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			vp_die(VP_EX_IO, "standard input:");
		if (!vp_stop_told() && p[0].revents && vp_lines_fill(&in)) {
			close_batch();
			vp_out_flush();
			vp_die(VP_EX_IO, "standard input:");
		}
	}
	return !vp_stop_told();
}

/* False if the input is shorter than --skip says. */
static bool
copy(void)
{
	struct vp_span line;
	int e = 1;

	while (!stopped && taken < Nflag && wait_line() && (e = vp_lines_next(&in, &line)) != 0) {
		if (e == VP_E_LIMIT) {
			number++;
			refuse(
			    (struct vp_span){"", 0}, "longer than 64 MiB: can't be put aside", "");
		} else {
			take_line(line);
		}
		if (!open_records && !stopped && in.line >= vp_opts.skip)
			vp_out_done(in.line + 1);
	}
	close_batch();
	return e != 0 || in.line >= vp_opts.skip;
}

static void
report(uint64_t ms)
{
	if (vp_opts.stats)
		fprintf(stderr,
		    "{\"records\":%llu,\"batches\":%llu,\"duplicates\":%llu,\"rejected\":%llu,"
		    "\"lines\":%llu,"
		    "\"bytes\":%llu,\"seconds\":%.3f}\n",
		    written, batches, dropped, vp_reject_count(), in.line, in.bytes,
		    (double)ms / 1000);
	else if (vp_opts.verbose)
		vp_info("%llu records, %llu batches, %llu duplicates dropped, %llu rejected",
		    written, batches, dropped, vp_reject_count());
	else if (dropped)
		vp_info("%llu duplicates dropped", dropped);
}

/* The argument of -i, -m or -t; the last one counts. */
static void
set_expression(int c, struct vp_expr **e)
{
	struct vp_buf why = {0};

	vp_expr_free(*e);
	*e = vp_expr_compile(optarg, &why);
	if (!*e)
		vp_usage("-%c %s: %s", c, optarg, vp_buf_cstr(&why));
	vp_buf_free(&why);
}

static void
options(int argc, char *argv[])
{
	bool sflag = false, grouped = false;

	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case '1':
			oneflag = true;
			break;
		case 'b':
			bflag = vp_arg_bytes(c, 1, VP_LINE_MAX);
			grouped = true;
			break;
		case 'H':
			Hflag = true;
			break;
		case 'i':
			set_expression(c, &iflag);
			break;
		case 'l':
			lflag = true;
			break;
		case 'm':
			set_expression(c, &mflag);
			break;
		case 'N':
			Nflag = vp_arg_number(c, 0, UINT64_MAX);
			break;
		case 'n':
			nflag = vp_arg_number(c, 1, 1000);
			grouped = true;
			break;
		case 's':
			number = vp_arg_number(c, 0, 1000000000000000000);
			sflag = true;
			break;
		case 't':
			set_expression(c, &tflag);
			break;
		case 'u':
			uflag = true;
			break;
		}
	if (optind < argc && strcmp(argv[optind], "-") == 0)
		optind++;
	vp_operands(argc, 0);
	if (oneflag && grouped)
		vp_usage("-1 makes no batches: leave out -n and -b");
	if ((iflag != NULL) + Hflag + sflag > 1)
		vp_usage("-i, -H and -s each say what the id is: give one of them");
}

int
main(int argc, char *argv[])
{
	uint64_t start = vp_now_ms();
	bool whole;

	vp_start(&program);
	options(argc, argv);
	vp_reject_open();
	vp_resume(vp_opts.skip + 1);
	vp_stop_catch();
	whole = copy();
	vp_out_close();
	report(vp_now_ms() - start);
	vp_expr_free(iflag);
	vp_expr_free(mflag);
	vp_expr_free(tflag);
	if (vp_stop_told()) {
		vp_resume((skipping() ? vp_opts.skip : in.line) + 1);
		vp_resume_say();
		return VP_EX_TEMP;
	}
	if (!whole) {
		vp_warn("--skip %llu: the input has %llu lines: is it the same one?",
		    (unsigned long long)vp_opts.skip, in.line);
		return VP_EX_DATA;
	}
	if (stopped)
		return VP_EX_DATA;
	return vp_reject_count() ? VP_EX_REJECTED : VP_EX_OK;
}
