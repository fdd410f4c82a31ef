/*
 * A process of its own, by posix_spawn: a fork that ran on in this program would
 * inherit its locks, held by threads that are not there. What the plug-in prints
 * goes into a pipe that never blocks it; the last line of it helps to explain a crash.
 */
#define _GNU_SOURCE /* memfd_create, pipe2 */
#include "lv2_child.h"

#include "../clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "mixdown-lv2-host"
/* Seconds. A plug-in that loads gigabytes of samples, or computes tables, says nothing meanwhile. */
#define DEFAULT_TIMEOUT_S 30.0
/* How often a silent child is looked at, ms. */
#define LOOK_MS 100

extern char **environ;

struct mxd_lv2_child {
    pid_t pid;               /* 0: none, or reaped */
    int socket, memory, log;
    mxd_lv2_shared *shared;
    size_t num_shared_bytes;
    double timeout_s;
    char last_line[256];     /* that the plug-in printed */
    char line[256];          /* that it is printing */
    size_t line_length;
};

__attribute__((format(printf, 3, 4)))
static bool fail(mxd_lv2_failure *failure, mxd_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    failure->result = result;
    return false;
}

/* ---- Starting -------------------------------------------------------------- */

/* The program's path into `path`; false: it is nowhere. */
static bool find_program(char *path, size_t size, mxd_lv2_failure *failure)
{
    const char *given = getenv("MXD_LV2_HOST");
    if (given && *given) {
        snprintf(path, size, "%s", given);
        return access(path, X_OK) == 0 ||
               fail(failure, MXD_ERROR_FILE, "cannot run: MXD_LV2_HOST names %s, which is no program", given);
    }
    char own[4096];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash) {
        slash[1] = '\0';
        snprintf(path, size, "%s%s", own, PROGRAM);
        if (access(path, X_OK) == 0)
            return true;
    }
    snprintf(path, size, "%s", MXD_LV2_HOST_INSTALLED);
    return access(path, X_OK) == 0 ||
           fail(failure, MXD_ERROR_FILE,
                "cannot run: the program " PROGRAM " is neither in %s nor is it %s; install mixdown whole, or name "
                "the program in MXD_LV2_HOST", slash ? own : "this program's folder", MXD_LV2_HOST_INSTALLED);
}

/* Moves a descriptor beyond those that the program finds things at. */
static int move_up(int descriptor)
{
    int moved = descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
    if (descriptor >= 0)
        close(descriptor);
    return moved;
}

static bool spawn(mxd_lv2_child *child, const char *program, int socket, int log)
{
    char *arguments[] = {(char *)program, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return false;
    }
    int error = EINVAL;
    bool good = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
                posix_spawn_file_actions_adddup2(&actions, log, 1) == 0 &&
                posix_spawn_file_actions_adddup2(&actions, log, 2) == 0 &&
                posix_spawn_file_actions_adddup2(&actions, socket, MXD_LV2_SOCKET) == 0 &&
                posix_spawn_file_actions_adddup2(&actions, child->memory, MXD_LV2_MEMORY) == 0;
    /* A group of its own: Ctrl-C is for us, who then end it. */
    good = good && posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                             POSIX_SPAWN_SETSIGDEF) == 0 &&
           posix_spawnattr_setpgroup(&attributes, 0) == 0 && posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
           (error = posix_spawn(&child->pid, program, &actions, &attributes, arguments, environ)) == 0;
    if (!good) {
        child->pid = 0;
        errno = error;
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return good;
}

static double timeout_s(void)
{
    const char *text = getenv("MXD_LV2_TIMEOUT_S");
    double seconds = text ? strtod(text, NULL) : 0.0;
    return seconds > 0.0 ? seconds : DEFAULT_TIMEOUT_S;
}

mxd_lv2_child *mxd_lv2_child_start(mxd_lv2_failure *failure)
{
    char program[8192];
    int pair[2] = {-1, -1}, pipe[2] = {-1, -1};
    mxd_lv2_child *child = calloc(1, sizeof *child);
    if (!child) {
        fail(failure, MXD_ERROR_MEMORY, "cannot run: memory ran out");
        return NULL;
    }
    child->socket = child->memory = child->log = -1;
    child->timeout_s = timeout_s();
    bool good = find_program(program, sizeof program, failure);
    if (good) {
        good = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && pipe2(pipe, O_CLOEXEC | O_NONBLOCK) == 0;
        child->socket = pair[0];
        child->log = pipe[0];
        pair[1] = move_up(pair[1]);
        pipe[1] = move_up(pipe[1]);
        child->memory = move_up(memfd_create("mixdown-lv2", MFD_CLOEXEC));
        good = good && pair[1] >= 0 && pipe[1] >= 0 && child->memory >= 0 && spawn(child, program, pair[1], pipe[1]);
        if (!good)
            fail(failure, MXD_ERROR_FILE, "cannot run: %s could not be started: %s", program, strerror(errno));
    }
    if (pair[1] >= 0)
        close(pair[1]);
    if (pipe[1] >= 0)
        close(pipe[1]);
    if (good)
        return child;
    mxd_lv2_child_destroy(child);
    return NULL;
}

mxd_lv2_shared *mxd_lv2_child_share(mxd_lv2_child *child, size_t num_bytes, mxd_lv2_failure *failure)
{
    void *memory = MAP_FAILED;
    if (ftruncate(child->memory, (off_t)num_bytes) == 0)
        memory = mmap(NULL, num_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, child->memory, 0);
    if (memory == MAP_FAILED) {
        fail(failure, MXD_ERROR_MEMORY, "cannot run: no memory for its lanes");
        return NULL;
    }
    child->shared = memory;
    child->num_shared_bytes = num_bytes;
    return memory;
}

