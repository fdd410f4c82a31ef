/*
 * Files of the user's cache folder, $XDG_CACHE_HOME/mixdown or ~/.cache/mixdown
 * (XDG Base Directory Specification): what can be made again, at the cost of
 * time. Nothing here is an error: a folder that cannot be made or written, a
 * file that is damaged, stale or somebody else's only means that there is
 * nothing cached.
 *
 * A file is header, key, data. The header tells the length of both and a
 * checksum over both; a file whose key is not byte for byte the one asked for
 * is stale. A file appears under its name whole, by rename, so that processes
 * may read and write the same one at once: the last writer stays.
 *
 * Any thread may call these. MXD_CACHE=off in the environment turns them off.
 */
#ifndef MXD_CACHE_H
#define MXD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer files are neither read nor written. */
#define MXD_CACHE_MAX_BYTES ((size_t)64 << 20)
#define MXD_CACHE_MAX_KEY_BYTES 1024u

typedef struct mxd_cache_key {
    const void *bytes;
    size_t num_bytes; /* <= MXD_CACHE_MAX_KEY_BYTES */
} mxd_cache_key;

/* The folder's path, to be freed, whether it is there or not; NULL where there is none: MXD_CACHE=off, no home. */
char *mxd_cache_folder(void);

/* The data stored under name (a plain file name) with that key, to be freed; NULL if there is none. */
void *mxd_cache_read(const char *name, mxd_cache_key key, size_t *num_bytes);

/* Stores data, in place of what was there. Makes the folder (0700) and the file (0600). False if that failed. */
bool mxd_cache_write(const char *name, mxd_cache_key key, const void *data, size_t num_bytes);

/* FNV-1a of 64 bits (Fowler, Noll, Vo), going on from hash; start with MXD_CACHE_HASH_START. */
#define MXD_CACHE_HASH_START 0xcbf29ce484222325u
uint64_t mxd_cache_hash(uint64_t hash, const void *bytes, size_t num_bytes);

#endif
