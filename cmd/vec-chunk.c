/* vec-chunk: cut long documents into passages, a record each */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "opt.h"
#include "out.h"
#include "passage.h"
#include "record.h"
#include "reject.h"
#include "stop.h"

enum {
	WORDS = 100,      /* of a passage; see the page for what models make of them */
	WORD_BYTES = 6,   /* -b, for each word of -w */
	OVERLAP_PART = 8, /* of -w is the overlap */
	WORDS_MAX = 100000,
	NAME_ROOM = 64 * 1024 /* bytes of a file's name, at most; 16 times what Linux takes */
};

/* What differs from one passage of a document to the next. */
enum slot { ID, TEXT, START, END, LINE, SLOTS };
static const char *const member[SLOTS] = {NULL, "text", "start", "end", "line"};

/* A place in a document's record that each passage fills anew; what lies between them is copied. */
struct place {
	struct vp_span old; /* a value; empty where the member must be added to the metadata */
	enum slot slot;
};

struct document {
	struct vp_record rec;
	struct place place[SLOTS]; /* in the order in which they stand */
	size_t places;
	struct vp_span text; /* decoded */
};

static const struct vp_program program = {
    .name = "vec-chunk",
    .synopsis = "[-0Fqv] [-b size] [-o words] [-r file] [-w words] [--skip number] [--stats]",
    .help = "Cut long documents into passages, a record each.\n\n"
	    "  -w, --words N           words of a passage, at most (100)\n"
	    "  -b, --bytes SIZE        bytes of a passage, at most (6 for each word)\n"
	    "  -o, --overlap N         words that two passages share, at most (an eighth of -w)\n"
	    "  -F, --files             the input is names of files, one a line\n"
	    "  -0, --null              with -F, they end in NUL, as find -print0 writes them\n",
    .shorts = "0b:Fo:w:",
    .longs = (const struct option[]){{"null", 0, NULL, '0'}, {"bytes", 1, NULL, 'b'},
	{"files", 0, NULL, 'F'}, {"overlap", 1, NULL, 'o'}, {"words", 1, NULL, 'w'}, {0}},
    .common = VP_OPT_FILTER | VP_OPT_SKIP,
};

static bool Fflag;
static char name_end = '\n'; /* NUL with -0 */
static struct vp_passages passages;
static struct vp_records in = {.group = 1}; /* a passage is wanted as soon as a document is there */
static unsigned long long line;             /* of input, or name, that is at hand */
static int stop;                            /* the exit status, at what can't be put aside */
static unsigned long long documents, written, empty, bytes;

static void
refuse(struct vp_span input, int status, const char *what, const char *why)
{
	if (!vp_reject(line, input, "%s%s", what, why))
		stop = status;
}

/* Wait until there is something to read, and hand on what is done before that. False if a signal
 * came. */
static bool
wait_input(void)
{
	struct pollfd p[2] = {
	    {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = vp_stop_fd(), .events = POLLIN}};

	if (poll(p, 2, 0) == 0)
		vp_out_flush();
	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			vp_die(VP_EX_IO, "standard input:");
	return !vp_stop_told();
}

static void
add_place(struct document *d, struct vp_span old, enum slot slot)
{
	d->place[d->places++] = (struct place){old, slot};
}

/* Find the places in the metadata. 0 or VP_E_TWICE: with two members of a name it is not clear
 * which is meant. */
static int
look_in_metadata(struct document *d)
{
	struct vp_json_walk w;
	struct vp_span key, value;
	bool there[SLOTS] = {false};

	vp_json_begin(&w, d->rec.metadata);
	while (vp_json_member(&w, &key, &value) > 0)
		for (enum slot i = TEXT; i < SLOTS; i++)
			if (vp_json_key_is(key, member[i])) {
				if (there[i])
					return VP_E_TWICE;
				there[i] = true;
				add_place(d, value, i);
			}
	for (enum slot i = START; i < SLOTS; i++)
		if (!there[i]) {
			const char *brace = d->rec.metadata.s + d->rec.metadata.n - 1;
			add_place(d, (struct vp_span){brace, 0}, i);
		}
	return 0;
}

