/* filename: names of files that a library would take for something else.
 *
 * SQLite keeps ":memory:" nowhere, may come to know other names that begin with a colon, and reads "file:x?mode=memory" as
 * a URI, where it was built so; what is stored under such a name is gone when the program ends. To the user of a Unix
 * program they are files like any other. */
#ifndef VP_FILENAME_H
#define VP_FILENAME_H

/* The name under which SQLite opens just the file called name; the caller frees. It takes the empty name, too, for one of
 * its own: that is no file's, and for the caller to refuse.
 *
 * Source: sqlite.org/c3ref/open.html; sqlite.org/uri.html, section 3.1. */
char *vp_filename_sqlite(const char *name);

#endif
