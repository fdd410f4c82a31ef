/* Builds and runs kernel cases. */
#include "kernel_cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define RATE 48000.0

const kernel_case kernel_test_cases[] = {
    /* name, kernel, signal, block, frames, rows, inputs, outputs, size, delay, flags */
    {"one frame", KERNEL_EQ, SIGNAL_IMPULSES, 256, 1, 1, 0, 0, 1, 0, 0},
    {"one lane, one section", KERNEL_EQ, SIGNAL_NOISE, 256, 127, 1, 0, 0, 1, 0, 0},
    {"one lane, eight sections", KERNEL_EQ, SIGNAL_NOISE, 1024, 8191, 1, 0, 0, 8, 0, 0},
    {"two lanes, three sections", KERNEL_EQ, SIGNAL_NOISE, 256, 129, 2, 0, 0, 3, 0, 0},
    {"seventeen lanes, varied", KERNEL_EQ, SIGNAL_NOISE, 1024, 5003, 17, 0, 0, 9, 0, CASE_VARIED},
    {"forty lanes, varied, restarts", KERNEL_EQ, SIGNAL_NOISE, 256, 2048, 40, 0, 0, 7, 0, CASE_VARIED | CASE_RESTARTS},
    {"nineteen lanes, pauses", KERNEL_EQ, SIGNAL_NOISE, 512, 4099, 19, 0, 0, 5, 0, CASE_VARIED | CASE_PAUSES | CASE_RESTARTS},
    {"most sections", KERNEL_EQ, SIGNAL_NOISE, 512, 1031, 3, 0, 0, 128, 0, 0},
    {"impulses", KERNEL_EQ, SIGNAL_IMPULSES, 2048, 4096, 5, 0, 0, 4, 0, 0},
    {"silence", KERNEL_EQ, SIGNAL_SILENCE, 256, 1000, 5, 0, 0, 4, 0, 0},
    {"denormals", KERNEL_EQ, SIGNAL_DENORMAL, 256, 1000, 5, 0, 0, 4, 0, 0},
    {"bursts", KERNEL_EQ, SIGNAL_BURSTS, 1024, 20011, 3, 0, 0, 6, 0, 0},

    {"one frame", KERNEL_CONVOLVE, SIGNAL_IMPULSES, 256, 1, 1, 1, 1, 1, 0, 0},
    {"response of one frame", KERNEL_CONVOLVE, SIGNAL_NOISE, 256, 1000, 1, 1, 1, 1, 0, 0},
    {"response of 127", KERNEL_CONVOLVE, SIGNAL_NOISE, 256, 2048, 1, 1, 2, 127, 0, 0},
    {"response of 128", KERNEL_CONVOLVE, SIGNAL_NOISE, 512, 2048, 1, 2, 1, 128, 0, 0},
    {"response of 129", KERNEL_CONVOLVE, SIGNAL_NOISE, 256, 129, 1, 2, 2, 129, 0, 0},
    {"response longer than the signal", KERNEL_CONVOLVE, SIGNAL_NOISE, 1024, 5003, 1, 1, 1, 20011, 0, 0},
    {"stereo rows, varied, delays", KERNEL_CONVOLVE, SIGNAL_NOISE, 1024, 9001, 3, 1, 2, 4999, 777, CASE_VARIED},
    {"many small rows", KERNEL_CONVOLVE, SIGNAL_NOISE, 512, 3001, 37, 1, 2, 211, 5, CASE_VARIED},
    {"true stereo, gaps", KERNEL_CONVOLVE, SIGNAL_NOISE, 2048, 16411, 1, 2, 2, 9973, 3000, CASE_GAPS},
    {"pauses and restarts", KERNEL_CONVOLVE, SIGNAL_NOISE, 512, 6007, 5, 2, 1, 1500, 64, CASE_PAUSES | CASE_RESTARTS},
    {"inputs that rest", KERNEL_CONVOLVE, SIGNAL_NOISE, 512, 6007, 3, 9, 2, 1500, 64, CASE_RESTS | CASE_PAUSES},
    {"impulses", KERNEL_CONVOLVE, SIGNAL_IMPULSES, 1024, 8192, 1, 1, 2, 3000, 0, 0},
    {"silence", KERNEL_CONVOLVE, SIGNAL_SILENCE, 512, 2000, 2, 1, 2, 700, 0, 0},
    {"denormals", KERNEL_CONVOLVE, SIGNAL_DENORMAL, 512, 2000, 1, 1, 2, 700, 0, 0},
    {"bursts", KERNEL_CONVOLVE, SIGNAL_BURSTS, 1024, 20011, 1, 2, 2, 1024, 1024, 0},
    {"512 into 24", KERNEL_CONVOLVE, SIGNAL_NOISE, 256, 700, 1, 512, 24, 97, 5, 0},
    {"a matrix of 17 into 3", KERNEL_CONVOLVE, SIGNAL_NOISE, 1024, 5003, 1, 17, 3, 2999, 100, 0},
    {"33 into 3, own responses", KERNEL_CONVOLVE, SIGNAL_NOISE, 512, 3001, 2, 33, 3, 701, 5, CASE_DENSE},
    {"one response, own gains", KERNEL_CONVOLVE, SIGNAL_NOISE, 1024, 9001, 2, 5, 7, 3001, 300, CASE_SHARED},
    {"many inputs, own gains, bursts", KERNEL_CONVOLVE, SIGNAL_BURSTS, 2048, 8192, 1, 40, 3, 5000, 0, CASE_SHARED | CASE_RESTARTS},
    {"long blocks", KERNEL_CONVOLVE, SIGNAL_NOISE, 65536, 80021, 1, 1, 2, 20011, 77, 0},
    {"a second of hall", KERNEL_CONVOLVE, SIGNAL_NOISE, 16384, 40009, 1, 1, 2, 48000, 960, 0},

    {"one frame", KERNEL_MIX, SIGNAL_IMPULSES, 256, 1, 0, 1, 1, 0, 0, 0},
    {"constant gains", KERNEL_MIX, SIGNAL_NOISE, 256, 1000, 0, 3, 2, 0, 0, 0},
    {"64 into 12, ramps", KERNEL_MIX, SIGNAL_NOISE, 4096, 9973, 0, 64, 12, 1000, 0, 0},
    {"65 into 1, jumps", KERNEL_MIX, SIGNAL_NOISE, 1024, 4099, 0, 65, 1, 101, 0, CASE_JUMPS},
    {"a point each frame", KERNEL_MIX, SIGNAL_NOISE, 256, 700, 0, 5, 3, 1, 0, 0},
    {"points at odd places", KERNEL_MIX, SIGNAL_NOISE, 512, 2047, 0, 7, 3, 127, 0, CASE_JUMPS},
    {"impulses", KERNEL_MIX, SIGNAL_IMPULSES, 1024, 4096, 0, 9, 5, 129, 0, CASE_JUMPS},
    {"silence", KERNEL_MIX, SIGNAL_SILENCE, 256, 513, 0, 9, 5, 64, 0, 0},
    {"denormals", KERNEL_MIX, SIGNAL_DENORMAL, 256, 513, 0, 9, 5, 64, 0, 0},
    {"no inputs", KERNEL_MIX, SIGNAL_NOISE, 256, 300, 0, 0, 3, 0, 0, 0},
};
const size_t num_kernel_test_cases = sizeof kernel_test_cases / sizeof *kernel_test_cases;