static int
look(struct document *d)
{
	bool id_first = d->rec.id.s < d->rec.metadata.s;
	int e;

	d->places = 0;
	if (id_first)
		add_place(d, d->rec.id, ID);
	e = look_in_metadata(d);
	if (!id_first)
		add_place(d, d->rec.id, ID);
	return e;
}

/* One passage, as a record on a line. */
static void
put(const struct document *d, const struct vp_passage *passage, unsigned long long number)
{
	static struct vp_buf value;
	const char *from = d->rec.all.s, *end = from + d->rec.all.n;

	for (size_t i = 0; i < d->places; i++) {
		const struct place *p = &d->place[i];

		value.n = 0;
		if (!p->old.n)
			vp_buf_printf(&value, ",\"%s\":", member[p->slot]);
		if (p->slot == ID)
			vp_buf_printf(&value, "%.*s#%llu\"", (int)p->old.n - 1, p->old.s, number);
		else if (p->slot == TEXT)
			vp_json_quote(&value, (struct vp_span){d->text.s + passage->start,
						  passage->end - passage->start});
		else
			vp_buf_printf(&value, "%zu",
			    p->slot == START ? passage->start
			    : p->slot == END ? passage->end
					     : passage->line);
		vp_out(from, (size_t)(p->old.s - from));
		vp_out_span(vp_buf_get(&value));
		from = p->old.s + p->old.n;
	}
	vp_out(from, (size_t)(end - from));
	vp_out_putc('\n');
	written++;
}

static void
put_passages(const struct document *d)
{
	struct vp_passage passage;
	unsigned long long number = 0;

	passages.text = d->text;
	while (vp_passages_next(&passages, &passage))
		put(d, &passage, number++);
	documents++;
	empty += !number;
}

/* What a document needs beyond being a record. */
static int
check(const struct vp_record *r, const char **why)
{
	struct vp_span text;
	int e = vp_record_text(r, &text);

	if (r->id.n <= 2)
		*why = "no id: a passage's is made of it (vec-batch makes them)";
	else if (e < 0)
		*why = "metadata.text is not a string";
	else if (e == 0)
		*why = "no metadata.text: there is nothing to cut (vec-batch -t makes one)";
	else if (vp_record_has_vector(r) || r->sparse_values.n)
		*why = "it has values: cut a text before it is embedded";
	else
		return 0;
	return VP_E_TYPE;
}

static void
take_record(const struct vp_record *r)
{
	static struct vp_buf text;
	struct document d = {.rec = *r};
	struct vp_span quoted;
	int e;

	line = r->line;
	if (r->bad) {
		refuse(r->input, VP_EX_DATA, r->bad,
		    r->hint  ? r->hint
		    : r->cut ? "; the last line has no end: was it cut?"
			     : "");
		return;
	}
	vp_record_text(r, &quoted);
	text.n = 0;
	e = look(&d);
	if (e)
		refuse(r->input, VP_EX_DATA, vp_record_error(e), "");
	else if (vp_json_decode(quoted, &text))
		refuse(r->input, VP_EX_DATA, "half a surrogate pair stands in the text", "");
	else {
		d.text = vp_buf_get(&text);
		put_passages(&d);
	}
}

static void
copy_records(void)
{
	struct vp_batch b;

	while (!vp_stop_told())
		switch (vp_records_gather(&in, false, &b)) {
		case VP_GATHER_BATCH:
			for (size_t i = 0; i < b.n && !stop; i++)
				take_record(&b.rec[i]);
			if (!stop)
				vp_out_done(b.next);
			vp_batch_free(&b);
			break;
		case VP_GATHER_READ:
			if (!wait_input() || vp_lines_fill(&in.in) == 0)
				break;
			/* fall through */
		case VP_GATHER_ERROR:
			vp_out_flush();
			vp_die(VP_EX_IO, "standard input:");
		case VP_GATHER_END:
			return;
		}
}

