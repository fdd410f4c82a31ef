/* Instances of the plug-in, side by side on the lanes; their ports, and the runs. */
#include "lv2_host.h"

#include <lv2/atom/atom.h>

#include <stdlib.h>
#include <string.h>

#if defined __SSE2__
#include <xmmintrin.h>
#endif

typedef struct instance {
    LilvInstance *lilv;
    features offered;
    float *controls;      /* one a parameter */
    float *outputs;       /* of controls that the plug-in sets, one a port */
    void **atoms;         /* one a port; NULL where it is no atom port */
    float latency;
} instance;

struct running {
    const found_plugin *plugin;
    mxd_lv2_wire_open open;
    const uint32_t *automated;
    mxd_lv2_shared *shared;
    instance *instances;
    float *silence;       /* a run */
    float *unheard;       /* a run; written by CV outputs */
    float freewheeling;
};

/* Denormals count as zero, as in most programs that run plug-ins: few plug-ins see to it themselves. */
static void flush_denormals(void)
{
#if defined __SSE2__
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* bits 15 and 6 of MXCSR (Intel SDM volume 1, 10.2.3) */
#elif defined __aarch64__
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | (UINT64_C(1) << 24))); /* FZ (Arm ARM, FPCR) */
#endif
}

/* The lane of an instance's audio port; a lane alone goes to every input of a plug-in. */
static uint32_t lane_of(const running *r, uint32_t index, const port *p)
{
    const mxd_lv2_wire_found *found = &r->plugin->found;
    if (p->role == PORT_OUTPUT)
        return index * found->num_outputs + p->number;
    return r->open.num_inputs == 1 ? 0 : index * found->num_inputs + p->number;
}

static void connect_audio(running *r, uint32_t index, uint32_t first_frame)
{
    for (uint32_t i = 0; i < r->plugin->num_ports; i++) {
        const port *p = &r->plugin->ports[i];
        if (p->role != PORT_INPUT && p->role != PORT_OUTPUT)
            continue;
        const uint32_t lane = lane_of(r, index, p);
        const size_t at = p->role == PORT_INPUT ? mxd_lv2_input_at(&r->open, lane) : mxd_lv2_output_at(&r->open, lane);
        lilv_instance_connect_port(r->instances[index].lilv, i, r->shared->samples + at + first_frame);
    }
}

/* All but audio, once and for all. */
static void connect_rest(running *r, instance *state)
{
    for (uint32_t i = 0; i < r->plugin->num_ports; i++) {
        void *data = NULL;
        switch (r->plugin->ports[i].role) {
        case PORT_INPUT:
        case PORT_OUTPUT:
            continue;
        case PORT_IGNORED:
            break;
        case PORT_SIDE_CHAIN:
        case PORT_CV_IN:
            data = r->silence;
            break;
        case PORT_CV_OUT:
            data = r->unheard;
            break;
        case PORT_PARAMETER:
            data = &state->controls[r->plugin->ports[i].number];
            break;
        case PORT_FREEWHEELING:
            data = &r->freewheeling;
            break;
        case PORT_CONTROL_OUT:
            data = &state->outputs[i];
            break;
        case PORT_LATENCY:
            data = &state->latency;
            break;
        case PORT_ATOM_IN:
        case PORT_ATOM_OUT:
            data = state->atoms[i];
            break;
        }
        lilv_instance_connect_port(state->lilv, i, data);
    }
}

/* Inputs become empty sequences; outputs say how much they can hold (atom extension, AtomPort). */
static void clear_atoms(const found_plugin *plugin, instance *state)
{
    for (uint32_t i = 0; i < plugin->num_ports; i++) {
        LV2_Atom_Sequence *sequence = state->atoms[i];
        if (!sequence)
            continue;
        const bool input = plugin->ports[i].role == PORT_ATOM_IN;
        sequence->atom.type = features_urid(input ? LV2_ATOM__Sequence : LV2_ATOM__Chunk);
        sequence->atom.size = input ? (uint32_t)sizeof sequence->body
                                    : plugin->ports[i].atom_bytes - (uint32_t)sizeof sequence->atom;
        sequence->body.unit = 0; /* frames */
        sequence->body.pad = 0;
    }
}

static bool make_buffers(const found_plugin *plugin, instance *state, const float *values)
{
    const size_t count = plugin->num_ports ? plugin->num_ports : 1;
    state->controls = calloc(count, sizeof *state->controls);
    state->outputs = calloc(count, sizeof *state->outputs);
    state->atoms = calloc(count, sizeof *state->atoms);
    if (!state->controls || !state->outputs || !state->atoms)
        return fail_with("memory ran out");
    memcpy(state->controls, values, plugin->found.num_parameters * sizeof *values);
    for (uint32_t i = 0; i < plugin->num_ports; i++)
        if (plugin->ports[i].atom_bytes && !(state->atoms[i] = calloc(1, plugin->ports[i].atom_bytes)))
            return fail_with("memory ran out");
    return true;
}