const kernel_case kernel_bench_cases[] = {
    {"64 lanes x 8 sections", KERNEL_EQ, SIGNAL_NOISE, 65536, 65536, 64, 0, 0, 8, 0, 0},
    {"16 lanes x 4 sections", KERNEL_EQ, SIGNAL_NOISE, 65536, 65536, 16, 0, 0, 4, 0, 0},
    {"1 lane x 8 sections", KERNEL_EQ, SIGNAL_NOISE, 65536, 65536, 1, 0, 0, 8, 0, 0},
    {"32 x 4 s stereo", KERNEL_CONVOLVE, SIGNAL_NOISE, 65536, 65536, 32, 1, 2, 192000, 0, 0},
    {"1 x 4 s mono", KERNEL_CONVOLVE, SIGNAL_NOISE, 65536, 65536, 1, 1, 1, 192000, 0, 0},
    {"64 into 2, 4 s each", KERNEL_CONVOLVE, SIGNAL_NOISE, 65536, 65536, 1, 64, 2, 192000, 0, CASE_DENSE},
    {"128 into 12, 1 s each", KERNEL_CONVOLVE, SIGNAL_NOISE, 65536, 65536, 1, 128, 12, 48000, 0, 0},
    {"matrix of 64 into 12, 1 s", KERNEL_CONVOLVE, SIGNAL_NOISE, 65536, 65536, 1, 64, 12, 48000, 0, CASE_SHARED},
    {"256 x 256 frames stereo", KERNEL_CONVOLVE, SIGNAL_NOISE, 16384, 16384, 256, 1, 2, 256, 0, 0},
    {"64 into 12, constant", KERNEL_MIX, SIGNAL_NOISE, 65536, 65536, 0, 64, 12, 0, 0, 0},
    {"64 into 12, a point each 10 ms", KERNEL_MIX, SIGNAL_NOISE, 65536, 65536, 0, 64, 12, 480, 0, 0},
};
const size_t num_kernel_bench_cases = sizeof kernel_bench_cases / sizeof *kernel_bench_cases;