/* Read a file as a whole. 0; VP_E_LIMIT; or VP_E_IO with errno. */
static int
read_file(const char *name, struct vp_buf *text)
{
	enum { ROOM = 64 * 1024 };
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY), saved;
	ssize_t n = -1;
	char *room = NULL;

	text->n = 0;
	text->max = VP_LINE_MAX + ROOM;
	while (fd >= 0 && text->n <= VP_LINE_MAX && (room = vp_buf_room(text, ROOM)) &&
	       (n = read(fd, room, ROOM)) > 0)
		text->n += (size_t)n;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	bytes += text->n;
	if (text->n > VP_LINE_MAX)
		return VP_E_LIMIT;
	return n < 0 ? VP_E_IO : 0;
}

/* Why it is no text, or NULL. */
static const char *
binary(struct vp_span text)
{
	static char why[80];
	const char *nul = text.n ? memchr(text.s, '\0', text.n) : NULL;
	size_t upto = nul ? (size_t)(nul - text.s) : text.n, bad;

	if (!vp_utf8_valid((struct vp_span){text.s, upto}, &bad))
		snprintf(why, sizeof why, "byte %zu is not UTF-8: is it text, in another encoding?",
		    bad + 1);
	else if (nul)
		snprintf(why, sizeof why, "byte %zu is a NUL: is it text?", upto + 1);
	else
		return NULL;
	return why;
}

/* A file's name as an id. Pinecone takes ids of ASCII only, so other bytes are written as in a
 * URL. */
static void
put_id(struct vp_buf *out, struct vp_span name)
{
	static struct vp_buf id;

	id.n = 0;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.s[i];

		if (c >= ' ' && c < 0x7f && c != '%')
			vp_buf_putc(&id, (char)c);
		else
			vp_buf_printf(&id, "%%%02X", c);
	}
	vp_json_quote(out, vp_buf_get(&id));
}

/* A document out of a file: its name is the id, and metadata.path. */
static void
take_file(struct vp_span name)
{
	static struct vp_buf path, record, text, what;
	struct document d = {0};
	const char *why;
	int e;

	path.n = record.n = what.n = 0;
	vp_buf_printf(&what, "%.*s: ", (int)name.n, name.s);
	vp_buf_span(&path, name);
	e = vp_utf8_valid(name, NULL) ? read_file(vp_buf_cstr(&path), &text) : VP_E_UTF8;
	if (e == VP_E_IO)
		why = strerror(errno);
	else if (e == VP_E_UTF8)
		why = "the name is not UTF-8: it can't be an id";
	else if (e == VP_E_LIMIT)
		why = "larger than 64 MiB: cut it into files first";
	else
		why = binary(vp_buf_get(&text));
	if (why) {
		refuse(name, e == VP_E_IO ? VP_EX_NOINPUT : VP_EX_DATA, vp_buf_cstr(&what), why);
		return;
	}
	vp_buf_puts(&record, "{\"id\":");
	put_id(&record, name);
	vp_buf_puts(&record, ",\"metadata\":{\"path\":");
	vp_json_quote(&record, name);
	vp_buf_puts(&record, ",\"text\":\"\"}}");
	vp_record_parse(vp_buf_get(&record), &d.rec);
	look(&d);
	d.text = vp_buf_get(&text);
	put_passages(&d);
}

/* The next name on standard input, good until the next call. False: there are no more, or a
 * signal came. */