/* The state's port values are in the parameters already, under what the session says. */
static void ignore_port_value(const char *symbol, void *user, const void *value, uint32_t size, uint32_t type)
{
    (void)symbol;
    (void)user;
    (void)value;
    (void)size;
    (void)type;
}

static bool open_instance(running *r, uint32_t index, const float *values)
{
    instance *state = &r->instances[index];
    const found_plugin *plugin = r->plugin;
    uint32_t sequence_bytes = 1 << 16;
    for (uint32_t i = 0; i < plugin->num_ports; i++)
        if (plugin->ports[i].atom_bytes > sequence_bytes)
            sequence_bytes = plugin->ports[i].atom_bytes;
    if (!make_buffers(plugin, state, values))
        return false;
    features_create(&state->offered, plugin->sample_rate, r->open.run_frames, sequence_bytes);
    state->lilv = lilv_plugin_instantiate(plugin->plugin, plugin->sample_rate, state->offered.pointers);
    if (!state->lilv)
        return fail_with("could not be started at %u Hz: its library cannot be loaded, or it refuses",
                         (unsigned)plugin->sample_rate);
    state->offered.work.instance = lilv_instance_get_handle(state->lilv);
    state->offered.work.interface = lilv_instance_get_extension_data(state->lilv, LV2_WORKER__interface);
    connect_rest(r, state);
    connect_audio(r, index, 0);
    clear_atoms(plugin, state);
    if (plugin->state)
        lilv_state_restore(plugin->state, state->lilv, ignore_port_value, NULL, 0, state->offered.pointers);
    lilv_instance_activate(state->lilv);
    return true;
}

static void run_instance(running *r, uint32_t index)
{
    instance *state = &r->instances[index];
    clear_atoms(r->plugin, state);
    lilv_instance_run(state->lilv, r->open.run_frames);
    worker_deliver(&state->offered.work);
}

static uint32_t latency_of(const running *r)
{
    float most = 0.0f;
    for (uint32_t i = 0; i < r->open.num_instances; i++)
        most = r->instances[i].latency > most ? r->instances[i].latency : most;
    return most < 1e7f ? (uint32_t)(most + 0.5f) : UINT32_MAX;
}

bool run_open(const found_plugin *plugin, const mxd_lv2_wire_open *open, const float *values,
              const uint32_t *automated, mxd_lv2_shared *shared, running **out, uint32_t *latency_frames)
{
    running *r = calloc(1, sizeof *r);
    if (!r)
        return fail_with("memory ran out");
    *r = (running){.plugin = plugin, .open = *open, .automated = automated, .shared = shared, .freewheeling = 1.0f};
    r->instances = calloc(open->num_instances, sizeof *r->instances);
    r->silence = calloc(open->run_frames, sizeof *r->silence);
    r->unheard = calloc(open->run_frames, sizeof *r->unheard);
    if (!r->instances || !r->silence || !r->unheard)
        return fail_with("memory ran out");
    flush_denormals();
    for (uint32_t i = 0; i < open->num_instances; i++)
        if (!open_instance(r, i, values))
            return false;
    /* Latency is told by a run, silent here: the shared memory is still zero. Then all is forgotten. */
    for (uint32_t i = 0; i < open->num_instances; i++)
        run_instance(r, i);
    *latency_frames = latency_of(r);
    run_reset(r);
    *out = r;
    return true;
}

uint32_t run_frames(running *r, uint32_t num_runs)
{
    for (uint32_t run = 0; run < num_runs; run++) {
        atomic_store(&r->shared->run, run);
        for (uint32_t i = 0; i < r->open.num_instances; i++) {
            for (uint32_t a = 0; a < r->open.num_automated; a++)
                r->instances[i].controls[r->automated[a]] =
                    r->shared->samples[mxd_lv2_values_at(&r->open, a) + run];
            connect_audio(r, i, run * r->open.run_frames);
            run_instance(r, i);
        }
    }
    atomic_store(&r->shared->run, num_runs);
    return latency_of(r);
}

void run_reset(running *r)
{
    for (uint32_t i = 0; i < r->open.num_instances; i++) {
        lilv_instance_deactivate(r->instances[i].lilv);
        lilv_instance_activate(r->instances[i].lilv);
    }
}
