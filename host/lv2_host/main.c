/* Reads requests, answers them. Ends when the library is gone, without a word from the plug-in. */
#include "lv2_host.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char failure[2048];

bool fail_with(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure, sizeof failure, format, arguments);
    va_end(arguments);
    return false;
}

const char *fail_text(void)
{
    return failure;
}

/* ---- The wire --------------------------------------------------------------- */

/* Ends the process where the library is gone. */
static void receive(void *bytes, size_t num_bytes)
{
    for (size_t done = 0; done < num_bytes;) {
        ssize_t count = read(MXD_LV2_SOCKET, (char *)bytes + done, num_bytes - done);
        if (count > 0)
            done += (size_t)count;
        else if (count == 0 || errno != EINTR)
            _exit(0); /* not exit: the plug-in's destructors could hang or crash, and nobody waits for them */
    }
}

static void transmit(const void *bytes, size_t num_bytes)
{
    for (size_t done = 0; done < num_bytes;) {
        ssize_t count = write(MXD_LV2_SOCKET, (const char *)bytes + done, num_bytes - done);
        if (count > 0)
            done += (size_t)count;
        else if (errno != EINTR)
            _exit(0);
    }
}

static void answer_head(mxd_lv2_wire_kind kind, size_t num_bytes)
{
    const mxd_lv2_wire_head head = {MXD_LV2_WIRE_VERSION, kind, (uint32_t)num_bytes};
    transmit(&head, sizeof head);
}

static void answer(mxd_lv2_wire_kind kind, const void *bytes, size_t num_bytes)
{
    answer_head(kind, num_bytes);
    transmit(bytes, num_bytes);
}

/* A plug-in that hangs must not outlive a library that was killed. */
static void *watch_library(void *unused)
{
    (void)unused;
    struct pollfd socket = {.fd = MXD_LV2_SOCKET, .events = 0};
    while (poll(&socket, 1, -1) < 0 || !(socket.revents & (POLLHUP | POLLERR)))
        ;
    _exit(0);
}

/* ---- Requests ------------------------------------------------------------------ */

static found_plugin plugin;
static running *runs;

static bool answer_find(const unsigned char *body, size_t num_bytes)
{
    mxd_lv2_wire_find wanted;
    if (num_bytes != sizeof wanted || plugin.world)
        return fail_with("was asked for in a way that this mixdown-lv2-host does not know");
    memcpy(&wanted, body, sizeof wanted);
    if (!find_plugin(&wanted, &plugin))
        return false;
    const size_t parameter_bytes = plugin.found.num_parameters * sizeof *plugin.parameters;
    const size_t point_bytes = plugin.found.num_points * sizeof *plugin.points;
    answer_head(MXD_LV2_FOUND, sizeof plugin.found + parameter_bytes + point_bytes);
    transmit(&plugin.found, sizeof plugin.found);
    transmit(plugin.parameters, parameter_bytes);
    transmit(plugin.points, point_bytes);
    return true;
}

static bool answer_open(const unsigned char *body, size_t num_bytes)
{
    static const char unknown[] = "was opened in a way that this mixdown-lv2-host does not know";
    mxd_lv2_wire_open open;
    if (num_bytes < sizeof open || !plugin.plugin || runs)
        return fail_with("%s", unknown);
    memcpy(&open, body, sizeof open);
    const size_t value_bytes = open.num_values * sizeof(float);
    const size_t automated_bytes = open.num_automated * sizeof(uint32_t);
    if (num_bytes != sizeof open + value_bytes + automated_bytes || open.num_values != plugin.found.num_parameters)
        return fail_with("%s", unknown);
    /* Both live as long as the process. */
    float *values = malloc(value_bytes + 1);
    uint32_t *automated = malloc(automated_bytes + 1);
    if (!values || !automated)
        return fail_with("memory ran out");
    memcpy(values, body + sizeof open, value_bytes);
    memcpy(automated, body + sizeof open + value_bytes, automated_bytes);
    mxd_lv2_shared *shared =
        mmap(NULL, mxd_lv2_shared_bytes(&open), PROT_READ | PROT_WRITE, MAP_SHARED, MXD_LV2_MEMORY, 0);
    if (shared == MAP_FAILED)
        return fail_with("cannot be given its lanes: %s", strerror(errno));
    mxd_lv2_wire_opened opened;
    if (!run_open(&plugin, &open, values, automated, shared, &runs, &opened.latency_frames))
        return false;
    answer(MXD_LV2_OPENED, &opened, sizeof opened);
    return true;
}

static bool answer_run(const unsigned char *body, size_t num_bytes)
{
    mxd_lv2_wire_run run;
    if (num_bytes != sizeof run || !runs)
        return fail_with("was run in a way that this mixdown-lv2-host does not know");
    memcpy(&run, body, sizeof run);
    const mxd_lv2_wire_opened done = {run_frames(runs, run.num_runs)};
    answer(MXD_LV2_DONE, &done, sizeof done);
    return true;
}

static bool answer_reset(void)
{
    if (!runs)
        return fail_with("was reset before it ran");
    run_reset(runs);
    answer(MXD_LV2_DONE, NULL, 0);
    return true;
}

static bool answer_request(const mxd_lv2_wire_head *head, const unsigned char *body)
{
    switch (head->kind) {
    case MXD_LV2_FIND:
        return answer_find(body, head->num_bytes);
    case MXD_LV2_OPEN:
        return answer_open(body, head->num_bytes);
    case MXD_LV2_RUN:
        return answer_run(body, head->num_bytes);
    case MXD_LV2_RESET:
        return answer_reset();
    default:
        return fail_with("was asked for in a way that this mixdown-lv2-host does not know");
    }
}

int main(void)
{
    pthread_t watcher;
    struct pollfd socket = {.fd = MXD_LV2_SOCKET};
    if (poll(&socket, 1, 0) < 0 || (socket.revents & POLLNVAL)) {
        fputs("mixdown-lv2-host runs LV2 plug-ins for mixdown, which starts it by itself\n", stderr);
        return 2;
    }
    if (pthread_create(&watcher, NULL, watch_library, NULL) != 0)
        return 1;
    for (;;) {
        mxd_lv2_wire_head head;
        receive(&head, sizeof head);
        if (head.version != MXD_LV2_WIRE_VERSION || head.num_bytes > MXD_LV2_MAX_MESSAGE) {
            fail_with("is run by a mixdown-lv2-host of another version");
            break;
        }
        unsigned char *body = malloc(head.num_bytes + 1u);
        if (!body)
            return 1;
        receive(body, head.num_bytes);
        bool good = answer_request(&head, body);
        free(body);
        if (!good)
            break;
    }
    answer(MXD_LV2_FAILED, fail_text(), strlen(fail_text()));
    _exit(0);
}