static bool
next_name(struct vp_span *name)
{
	static struct vp_buf buf;
	static size_t at;
	static bool over;
	ssize_t n;

	vp_buf_room(&buf, NAME_ROOM);
	for (;;) {
		char *from = buf.s + at,
		     *end = at < buf.n ? memchr(from, name_end, buf.n - at) : NULL;

		if (end || (over && at < buf.n)) {
			*name = (struct vp_span){from, end ? (size_t)(end - from) : buf.n - at};
			at += name->n + (end != NULL);
			line++;
			return true;
		}
		if (buf.n - at > NAME_ROOM) {
			vp_warn("line %llu: too long for a file's name: is it a list of names?",
			    line + 1);
			stop = VP_EX_DATA;
			return false;
		}
		if (over || !wait_input())
			return false;
		memmove(buf.s, buf.s + at, buf.n -= at);
		at = 0;
		n = read(STDIN_FILENO, vp_buf_room(&buf, NAME_ROOM), NAME_ROOM);
		if (n < 0)
			vp_die(VP_EX_IO, "standard input:");
		over = n == 0;
		buf.n += (size_t)n;
	}
}

static void
copy_files(void)
{
	struct vp_span name;

	while (!stop && !vp_stop_told() && next_name(&name)) {
		if (line <= vp_opts.skip)
			continue;
		if (name.n && memchr(name.s, '\0', name.n))
			refuse(name, VP_EX_DATA,
			    "a NUL stands in the name: give -0 if find -print0 wrote it", "");
		else if (name.n)
			take_file(name);
		if (!stop)
			vp_out_done(line + 1);
	}
}

static unsigned long long
lines_read(void)
{
	return Fflag ? line : in.in.line;
}

static void
report(uint64_t ms)
{
	if (vp_opts.stats)
		fprintf(stderr,
		    "{\"program\":\"vec-chunk\",\"documents\":%llu,\"passages\":%llu,\"empty\":%"
		    "llu,"
		    "\"rejected\":%llu,\"lines\":%llu,\"bytes\":%llu,\"seconds\":%.3f}\n",
		    documents, written, empty, vp_reject_count(), lines_read(),
		    Fflag ? bytes : in.in.bytes, (double)ms / 1000);
	else if (vp_opts.verbose || empty)
		vp_info("%llu documents, %llu of them without text; %llu passages", documents,
		    empty, written);
}

static void
options(int argc, char *argv[])
{
	bool bflag = false, oflag = false;

	passages.words = WORDS;
	for (int c; (c = vp_opt(argc, argv)) != -1;)
		switch (c) {
		case '0':
			name_end = '\0';
			break;
		case 'b':
			passages.bytes = vp_arg_bytes(c, 1, VP_LINE_MAX);
			bflag = true;
			break;
		case 'F':
			Fflag = true;
			break;
		case 'o':
			passages.overlap = vp_arg_number(c, 0, WORDS_MAX / 2);
			oflag = true;
			break;
		case 'w':
			passages.words = vp_arg_number(c, 1, WORDS_MAX);
			break;
		}
	if (optind < argc && strcmp(argv[optind], "-") == 0)
		optind++;
	vp_operands(argc, 0);
	if (!bflag)
		passages.bytes = passages.words * WORD_BYTES;
	if (!oflag)
		passages.overlap = passages.words / OVERLAP_PART;
	if (passages.overlap > passages.words / 2)
		vp_usage("-o %zu: want half of -w (%zu) at most", passages.overlap, passages.words);
	if (!name_end && !Fflag)
		vp_usage("-0 says how names of files end: give -F, too");
}

int
main(int argc, char *argv[])
{
	uint64_t start = vp_now_ms();

	vp_start(&program);
	options(argc, argv);
	vp_reject_end(name_end);
	vp_reject_open();
	vp_resume(vp_opts.skip + 1);
	vp_stop_catch();
	in.check = check;
	in.skip = vp_opts.skip;
	in.hint = "; -F for names of files";
	if (Fflag)
		copy_files();
	else
		copy_records();
	vp_out_close();
	report(vp_now_ms() - start);
	if (vp_stop_told()) {
		vp_resume_say();
		return VP_EX_TEMP;
	}
	if (stop)
		return stop;
	if (lines_read() < vp_opts.skip) {
		vp_warn("--skip %llu: the input has %llu lines: is it the same one?",
		    (unsigned long long)vp_opts.skip, lines_read());
		return VP_EX_DATA;
	}
	return vp_reject_count() ? VP_EX_REJECTED : VP_EX_OK;
}