struct kernel_rig {
    kernel_case test;
    uint64_t seed;
    mxd_backend *backend;
    uint32_t step;
    uint32_t num_inputs;  /* lanes read (eq: also written) */
    uint32_t num_outputs; /* lanes written */
    float *inputs;        /* num_inputs x num_frames */
    mxd_svf *sections;
    mxd_eq_row *eq_rows;
    float *responses;
    uint32_t *lanes;      /* of convolve rows */
    mxd_convolve_cell *cells;
    mxd_convolve_row *convolve_rows;
    uint32_t *rows;       /* that run in a block */
    bool *restart;
    bool *rests;
    mxd_mix_output *mix_outputs;
    mxd_mix_edge *edges;
    mxd_gain_point *points;
    uint32_t points_each; /* room for one edge's points in a block */
    float *guard;         /* pattern of one block */
    float *guards;        /* what came back: num_lanes / 2 + 1 blocks */
    mxd_upload *uploads;
    mxd_download *downloads;
};

const char *kernel_name(kernel_id kernel)
{
    static const char *const names[NUM_KERNELS] = {"eq", "convolve", "mix"};
    return names[kernel];
}

uint32_t kernel_case_num_outputs(const kernel_case *test)
{
    switch (test->kernel) {
    case KERNEL_EQ:
        return test->num_rows;
    case KERNEL_CONVOLVE:
        return test->num_rows * test->num_outputs;
    default:
        return test->num_outputs;
    }
}

uint32_t kernel_case_depth(const kernel_case *test)
{
    switch (test->kernel) {
    case KERNEL_EQ:
        return test->size;
    case KERNEL_CONVOLVE:
        return 1;
    default:
        return test->num_inputs;
    }
}

enum { STREAM_EQ = 1000000, STREAM_RESPONSE = 2000000, STREAM_GAIN = 3000000, STREAM_ROWS = 4000000 };

/* ---- Building ------------------------------------------------------------ */

/* Used lanes lie between guard lanes. */
static uint32_t input_lane(uint32_t input)
{
    return 2 * input + 1;
}

static uint32_t output_lane(const kernel_rig *rig, uint32_t output)
{
    return rig->test.kernel == KERNEL_EQ ? 2 * output + 1 : 2 * (rig->num_inputs + output) + 1;
}

