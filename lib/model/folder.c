/* folder: the files of a model folder */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

int
vp_why(struct vp_buf *why, int code, const char *format, ...)
{
	int e = errno;
	va_list args;
	char text[1024];

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	why->n = 0;
	vp_buf_puts(why, text);
	if (*format && format[strlen(format) - 1] == ':')
		vp_buf_printf(why, " %s", strerror(e));
	vp_buf_cstr(why);
	errno = e;
	return code;
}

char *
vp_path_join(const char *folder, const char *name)
{
	size_t n = strlen(folder), m = strlen(name);
	char *path = vp_alloc(n + m + 2, 1);

	memcpy(path, folder, n);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (m && !(n == 1 && path[0] == '/'))
		path[n++] = '/';
	memcpy(path + n, name, m + 1);
	if (!m)
		path[n] = '\0';
	return path;
}

int
vp_file_read(const char *path, size_t max, struct vp_buf *out, struct vp_buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	out->n = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return vp_why(why, VP_E_IO, "%s:", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		errno = EISDIR;
	else
		while ((n = read(fd, vp_buf_room(out, 65536), 65536)) != 0) {
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				break;
			out->n += (size_t)n;
			if (out->n > max) {
				close(fd);
				return vp_why(
				    why, VP_E_LIMIT, "%s: larger than %zu bytes", path, max);
			}
		}
	if (n < 0)
		vp_why(why, VP_E_IO, "%s:", path);
	close(fd);
	return n < 0 ? VP_E_IO : 1;
}

int
vp_file_json(const char *path, size_t max, struct vp_buf *out, char type, struct vp_span *value,
    struct vp_buf *why)
{
	int e = vp_file_read(path, max, out, why);
	struct vp_span all;

	if (e <= 0)
		return e;
	all = vp_buf_get(out);
	if (all.n >= 3 && memcmp(all.s, "\xef\xbb\xbf", 3) == 0)
		all = (struct vp_span){all.s + 3, all.n - 3};
	e = vp_json_check(all, value);
	if (e)
		return vp_why(why, e, "%s: %s", path, vp_error_text(e));
	if (vp_json_type(*value) != type)
		return vp_why(
		    why, VP_E_TYPE, "%s: not a JSON %s", path, type == '{' ? "object" : "array");
	return 1;
}
