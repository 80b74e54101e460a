/* answer: any error body of either service: what a user is told of it is one line of text
 *
 * Byte 0 chooses the service and the status. */
#include <string.h>

#include "fuzz.h"
#include "http.h"
#include "json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = {200, 307, 400, 401, 402, 403, 404, 408, 409, 413, 422, 424,
	    425, 429, 500, 501, 502, 503, 504, 599};
	struct vp_http_answer a = {.retry_after_ms = -1};
	struct vp_judgement j;
	struct vp_buf message = {0};
	struct vp_span body;

	if (size < 1)
		return 0;
	body = behind(data, size, 1);
	a.status = statuses[(data[0] >> 1) % (sizeof statuses / sizeof *statuses)];
	vp_buf_span(&a.body, body);
	j = vp_http_judge(data[0] & 1 ? VP_PINECONE : VP_HF, &a);
	must(j.verdict <= VP_FINAL, "there is a verdict");
	must((j.verdict == VP_DONE) == (a.status == 200), "only 200 is done");
	must(j.verdict == VP_DONE || j.exit != 0, "else there is a status to end with");
	must(j.verdict == VP_SPLIT || j.max_batch == 0, "a limit comes with a split");
	vp_http_message(&a, &message);
	must(message.n > 0 && message.n <= 400, "the message is short");
	for (size_t i = 0; i < message.n; i++)
		must((unsigned char)message.s[i] >= ' ', "and one line");
	must(!vp_utf8_valid(body, NULL) || vp_utf8_valid(vp_buf_get(&message), NULL),
	    "and UTF-8 where the answer is");
	vp_buf_free(&message);
	vp_buf_free(&a.body);
	return 0;
}