static uint32_t num_lanes_used(const kernel_rig *rig)
{
    return rig->test.kernel == KERNEL_EQ ? rig->num_inputs : rig->num_inputs + rig->num_outputs;
}

static uint32_t varied(const kernel_rig *rig, uint32_t row)
{
    if (!(rig->test.flags & CASE_VARIED))
        return rig->test.size;
    return 1 + (row * 7 + rig->test.size - 1) % rig->test.size;
}

/* Bells of +6 and -6 dB in turn and a 30 Hz high-pass now and then: a cascade of any length stays near full scale. */
static mxd_svf make_section(const kernel_rig *rig, uint32_t row, uint32_t number)
{
    double octave = random_at(rig->seed, STREAM_EQ + row, 2 * number);
    double q = 1.5 + random_at(rig->seed, STREAM_EQ + row, 2 * number + 1);
    if (number % 5 == 4)
        return (mxd_svf){.g = tan(PI * 30 / RATE), .k = sqrt(2), .m0 = 1, .m1 = -sqrt(2), .m2 = -1};
    double a = number % 2 == 0 ? pow(10, 6.0 / 40) : pow(10, -6.0 / 40);
    double k = 1 / (q * a);
    return (mxd_svf){.g = tan(PI * 800 * exp2(4 * octave) / RATE), .k = k, .m0 = 1, .m1 = k * (a * a - 1)};
}

static bool build_eq(kernel_rig *rig, mxd_result *result)
{
    const kernel_case *test = &rig->test;
    rig->sections = calloc((size_t)test->num_rows * test->size, sizeof *rig->sections);
    rig->eq_rows = calloc(test->num_rows, sizeof *rig->eq_rows);
    if (!rig->sections || !rig->eq_rows)
        return false;
    for (uint32_t row = 0; row < test->num_rows; row++) {
        mxd_svf *sections = rig->sections + (size_t)row * test->size;
        for (uint32_t i = 0; i < test->size; i++)
            sections[i] = make_section(rig, row, i);
        rig->eq_rows[row] = (mxd_eq_row){input_lane(row), sections, varied(rig, row)};
    }
    *result = mxd_backend_add_eq(rig->backend, rig->eq_rows, test->num_rows, &rig->step);
    return true;
}

/* Noise that falls by 60 dB, of unit energy, so that an output is about as loud as an input. */
static void make_response(const kernel_rig *rig, uint32_t number, uint32_t num_frames, float *response)
{
    double energy = 0;
    for (uint32_t i = 0; i < num_frames; i++) {
        double value = random_at(rig->seed, STREAM_RESPONSE + number, i) * pow(10, -3.0 * i / num_frames);
        if ((rig->test.flags & CASE_GAPS) && i >= num_frames / 3 && i < num_frames / 3 * 2)
            value = 0;
        response[i] = (float)value;
        energy += value * value;
    }
    for (uint32_t i = 0; i < num_frames; i++)
        response[i] = (float)(response[i] / sqrt(energy));
}

/* Which of a row's responses lies between an input and an output. */
static uint32_t response_of(const kernel_case *test, uint32_t input, uint32_t output)
{
    if (test->flags & CASE_DENSE)
        return output * test->num_inputs + input;
    return test->flags & CASE_SHARED ? 0 : output;
}

