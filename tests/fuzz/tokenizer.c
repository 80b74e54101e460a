/* tokenizer: any tokenizer.json: refused with a reason, or it makes token ids of any text */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "model/tokenizer.h"

static char folder[256];

static void
leave(void)
{
	char path[300];

	snprintf(path, sizeof path, "%s/tokenizer.json", folder);
	unlink(path);
	rmdir(folder);
}

static void
write_file(const uint8_t *data, size_t size)
{
	char path[300];
	int fd;

	if (!*folder) {
		const char *tmp = getenv("TMPDIR");

		snprintf(folder, sizeof folder, "%s/tokenizer.XXXXXX", tmp ? tmp : "/tmp");
		must(mkdtemp(folder) != NULL, "there is a folder");
		atexit(leave);
	}
	snprintf(path, sizeof path, "%s/tokenizer.json", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(
	    fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0, "there is a file");
}

static void
encode(const struct vp_tokenizer *t)
{
	const struct vp_span texts[] = {VP_LIT(""), VP_LIT("Hello, world! the 3 horses"),
	    VP_LIT(
		"<s>[CLS]\xe2\x96\x81na\xc3\xafve caf\x65\xcc\x81\t\xe4\xb8\xad\xe6\x96\x87 \0 x"),
	    VP_LIT("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac   \xc2\xa0\xe2\x80\xaf' 's \n\n")};
	struct vp_words work = {0};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct vp_ids all = {0}, some = {0};
		size_t max = t->n_before + t->n_after + 3;

		vp_tokenizer_encode(t, &work, texts[i], SIZE_MAX, false, &all);
		vp_tokenizer_encode(t, &work, texts[i], max, i & 1, &some);
		must(some.n == (all.n < max ? all.n : max), "a text is cut to the length");
		for (size_t k = 0; k < all.n; k++)
			must(all.id[k] < t->ids, "an id is one that can come out");
		vp_ids_free(&all);
		vp_ids_free(&some);
	}
	vp_words_free(&work);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp_tokenizer t = {0};
	struct vp_buf why = {0};
	int e;

	write_file(data, size);
	e = vp_tokenizer_open(&t, folder, &why);
	must((e == 0) == (why.n == 0), "a refusal has a reason, and nothing else has");
	if (e == 0)
		encode(&t);
	vp_tokenizer_free(&t);
	vp_buf_free(&why);
	return 0;
}
