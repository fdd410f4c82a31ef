/* Cached files: the folder, checked reads, atomic writes. */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_VERSION 1u

static const char cache_magic[8] = {'M', 'X', 'D', 'C', 'A', 'C', 'H', 'E'};

/* In the machine's byte order: a file from another kind of machine fails by its version. No padding. */
typedef struct cache_header {
    char magic[8];
    uint32_t version;
    uint32_t key_bytes;
    uint64_t data_bytes;
    uint64_t checksum; /* of the fields before it, the key and the data */
} cache_header;

_Static_assert(sizeof(cache_header) == 32, "no padding");

uint64_t mxd_cache_hash(uint64_t hash, const void *bytes, size_t num_bytes)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < num_bytes; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t checksum(const cache_header *header, mxd_cache_key key, const void *data, size_t num_bytes)
{
    uint64_t hash = mxd_cache_hash(MXD_CACHE_HASH_START, header, offsetof(cache_header, checksum));
    hash = mxd_cache_hash(hash, key.bytes, key.num_bytes);
    return mxd_cache_hash(hash, data, num_bytes);
}

/* ---- The folder ---------------------------------------------------------- */

char *mxd_cache_folder(void)
{
    const char *mode = getenv("MXD_CACHE"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *rest = "";
    if (mode && strcmp(mode, "off") == 0)
        return NULL;
    if (!base || base[0] != '/') { /* the specification ignores relative ones */
        base = home;
        rest = "/.cache";
    }
    if (!base || base[0] != '/')
        return NULL;
    size_t size = strlen(base) + strlen(rest) + sizeof "/mixdown";
    char *folder = malloc(size);
    if (folder)
        snprintf(folder, size, "%s%s/mixdown", base, rest);
    return folder;
}

static char *file_path(const char *name, const char *ending)
{
    char *folder = mxd_cache_folder();
    size_t size = folder ? strlen(folder) + strlen(name) + strlen(ending) + 2 : 0;
    char *path = folder ? malloc(size) : NULL;
    if (path)
        snprintf(path, size, "%s/%s%s", folder, name, ending);
    free(folder);
    return path;
}

/* Makes the folders that path stands in, each 0700. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool good = mkdir(path, 0700) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES;
        *slash = '/';
        if (!good) /* one that is there may well be read-only; what stands in it need not be */
            return false;
    }
    return true;
}

/* ---- Reading ------------------------------------------------------------- */

static bool read_all(int file, void *to, size_t num_bytes)
{
    uint8_t *at = to;
    while (num_bytes > 0) {
        ssize_t count = read(file, at, num_bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        num_bytes -= (size_t)count;
    }
    return true;
}

/* A plain file of this user's own: drivers trust what is in it. */
static bool is_ours(int file, struct stat *status)
{
    return fstat(file, status) == 0 && S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
           status->st_size >= 0 && (uint64_t)status->st_size <= MXD_CACHE_MAX_BYTES;
}

/* The header if it can be the file's, whatever key and data are. */
static bool header_holds(const cache_header *header, mxd_cache_key key, size_t file_bytes)
{
    return memcmp(header->magic, cache_magic, sizeof cache_magic) == 0 && header->version == CACHE_VERSION &&
           header->key_bytes == key.num_bytes && header->data_bytes <= file_bytes &&
           header->data_bytes == file_bytes - sizeof *header - key.num_bytes;
}

static void *read_checked(int file, mxd_cache_key key, size_t *num_bytes)
{
    struct stat status;
    cache_header header;
    uint8_t stored[MXD_CACHE_MAX_KEY_BYTES];
    if (!is_ours(file, &status) || (size_t)status.st_size < sizeof header + key.num_bytes ||
        !read_all(file, &header, sizeof header) || !header_holds(&header, key, (size_t)status.st_size) ||
        !read_all(file, stored, key.num_bytes) || memcmp(stored, key.bytes, key.num_bytes) != 0)
        return NULL;
    *num_bytes = (size_t)header.data_bytes;
    void *data = malloc(*num_bytes ? *num_bytes : 1);
    if (data && read_all(file, data, *num_bytes) && checksum(&header, key, data, *num_bytes) == header.checksum)
        return data;
    free(data);
    return NULL;
}

void *mxd_cache_read(const char *name, mxd_cache_key key, size_t *num_bytes)
{
    *num_bytes = 0;
    char *path = key.num_bytes <= MXD_CACHE_MAX_KEY_BYTES ? file_path(name, "") : NULL;
    /* A pipe under that name would wait for a writer. */
    int file = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    free(path);
    if (file < 0)
        return NULL;
    void *data = read_checked(file, key, num_bytes);
    close(file);
    if (!data)
        *num_bytes = 0;
    return data;
}

/* ---- Writing ------------------------------------------------------------- */

static bool write_all(int file, const void *from, size_t num_bytes)
{
    const uint8_t *at = from;
    while (num_bytes > 0) {
        ssize_t count = write(file, at, num_bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        num_bytes -= (size_t)count;
    }
    return true;
}

static bool write_file(int file, mxd_cache_key key, const void *data, size_t num_bytes)
{
    cache_header header = {.version = CACHE_VERSION, .key_bytes = (uint32_t)key.num_bytes, .data_bytes = num_bytes};
    memcpy(header.magic, cache_magic, sizeof header.magic);
    header.checksum = checksum(&header, key, data, num_bytes);
    return write_all(file, &header, sizeof header) && write_all(file, key.bytes, key.num_bytes) &&
           write_all(file, data, num_bytes);
}

bool mxd_cache_write(const char *name, mxd_cache_key key, const void *data, size_t num_bytes)
{
    if (key.num_bytes > MXD_CACHE_MAX_KEY_BYTES ||
        num_bytes > MXD_CACHE_MAX_BYTES - sizeof(cache_header) - key.num_bytes)
        return false;
    char *path = file_path(name, ""), *partial = file_path(name, ".XXXXXX");
    int file = path && partial && make_folders(path) ? mkstemp(partial) : -1; /* 0600 */
    bool good = false;
    if (file >= 0) {
        good = write_file(file, key, data, num_bytes);
        good = close(file) == 0 && good && rename(partial, path) == 0;
        if (!good)
            unlink(partial);
    }
    free(path);
    free(partial);
    return good;
}