/* ---- What became of it ---------------------------------------------------------- */

/* Takes what was printed; keeps the last line that is not empty. */
static void read_log(mxd_lv2_child *child)
{
    char bytes[1024];
    ssize_t count;
    while ((count = read(child->log, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < count; i++) {
            if (bytes[i] == '\n') {
                if (child->line_length)
                    memcpy(child->last_line, child->line, sizeof child->line);
                child->line_length = 0;
            } else if (child->line_length < sizeof child->line - 1) {
                /* Messages are one plain line. */
                child->line[child->line_length++] = (unsigned char)bytes[i] < ' ' ? ' ' : bytes[i];
            }
            child->line[child->line_length] = '\0';
        }
}

static const char *last_words(mxd_lv2_child *child)
{
    read_log(child);
    return child->line_length ? child->line : child->last_line;
}

static bool fail_ended(mxd_lv2_child *child, mxd_lv2_failure *failure)
{
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(child->pid, &status, 0)) < 0 && errno == EINTR)
        ;
    child->pid = 0;
    const char *words = last_words(child);
    char said[300] = "";
    if (*words)
        snprintf(said, sizeof said, "; the last that it printed: \"%s\"", words);
    if (pid < 0) /* whoever uses the library reaps all its children */
        return fail(failure, MXD_ERROR_PLUGIN, "ended its process%s", said);
    if (WIFSIGNALED(status))
        return fail(failure, MXD_ERROR_PLUGIN, "crashed (%s)%s", strsignal(WTERMSIG(status)), said);
    return fail(failure, MXD_ERROR_PLUGIN, "ended its process with exit code %d%s", WEXITSTATUS(status), said);
}

static bool fail_silent(mxd_lv2_child *child, mxd_lv2_failure *failure)
{
    return fail(failure, MXD_ERROR_PLUGIN,
                "hangs: it did nothing for %g s and was ended (MXD_LV2_TIMEOUT_S=%g would wait longer)", child->timeout_s,
                10.0 * child->timeout_s);
}

/* ---- Asking --------------------------------------------------------------------- */

/* Waits until the socket can be read or written; false when nothing moves for too long. */
static bool wait_for(mxd_lv2_child *child, short events)
{
    double since = mxd_clock_s();
    uint32_t run = child->shared ? atomic_load(&child->shared->run) : 0;
    for (;;) {
        struct pollfd socket = {.fd = child->socket, .events = events};
        int ready = poll(&socket, 1, LOOK_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
        read_log(child);
        uint32_t now = child->shared ? atomic_load(&child->shared->run) : 0;
        if (now != run)
            since = mxd_clock_s();
        run = now;
        if (mxd_clock_s() - since > child->timeout_s)
            return false;
    }
}

static bool send_all(mxd_lv2_child *child, const void *bytes, size_t num_bytes, mxd_lv2_failure *failure)
{
    for (size_t done = 0; done < num_bytes;) {
        ssize_t count = send(child->socket, (const char *)bytes + done, num_bytes - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0)
            done += (size_t)count;
        else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!wait_for(child, POLLOUT))
                return fail_silent(child, failure);
        } else if (count == 0 || errno != EINTR)
            return fail_ended(child, failure);
    }
    return true;
}

static bool receive_all(mxd_lv2_child *child, void *bytes, size_t num_bytes, mxd_lv2_failure *failure)
{
    for (size_t done = 0; done < num_bytes;) {
        ssize_t count = recv(child->socket, (char *)bytes + done, num_bytes - done, MSG_DONTWAIT);
        if (count > 0)
            done += (size_t)count;
        else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!wait_for(child, POLLIN))
                return fail_silent(child, failure);
        } else if (count == 0 || errno != EINTR)
            return fail_ended(child, failure);
    }
    return true;
}

bool mxd_lv2_child_ask(mxd_lv2_child *child, mxd_lv2_wire_kind request, const void *bytes, size_t num_bytes,
                       mxd_lv2_wire_kind expected, void **answer, size_t *num_answer_bytes, mxd_lv2_failure *failure)
{
    mxd_lv2_wire_head head = {MXD_LV2_WIRE_VERSION, request, (uint32_t)num_bytes};
    if (answer)
        *answer = NULL;
    if (!send_all(child, &head, sizeof head, failure) || !send_all(child, bytes, num_bytes, failure) ||
        !receive_all(child, &head, sizeof head, failure))
        return false;
    read_log(child);
    if (head.version != MXD_LV2_WIRE_VERSION || head.num_bytes > MXD_LV2_MAX_MESSAGE ||
        (head.kind != expected && head.kind != MXD_LV2_FAILED))
        return fail(failure, MXD_ERROR_FILE, "cannot run: " PROGRAM " is of another version: install mixdown whole");
    char *body = malloc(head.num_bytes + 1u);
    if (!body)
        return fail(failure, MXD_ERROR_MEMORY, "cannot run: memory ran out");
    bool good = receive_all(child, body, head.num_bytes, failure);
    if (good && head.kind == MXD_LV2_FAILED) {
        body[head.num_bytes] = '\0';
        good = fail(failure, MXD_ERROR_INVALID, "%s", body);
    }
    if (good && answer) {
        *answer = body;
        *num_answer_bytes = head.num_bytes;
    } else
        free(body);
    return good;
}

void mxd_lv2_child_destroy(mxd_lv2_child *child)
{
    if (!child)
        return;
    if (child->pid > 0) {
        /* It holds nothing worth a farewell, and may hang. */
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (child->shared)
        munmap(child->shared, child->num_shared_bytes);
    if (child->socket >= 0)
        close(child->socket);
    if (child->memory >= 0)
        close(child->memory);
    if (child->log >= 0)
        close(child->log);
    free(child);
}