static bool build_convolve(kernel_rig *rig, mxd_result *result)
{
    const kernel_case *test = &rig->test;
    uint32_t lanes_each = test->num_inputs + test->num_outputs;
    uint32_t cells_each = test->num_inputs * test->num_outputs;
    uint32_t responses_each = response_of(test, test->num_inputs - 1, test->num_outputs - 1) + 1;
    rig->responses = calloc((size_t)test->num_rows * responses_each * test->size, sizeof *rig->responses);
    rig->lanes = calloc((size_t)test->num_rows * lanes_each, sizeof *rig->lanes);
    rig->cells = calloc((size_t)test->num_rows * cells_each, sizeof *rig->cells);
    rig->convolve_rows = calloc(test->num_rows, sizeof *rig->convolve_rows);
    if (!rig->responses || !rig->lanes || !rig->cells || !rig->convolve_rows)
        return false;
    for (uint32_t row = 0; row < test->num_rows; row++) {
        uint32_t *lanes = rig->lanes + (size_t)row * lanes_each;
        mxd_convolve_cell *cells = rig->cells + (size_t)row * cells_each;
        uint32_t frames = varied(rig, row);
        for (uint32_t i = 0; i < test->num_inputs; i++)
            lanes[i] = input_lane(row * test->num_inputs + i);
        float *responses = rig->responses + (size_t)row * responses_each * test->size;
        for (uint32_t i = 0; i < responses_each; i++)
            make_response(rig, row * responses_each + i, frames, responses + (size_t)i * test->size);
        for (uint32_t o = 0; o < test->num_outputs; o++) {
            lanes[test->num_inputs + o] = output_lane(rig, row * test->num_outputs + o);
            for (uint32_t i = 0; i < test->num_inputs; i++)
                cells[o * test->num_inputs + i] = (mxd_convolve_cell){
                    .input = i,
                    .output = o,
                    .response = responses + (size_t)response_of(test, i, o) * test->size,
                    .num_frames = frames,
                    .delay_frames = (o + i) % 2 ? test->delay_frames : 0,
                    .gain = (i % 2 ? -0.5 : 1.0) * (test->flags & CASE_SHARED ? 1 / (1.0 + o) : 1),
                };
        }
        rig->convolve_rows[row] = (mxd_convolve_row){lanes, test->num_inputs, lanes + test->num_inputs,
                                                     test->num_outputs, cells, cells_each};
    }
    *result = mxd_backend_add_convolve(rig->backend, rig->convolve_rows, test->num_rows, &rig->step);
    return true;
}

static bool build_mix(kernel_rig *rig, mxd_result *result)
{
    const kernel_case *test = &rig->test;
    uint32_t num_edges = test->num_inputs * test->num_outputs;
    /* A point at either end, and two for each place between, which may jump. */
    rig->points_each = 2 + (test->size ? 2 * (test->block_frames / test->size + 1) : 0);
    rig->mix_outputs = calloc(test->num_outputs, sizeof *rig->mix_outputs);
    rig->edges = calloc(num_edges + 1, sizeof *rig->edges);
    rig->points = calloc((size_t)num_edges * rig->points_each + 1, sizeof *rig->points);
    if (!rig->mix_outputs || !rig->edges || !rig->points)
        return false;
    const mxd_mix_limits limits = {test->num_outputs, num_edges, num_edges * rig->points_each};
    *result = mxd_backend_add_mix(rig->backend, &limits, &rig->step);
    return true;
}

static bool build_memory(kernel_rig *rig)
{
    const kernel_case *test = &rig->test;
    uint32_t num_guards = num_lanes_used(rig) + 1;
    rig->inputs = calloc((size_t)rig->num_inputs * test->num_frames + 1, sizeof *rig->inputs);
    rig->rows = calloc(test->num_rows + 1, sizeof *rig->rows);
    rig->restart = calloc(test->num_rows + 1, sizeof *rig->restart);
    rig->rests = calloc(rig->num_inputs + 1, sizeof *rig->rests);
    rig->guard = calloc(test->block_frames, sizeof *rig->guard);
    rig->guards = calloc((size_t)num_guards * test->block_frames, sizeof *rig->guards);
    rig->uploads = calloc(rig->num_inputs + num_guards, sizeof *rig->uploads);
    rig->downloads = calloc(rig->num_outputs + num_guards, sizeof *rig->downloads);
    if (!rig->inputs || !rig->rows || !rig->restart || !rig->rests || !rig->guard || !rig->guards || !rig->uploads ||
        !rig->downloads)
        return false;
    for (uint32_t i = 0; i < rig->num_inputs; i++)
        for (uint64_t n = 0; n < test->num_frames; n++)
            rig->inputs[(size_t)i * test->num_frames + n] = signal_at(test->signal, rig->seed, i, n);
    /* Ordinary numbers: a NaN may lose its payload on its way through a double. */
    for (uint32_t n = 0; n < test->block_frames; n++)
        rig->guard[n] = (float)random_at(rig->seed, 0, n);
    return true;
}

