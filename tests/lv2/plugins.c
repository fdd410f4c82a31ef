/*
 * LV2 plug-ins for the tests, one a URI urn:mixdown:test:NAME. All are y = factor * gain * x, `delay` frames late,
 * which they report; gain holds for a run. factor is 1, or what their state says. They differ:
 *   plain     in nothing
 *   ports     have every kind of port: silence where nothing is wrong with them, factors where there are parameters
 *   worker    adds to the factor what its worker answered after each run: 1
 *   crash, exit, hang, nan    do so in the run in which the input goes beyond 0.9
 *   feature, option           require what nobody offers
 *   refuses                   cannot be instantiated
 */
#include <lv2/atom/atom.h>
#include <lv2/core/lv2.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "urn:mixdown:test:"
#define MAX_DELAY 1000

enum { IN, OUT, GAIN, DELAY, LATENCY, KEY, CV_IN, CV_OUT, EVENTS, NOTES, ON, SHAPE, OFFLINE, NUM_PORTS };

typedef struct plugin {
    const char *name;
    void *ports[NUM_PORTS];
    float factor;
    float line[MAX_DELAY]; /* the last inputs; head: where the next goes */
    unsigned head;
    const LV2_URID_Map *map;
    const LV2_Worker_Schedule *schedule;
} plugin;

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double rate, const char *bundle,
                              const LV2_Feature *const *features)
{
    (void)rate;
    (void)bundle;
    plugin *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->name = descriptor->URI + strlen(PREFIX);
    p->factor = 1.0f;
    for (; *features; features++) {
        if (strcmp((*features)->URI, LV2_URID__map) == 0)
            p->map = (*features)->data;
        if (strcmp((*features)->URI, LV2_WORKER__schedule) == 0)
            p->schedule = (*features)->data;
    }
    if (strcmp(p->name, "refuses") == 0) {
        free(p);
        return NULL;
    }
    return p;
}

static void connect_port(LV2_Handle handle, uint32_t port, void *data)
{
    plugin *p = handle;
    if (port < NUM_PORTS)
        p->ports[port] = data;
}

static void activate(LV2_Handle handle)
{
    plugin *p = handle;
    memset(p->line, 0, sizeof p->line);
    p->head = 0;
}

static float control(const plugin *p, uint32_t port)
{
    return *(const float *)p->ports[port];
}

/* Not a number as soon as a port holds what it should not. */
static float factor_of_ports(const plugin *p, uint32_t num_frames)
{
    const float *key = p->ports[KEY], *cv_in = p->ports[CV_IN];
    float *cv_out = p->ports[CV_OUT];
    const LV2_Atom_Sequence *events = p->ports[EVENTS];
    const LV2_Atom *notes = p->ports[NOTES];
    bool good = events->atom.size == sizeof events->body &&
                events->atom.type == p->map->map(p->map->handle, LV2_ATOM__Sequence) && notes->size >= 4096 &&
                control(p, OFFLINE) == 1.0f;
    for (uint32_t i = 0; i < num_frames; i++) {
        good = good && key[i] == 0.0f && cv_in[i] == 0.0f;
        cv_out[i] = 1.0f;
    }
    return good ? control(p, ON) * control(p, SHAPE) : NAN;
}

static void misbehave(const plugin *p, float *out)
{
    if (strcmp(p->name, "crash") == 0) {
        fputs("about to crash\n", stderr);
        fflush(stderr);
        raise(SIGKILL); /* a sanitizer would catch a segmentation fault */
    }
    if (strcmp(p->name, "exit") == 0)
        _exit(7);
    while (strcmp(p->name, "hang") == 0)
        sleep(1);
    if (strcmp(p->name, "nan") == 0)
        out[3] = NAN;
}

static void run(LV2_Handle handle, uint32_t num_frames)
{
    plugin *p = handle;
    const float *in = p->ports[IN];
    float *out = p->ports[OUT], factor = p->factor * control(p, GAIN);
    const unsigned delay = (unsigned)control(p, DELAY);
    bool bad = false;
    if (strcmp(p->name, "ports") == 0)
        factor *= factor_of_ports(p, num_frames);
    for (uint32_t i = 0; i < num_frames; i++) {
        const float x = in[i];
        bad |= x > 0.9f;
        out[i] = factor * (delay ? p->line[(p->head + MAX_DELAY - delay) % MAX_DELAY] : x);
        p->line[p->head] = x;
        p->head = (p->head + 1) % MAX_DELAY;
    }
    *(float *)p->ports[LATENCY] = (float)delay;
    if (bad)
        misbehave(p, out);
    if (strcmp(p->name, "worker") == 0)
        p->schedule->schedule_work(p->schedule->handle, sizeof(float), &(float){1.0f});
}

static void cleanup(LV2_Handle handle)
{
    free(handle);
}

static LV2_Worker_Status work(LV2_Handle handle, LV2_Worker_Respond_Function respond,
                              LV2_Worker_Respond_Handle respond_handle, uint32_t size, const void *data)
{
    (void)handle;
    return respond(respond_handle, size, data);
}

static LV2_Worker_Status work_response(LV2_Handle handle, uint32_t size, const void *data)
{
    plugin *p = handle;
    float more;
    if (size != sizeof more)
        return LV2_WORKER_ERR_UNKNOWN;
    memcpy(&more, data, sizeof more);
    p->factor += more;
    return LV2_WORKER_SUCCESS;
}

static LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle state,
                                uint32_t flags, const LV2_Feature *const *features)
{
    (void)flags;
    (void)features;
    plugin *p = handle;
    size_t size;
    uint32_t type, value_flags;
    const float *factor =
        retrieve(state, p->map->map(p->map->handle, PREFIX "factor"), &size, &type, &value_flags);
    if (factor && size == sizeof *factor)
        p->factor = *factor;
    return LV2_STATE_SUCCESS;
}

static LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle state, uint32_t flags,
                             const LV2_Feature *const *features)
{
    (void)handle;
    (void)store;
    (void)state;
    (void)flags;
    (void)features;
    return LV2_STATE_SUCCESS;
}

static const void *extension_data(const char *uri)
{
    static const LV2_Worker_Interface worker = {work, work_response, NULL};
    static const LV2_State_Interface state = {save, restore};
    if (strcmp(uri, LV2_WORKER__interface) == 0)
        return &worker;
    return strcmp(uri, LV2_STATE__interface) == 0 ? &state : NULL;
}

#define PLUGIN(name) {PREFIX name, instantiate, connect_port, activate, run, NULL, cleanup, extension_data}

LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index)
{
    static const LV2_Descriptor plugins[] = {
        PLUGIN("plain"), PLUGIN("ports"), PLUGIN("worker"),  PLUGIN("crash"),  PLUGIN("exit"),
        PLUGIN("hang"),  PLUGIN("nan"),   PLUGIN("feature"), PLUGIN("option"), PLUGIN("refuses"),
    };
    return index < sizeof plugins / sizeof *plugins ? &plugins[index] : NULL;
}