kernel_rig *kernel_rig_create(const kernel_case *test, uint64_t seed, mxd_backend_creator *creator, uint32_t threads,
                              uint32_t device, mxd_problems *problems)
{
    kernel_rig *rig = calloc(1, sizeof *rig);
    if (!rig)
        return NULL;
    rig->test = *test;
    rig->seed = seed;
    rig->num_outputs = kernel_case_num_outputs(test);
    rig->num_inputs = test->kernel == KERNEL_EQ         ? test->num_rows
                      : test->kernel == KERNEL_CONVOLVE ? test->num_rows * test->num_inputs
                                                        : test->num_inputs;
    const mxd_backend_params params = {
        .num_lanes = 2 * num_lanes_used(rig) + 1,
        .block_frames = test->block_frames,
        .num_threads = threads,
        .device = device,
        .blocks_in_flight = 1,
    };
    mxd_result result = mxd_backend_create_with(creator, &params, problems, &rig->backend);
    if (result != MXD_OK || !build_memory(rig))
        goto fail;
    bool built = test->kernel == KERNEL_EQ         ? build_eq(rig, &result)
                 : test->kernel == KERNEL_CONVOLVE ? build_convolve(rig, &result)
                                                   : build_mix(rig, &result);
    if (!built || result != MXD_OK || mxd_backend_prepare(rig->backend) != MXD_OK)
        goto fail;
    return rig;
fail:
    kernel_rig_destroy(rig);
    return NULL;
}

void kernel_rig_destroy(kernel_rig *rig)
{
    if (!rig)
        return;
    mxd_backend_destroy(rig->backend);
    free(rig->inputs);
    free(rig->sections);
    free(rig->eq_rows);
    free(rig->responses);
    free(rig->lanes);
    free(rig->cells);
    free(rig->convolve_rows);
    free(rig->rows);
    free(rig->restart);
    free(rig->rests);
    free(rig->mix_outputs);
    free(rig->edges);
    free(rig->points);
    free(rig->guard);
    free(rig->guards);
    free(rig->uploads);
    free(rig->downloads);
    free(rig);
}

mxd_backend *kernel_rig_backend(const kernel_rig *rig)
{
    return rig->backend;
}

const float *kernel_rig_input(const kernel_rig *rig, uint32_t input)
{
    return rig->inputs + (size_t)input * rig->test.num_frames;
}

const mxd_eq_row *kernel_rig_eq_row(const kernel_rig *rig, uint32_t row)
{
    return &rig->eq_rows[row];
}

const mxd_convolve_row *kernel_rig_convolve_row(const kernel_rig *rig, uint32_t row)
{
    return &rig->convolve_rows[row];
}

/* ---- Curves of the mix --------------------------------------------------- */

/* The gain on either side of place `place` (frame place * size): its two values differ where curves jump. */
static double gain_of_place(const kernel_rig *rig, uint32_t edge, uint64_t place, bool after)
{
    bool jumps = (rig->test.flags & CASE_JUMPS) && place % 3 == 1;
    return random_at(rig->seed, STREAM_GAIN + edge, 2 * place + (jumps && after));
}

double kernel_rig_gain(const kernel_rig *rig, uint32_t output, uint32_t input, uint64_t frame)
{
    uint32_t edge = output * rig->test.num_inputs + input;
    uint32_t size = rig->test.size;
    if (size == 0)
        return gain_of_place(rig, edge, 0, true);
    double from = gain_of_place(rig, edge, frame / size, true);
    double to = gain_of_place(rig, edge, frame / size + 1, false);
    return from + (to - from) * (double)(frame % size) / size;
}

/* The points of one edge within a block that begins at frame `at`. Returns their number. */
static uint32_t list_points(const kernel_rig *rig, uint32_t edge, uint64_t at, uint32_t num_frames,
                            mxd_gain_point *points)
{
    uint32_t size = rig->test.size, count = 0;
    uint32_t output = edge / rig->test.num_inputs, input = edge % rig->test.num_inputs;
    points[count++] = (mxd_gain_point){0, kernel_rig_gain(rig, output, input, at)};
    if (size == 0)
        return count;
    for (uint64_t place = at / size + 1; place * size < at + num_frames; place++) {
        uint32_t frame = (uint32_t)(place * size - at);
        points[count++] = (mxd_gain_point){frame, gain_of_place(rig, edge, place, false)};
        points[count++] = (mxd_gain_point){frame, gain_of_place(rig, edge, place, true)};
    }
    /* The end of the block, seen from before it. */
    uint64_t end = at + num_frames;
    uint64_t place = (end - 1) / size;
    double from = gain_of_place(rig, edge, place, true);
    double to = gain_of_place(rig, edge, place + 1, false);
    points[count++] = (mxd_gain_point){num_frames, from + (to - from) * (double)(end - place * size) / size};
    return count;
}

static void list_mix(kernel_rig *rig, uint64_t at, uint32_t num_frames, mxd_mix_run *mix)
{
    const kernel_case *test = &rig->test;
    uint32_t num_points = 0;
    for (uint32_t o = 0; o < test->num_outputs; o++) {
        rig->mix_outputs[o] = (mxd_mix_output){output_lane(rig, o), o * test->num_inputs, test->num_inputs};
        for (uint32_t i = 0; i < test->num_inputs; i++) {
            uint32_t edge = o * test->num_inputs + i;
            uint32_t count = list_points(rig, edge, at, num_frames, rig->points + num_points);
            rig->edges[edge] = (mxd_mix_edge){input_lane(i), num_points, count};
            num_points += count;
        }
    }
    *mix = (mxd_mix_run){rig->mix_outputs, test->num_outputs, rig->edges,
                         test->num_inputs * test->num_outputs, rig->points, num_points};
}

/* ---- Running ------------------------------------------------------------- */

static bool draw(const kernel_rig *rig, uint64_t block, uint32_t row, uint32_t what)
{
    return random_at(rig->seed, STREAM_ROWS + row, 2 * block + what) > 0.3;
}

/* Returns the number of rows that run in the block. */
static uint32_t list_rows(kernel_rig *rig, uint64_t block)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < rig->test.num_rows; row++) {
        if ((rig->test.flags & CASE_PAUSES) && draw(rig, block, row, 0))
            continue;
        rig->restart[count] = (rig->test.flags & CASE_RESTARTS) && draw(rig, block, row, 1);
        for (uint32_t i = 0; i < rig->test.num_inputs && (rig->test.flags & CASE_RESTS); i++)
            rig->rests[count * rig->test.num_inputs + i] = draw(rig, block, 100 + row * rig->test.num_inputs + i, 1);
        rig->rows[count++] = row;
    }
    return count;
}

static bool row_runs(const kernel_rig *rig, uint32_t num_rows, uint32_t output)
{
    if (rig->test.kernel == KERNEL_MIX)
        return true;
    uint32_t row = rig->test.kernel == KERNEL_EQ ? output : output / rig->test.num_outputs;
    for (uint32_t i = 0; i < num_rows; i++)
        if (rig->rows[i] == row)
            return true;
    return false;
}

static mxd_result run_block(kernel_rig *rig, uint64_t at, uint32_t num_frames, float *outputs)
{
    const kernel_case *test = &rig->test;
    uint32_t num_guards = num_lanes_used(rig) + 1;
    mxd_block block = {.num_frames = num_frames, .uploads = rig->uploads, .num_runs = 1, .downloads = rig->downloads};
    for (uint32_t i = 0; i < rig->num_inputs; i++)
        rig->uploads[block.num_uploads++] = (mxd_upload){
            .lane = input_lane(i), .frames = kernel_rig_input(rig, i) + at, .num_channels = 1, .gain = 1.0};
    for (uint32_t i = 0; i < num_guards; i++) {
        rig->uploads[block.num_uploads++] = (mxd_upload){
            .lane = 2 * i, .frames = rig->guard, .num_channels = 1, .gain = 1.0};
        rig->downloads[block.num_downloads++] =
            (mxd_download){2 * i, rig->guards + (size_t)i * test->block_frames};
    }
    mxd_mix_run mix;
    mxd_step_run run = {.step = rig->step, .rows = rig->rows, .restart = rig->restart};
    if (test->kernel == KERNEL_MIX) {
        list_mix(rig, at, num_frames, &mix);
        run = (mxd_step_run){.step = rig->step, .mix = &mix};
    } else {
        run.num_rows = list_rows(rig, at / test->block_frames);
        run.rests = test->flags & CASE_RESTS ? rig->rests : NULL;
    }
    for (uint32_t i = 0; i < rig->num_outputs; i++)
        if (row_runs(rig, run.num_rows, i))
            rig->downloads[block.num_downloads++] =
                (mxd_download){output_lane(rig, i), outputs + (size_t)i * test->num_frames + at};
    block.runs = &run;
    uint64_t ticket;
    mxd_result result = mxd_backend_submit(rig->backend, &block, &ticket);
    return result == MXD_OK ? mxd_backend_wait(rig->backend, ticket) : result;
}

static bool guards_kept(const kernel_rig *rig, uint32_t num_frames)
{
    for (uint32_t i = 0; i < num_lanes_used(rig) + 1; i++)
        if (memcmp(rig->guard, rig->guards + (size_t)i * rig->test.block_frames, num_frames * sizeof(float)) != 0)
            return false;
    return true;
}

mxd_result kernel_rig_run(kernel_rig *rig, float *outputs, bool *guards_hold)
{
    const kernel_case *test = &rig->test;
    memset(outputs, 0, (size_t)rig->num_outputs * test->num_frames * sizeof *outputs);
    if (guards_hold)
        *guards_hold = true;
    for (uint64_t at = 0; at < test->num_frames; at += test->block_frames) {
        uint64_t left = test->num_frames - at;
        uint32_t num_frames = left < test->block_frames ? (uint32_t)left : test->block_frames;
        mxd_result result = run_block(rig, at, num_frames, outputs);
        if (result != MXD_OK)
            return result;
        if (guards_hold && !guards_kept(rig, num_frames))
            *guards_hold = false;
    }
    return MXD_OK;
}

mxd_result kernel_rig_repeat(kernel_rig *rig)
{
    mxd_mix_run mix;
    mxd_step_run run = {.step = rig->step, .rows = rig->rows};
    if (rig->test.kernel == KERNEL_MIX) {
        list_mix(rig, 0, rig->test.block_frames, &mix);
        run = (mxd_step_run){.step = rig->step, .mix = &mix};
    } else {
        run.num_rows = list_rows(rig, 0);
    }
    for (uint32_t i = 0; i < rig->num_inputs; i++)
        rig->uploads[i] = (mxd_upload){
            .lane = input_lane(i), .frames = kernel_rig_input(rig, i), .num_channels = 1, .gain = 1.0};
    rig->downloads[0] = (mxd_download){output_lane(rig, 0), rig->guards};
    const mxd_block block = {
        .num_frames = rig->test.block_frames,
        .uploads = rig->uploads,
        .num_uploads = rig->num_inputs,
        .runs = &run,
        .num_runs = 1,
        .downloads = rig->downloads,
        .num_downloads = 1,
    };
    uint64_t ticket;
    mxd_result result = mxd_backend_submit(rig->backend, &block, &ticket);
    return result == MXD_OK ? mxd_backend_wait(rig->backend, ticket) : result;
}
