/*
 * The Vulkan backend against plain loops in double: kernels at awkward sizes,
 * state over block borders, blocks in flight, lowered limits, no device, no
 * memory. Runs on the first usable device; skips where there is none.
 * MXD_VULKAN_DEVICE=N chooses another.
 *
 * Under the validation layer (VK_INSTANCE_LAYERS) any error message fails the
 * submit, the wait or the prepare that it came from, and so the test.
 */
#include "host/vulkan/vulkan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RATE 48000.0
#define PI 3.14159265358979323846

static const char *program_name; /* test_no_driver runs it again */

/* ---- Helpers ------------------------------------------------------------- */

static uint32_t find_device(void)
{
    mxd_vulkan_device devices[8];
    uint32_t count = mxd_vulkan_devices(devices, 8);
    const char *wanted = getenv("MXD_VULKAN_DEVICE");
    for (uint32_t i = 0; i < count && i < 8; i++)
        if (devices[i].usable && (!wanted || (uint32_t)atoi(wanted) == i))
            return i;
    print_message("no usable Vulkan device: install a driver (mesa-vulkan-drivers has one for the CPU)\n");
    skip();
    return 0;
}

static void print_problems(const mxd_problems *problems)
{
    for (size_t i = 0; i < mxd_problems_count(problems); i++)
        print_message("  %s\n", mxd_problems_get(problems, i)->text);
}

#define ASSERT_OK(problems, call)                                 \
    do {                                                          \
        mxd_result result_ = (call);                              \
        if (result_ != MXD_OK) {                                  \
            print_message("%s: result %d\n", #call, (int)result_); \
            print_problems(problems);                             \
        }                                                         \
        assert_int_equal(result_, MXD_OK);                        \
    } while (0)

static mxd_backend *create(mxd_problems *problems, uint32_t num_lanes, uint32_t block_frames, uint32_t in_flight)
{
    const mxd_backend_params params = {
        .num_lanes = num_lanes,
        .block_frames = block_frames,
        .device = find_device(),
        .blocks_in_flight = in_flight,
    };
    mxd_backend *backend = NULL;
    ASSERT_OK(problems, mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &backend));
    return backend;
}

/* Destroys both; errors that came up while destroying (leaks under validation) fail the test. */
static void finish(mxd_problems *problems, mxd_backend *backend)
{
    mxd_backend_destroy(backend);
    if (mxd_problems_have_errors(problems))
        print_problems(problems);
    assert_false(mxd_problems_have_errors(problems));
    mxd_problems_destroy(problems);
}

/* xorshift64* (Vigna 2016), uniform in -1..1. */
static float noise(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (float)((double)((*state * 2685821657736338717ull) >> 40) / 8388608.0 - 1.0);
}

static float *new_floats(size_t count)
{
    float *floats = calloc(count, sizeof *floats);
    assert_non_null(floats);
    return floats;
}

static double *new_doubles(size_t count)
{
    double *doubles = calloc(count, sizeof *doubles);
    assert_non_null(doubles);
    return doubles;
}

static double to_db(double ratio)
{
    return ratio > 0 ? 20.0 * log10(ratio) : -999.0;
}

static double peak_error(const float *is, const double *should, size_t count)
{
    double peak = 0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)is[i] - should[i]);
        if (!(error <= peak))
            peak = error; /* NaN stays */
    }
    return peak;
}

/* ---- eq ------------------------------------------------------------------ */

static mxd_svf bell(double frequency_hz, double q, double gain_db)
{
    double a = pow(10.0, gain_db / 40.0);
    double k = 1.0 / (q * a);
    return (mxd_svf){.g = tan(PI * frequency_hz / RATE), .k = k, .m0 = 1.0, .m1 = k * (a * a - 1.0)};
}

static mxd_svf low_pass(double frequency_hz, double q)
{
    return (mxd_svf){.g = tan(PI * frequency_hz / RATE), .k = 1.0 / q, .m2 = 1.0};
}

static mxd_svf high_pass(double frequency_hz, double q)
{
    return (mxd_svf){.g = tan(PI * frequency_hz / RATE), .k = 1.0 / q, .m0 = 1.0, .m1 = -1.0 / q, .m2 = -1.0};
}

/* The trapezoidal state-variable filter in its textbook form, which shares nothing with the delta form. */
static void filter(const mxd_svf *svf, double *samples, size_t count)
{
    double a1 = 1.0 / (1.0 + svf->g * (svf->g + svf->k));
    double a2 = svf->g * a1;
    double a3 = svf->g * a2;
    double s1 = 0, s2 = 0;
    for (size_t i = 0; i < count; i++) {
        double v3 = samples[i] - s2;
        double v1 = a1 * s1 + a2 * v3;
        double v2 = s2 + a2 * s1 + a3 * v3;
        s1 = 2.0 * v1 - s1;
        s2 = 2.0 * v2 - s2;
        samples[i] = svf->m0 * samples[i] + svf->m1 * v1 + svf->m2 * v2;
    }
}

#define EQ_LANES 5

/* Runs num_frames of noise through EQ_LANES cascades in blocks; returns the worst peak error relative to full scale. */
static double run_eq(uint32_t block_frames, uint32_t num_frames, uint32_t in_flight, float *outputs)
{
    const mxd_svf sections[EQ_LANES][4] = {
        {bell(1000, 1, 6)},
        {high_pass(20, 0.7071), low_pass(18000, 0.7071)},
        {bell(60, 4, -9), bell(250, 1, 3), bell(4000, 2, -4), bell(12000, 0.7, 5)},
        {low_pass(200, 0.7071), low_pass(200, 0.7071), bell(100, 1, 2)},
        {high_pass(80, 0.7071), bell(3000, 1, 2.5)},
    };
    const uint32_t num_sections[EQ_LANES] = {1, 2, 4, 3, 2};
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = create(problems, EQ_LANES + 1, block_frames, in_flight);
    mxd_eq_row rows[EQ_LANES];
    for (uint32_t i = 0; i < EQ_LANES; i++)
        rows[i] = (mxd_eq_row){.lane = EQ_LANES - i, .sections = sections[i], .num_sections = num_sections[i]};
    uint32_t step;
    ASSERT_OK(problems, mxd_backend_add_eq(backend, rows, EQ_LANES, &step));
    ASSERT_OK(problems, mxd_backend_prepare(backend));

    float *inputs = new_floats((size_t)EQ_LANES * num_frames);
    uint64_t seed = 1234567;
    for (size_t i = 0; i < (size_t)EQ_LANES * num_frames; i++)
        inputs[i] = 0.5f * noise(&seed);
    const uint32_t all_rows[EQ_LANES] = {0, 1, 2, 3, 4};
    uint64_t tickets[8] = {0};
    uint32_t submitted = 0, waited = 0;
    for (uint32_t at = 0; at < num_frames; at += block_frames) {
        uint32_t count = num_frames - at < block_frames ? num_frames - at : block_frames;
        mxd_upload uploads[EQ_LANES];
        mxd_download downloads[EQ_LANES];
        for (uint32_t i = 0; i < EQ_LANES; i++) {
            uploads[i] = (mxd_upload){.num_channels = 1, .gain = 1.0, .lane = rows[i].lane, .frames = inputs + (size_t)i * num_frames + at};
            downloads[i] = (mxd_download){.lane = rows[i].lane, .frames = outputs + (size_t)i * num_frames + at};
        }
        const mxd_step_run run = {.step = step, .rows = all_rows, .num_rows = EQ_LANES};
        const mxd_block block = {
            .num_frames = count, .uploads = uploads, .num_uploads = EQ_LANES, .runs = &run, .num_runs = 1,
            .downloads = downloads, .num_downloads = EQ_LANES,
        };
        if (submitted - waited == in_flight)
            ASSERT_OK(problems, mxd_backend_wait(backend, tickets[waited++ % 8]));
        ASSERT_OK(problems, mxd_backend_submit(backend, &block, &tickets[submitted++ % 8]));
    }
    while (waited < submitted)
        ASSERT_OK(problems, mxd_backend_wait(backend, tickets[waited++ % 8]));

    double worst = 0;
    double *should = new_doubles(num_frames);
    for (uint32_t i = 0; i < EQ_LANES; i++) {
        for (uint32_t n = 0; n < num_frames; n++)
            should[n] = inputs[(size_t)i * num_frames + n];
        for (uint32_t j = 0; j < num_sections[i]; j++)
            filter(&sections[i][j], should, num_frames);
        double error = peak_error(outputs + (size_t)i * num_frames, should, num_frames);
        if (!(error <= worst))
            worst = error;
    }
    free(should);
    free(inputs);
    finish(problems, backend);
    return worst;
}

/*
 * Tolerance: an output sample is a handful of float32 roundings (2^-25 of values up to 2 or so) a section, and the
 * states' roundings pass through the filter like noise: -130 dBFS = 3.2e-7 = 5 half-ulps of one.
 */
static void test_eq(void **state)
{
    (void)state;
    const uint32_t sizes[][2] = {{256, 1}, {256, 127}, {256, 128}, {256, 129}, {256, 1031}, {1024, 3000},
                                 {8192, 8191}, {8192, 20011}, {65536, 48000}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float *outputs = new_floats((size_t)EQ_LANES * sizes[i][1]);
        double error = run_eq(sizes[i][0], sizes[i][1], 1, outputs);
        print_message("eq: block %u, %u frames: %.1f dBFS\n", sizes[i][0], sizes[i][1], to_db(error));
        assert_true(error <= 3.2e-7);
        free(outputs);
    }
}

static void test_blocks_in_flight(void **state)
{
    (void)state;
    const uint32_t num_frames = 20011;
    float *one = new_floats((size_t)EQ_LANES * num_frames);
    float *many = new_floats((size_t)EQ_LANES * num_frames);
    run_eq(2048, num_frames, 1, one);
    for (uint32_t in_flight = 1; in_flight <= 4; in_flight++) { /* each with three submissions a block, and with one */
        for (uint32_t split = 0; split < 2; split++) {
            assert_int_equal(setenv("MXD_VULKAN_QUEUES", split ? "split" : "one", 1), 0);
            assert_int_equal(setenv("MXD_VULKAN_STAGING", split ? "copy" : "", 1), 0);
            memset(many, 0, (size_t)EQ_LANES * num_frames * sizeof *many);
            run_eq(2048, num_frames, in_flight, many);
            assert_memory_equal(one, many, (size_t)EQ_LANES * num_frames * sizeof *one);
        }
    }
    unsetenv("MXD_VULKAN_QUEUES");
    unsetenv("MXD_VULKAN_STAGING");
    free(one);
    free(many);
}

/* ---- mix ----------------------------------------------------------------- */

#define MIX_INPUTS 64
#define MIX_OUTPUTS 3

static double gain_at(const mxd_gain_point *points, uint32_t num_points, uint32_t frame)
{
    uint32_t i = 0;
    while (i + 1 < num_points && points[i + 1].frame <= frame)
        i++;
    if (i + 1 == num_points)
        return points[i].gain;
    double span = (double)(points[i + 1].frame - points[i].frame);
    return points[i].gain + (points[i + 1].gain - points[i].gain) * (double)(frame - points[i].frame) / span;
}

/* Curves of edge e: constant, ramp, many points, with jumps. Returns the number of points. */
static uint32_t make_curve(uint32_t e, uint32_t num_frames, uint64_t *seed, mxd_gain_point *points)
{
    points[0] = (mxd_gain_point){.gain = noise(seed)};
    if (e % 4 == 0)
        return 1;
    if (e % 4 == 1) {
        points[1] = (mxd_gain_point){.frame = num_frames, .gain = noise(seed)};
        return 2;
    }
    uint32_t count = 1;
    uint32_t frame = e % 3; /* 0: a jump at the start */
    while (count < 16 && frame <= num_frames) {
        points[count++] = (mxd_gain_point){.frame = frame, .gain = noise(seed)};
        frame += e % 5 == 2 && count % 2 == 0 ? 0 : 1 + (uint32_t)(fabsf(noise(seed)) * (float)num_frames / 8.0f);
    }
    return count;
}

static double run_mix(uint32_t block_frames, uint32_t num_frames)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = create(problems, MIX_INPUTS + MIX_OUTPUTS + 1, block_frames, 1);
    const mxd_mix_limits limits = {MIX_OUTPUTS, MIX_INPUTS + 1, 16 * (MIX_INPUTS + 1)};
    uint32_t step;
    ASSERT_OK(problems, mxd_backend_add_mix(backend, &limits, &step));
    ASSERT_OK(problems, mxd_backend_prepare(backend));

    uint64_t seed = 99;
    float *inputs = new_floats((size_t)MIX_INPUTS * num_frames);
    float *outputs = new_floats((size_t)MIX_OUTPUTS * num_frames);
    mxd_upload uploads[MIX_INPUTS + 1];
    mxd_mix_edge edges[MIX_INPUTS + 1];
    mxd_gain_point points[16 * (MIX_INPUTS + 1)];
    uint32_t num_points = 0;
    for (uint32_t i = 0; i < MIX_INPUTS; i++) {
        for (uint32_t n = 0; n < num_frames; n++)
            inputs[(size_t)i * num_frames + n] = noise(&seed);
        uploads[i] = (mxd_upload){.num_channels = 1, .gain = 1.0, .lane = i, .frames = inputs + (size_t)i * num_frames};
        edges[i] = (mxd_mix_edge){.input_lane = i, .first_point = num_points};
        edges[i].num_points = make_curve(i, num_frames, &seed, points + num_points);
        num_points += edges[i].num_points;
    }
    /* The last lane is silence; the last edge takes the first part of another's curve. */
    uploads[MIX_INPUTS] = (mxd_upload){.lane = MIX_INPUTS + MIX_OUTPUTS};
    edges[MIX_INPUTS] = (mxd_mix_edge){.input_lane = 5, .first_point = edges[2].first_point, .num_points = 2};
    /* All edges; one edge and silence; none. */
    const mxd_mix_output mixes[MIX_OUTPUTS] = {
        {.lane = MIX_INPUTS + 1, .first_edge = 0, .num_edges = MIX_INPUTS},
        {.lane = MIX_INPUTS, .first_edge = MIX_INPUTS, .num_edges = 1},
        {.lane = MIX_INPUTS + 2},
    };
    const mxd_mix_run mix = {.outputs = mixes, .num_outputs = MIX_OUTPUTS, .edges = edges,
                             .num_edges = MIX_INPUTS + 1, .points = points, .num_points = num_points};
    const mxd_step_run run = {.step = step, .mix = &mix};
    mxd_download downloads[MIX_OUTPUTS];
    for (uint32_t i = 0; i < MIX_OUTPUTS; i++)
        downloads[i] = (mxd_download){.lane = mixes[i].lane, .frames = outputs + (size_t)i * num_frames};
    const mxd_block block = {.num_frames = num_frames, .uploads = uploads, .num_uploads = MIX_INPUTS + 1,
                             .runs = &run, .num_runs = 1, .downloads = downloads, .num_downloads = MIX_OUTPUTS};
    uint64_t ticket;
    ASSERT_OK(problems, mxd_backend_submit(backend, &block, &ticket));
    ASSERT_OK(problems, mxd_backend_wait(backend, ticket));

    double worst = 0;
    double *should = new_doubles(num_frames);
    for (uint32_t o = 0; o < MIX_OUTPUTS; o++) {
        memset(should, 0, num_frames * sizeof *should);
        for (uint32_t e = mixes[o].first_edge; e < mixes[o].first_edge + mixes[o].num_edges; e++)
            for (uint32_t n = 0; n < num_frames; n++)
                should[n] += gain_at(points + edges[e].first_point, edges[e].num_points, n) *
                             inputs[(size_t)edges[e].input_lane * num_frames + n];
        double error = peak_error(outputs + (size_t)o * num_frames, should, num_frames);
        if (!(error <= worst))
            worst = error;
    }
    free(should);
    free(inputs);
    free(outputs);
    finish(problems, backend);
    return worst;
}

/*
 * Tolerance: products, gains and sums keep what they lose, so what is left is the last rounding: half an ulp of sums
 * up to 16 (64 uncorrelated full-scale edges), 2^-21 = -126.4 dBFS; a quarter more for the gains' third parts.
 */
static void test_mix(void **state)
{
    (void)state;
    const uint32_t sizes[][2] = {{256, 1}, {256, 127}, {256, 128}, {256, 129}, {1024, 1021}, {16384, 16384}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double error = run_mix(sizes[i][0], sizes[i][1]);
        print_message("mix: block %u, %u frames: %.1f dBFS\n", sizes[i][0], sizes[i][1], to_db(error));
        assert_true(error <= 1.25 * ldexp(1.0, -21));
    }
}

/* ---- convolve ------------------------------------------------------------ */

/* One matrix of two inputs and three outputs: shared, delayed, scaled and gappy responses; the last output is silence. */
#define CONVOLVE_INPUTS 2
#define CONVOLVE_OUTPUTS 3
#define CONVOLVE_CELLS 4

typedef struct convolve_case {
    uint32_t block_frames;
    uint32_t num_frames;
    uint32_t response_frames;
    uint32_t delay_frames;
    uint32_t restart_block; /* 0 = none */
    uint32_t in_flight;
} convolve_case;

/* The input's sample n, as far as a restart at frame `start` lets through. */
static double heard(const float *input, int64_t n, int64_t start)
{
    return n >= start ? (double)input[n] : 0.0;
}

static double should_be(const mxd_convolve_cell *cells, uint32_t output, const float *inputs, uint32_t num_frames,
                        uint32_t n, uint32_t start)
{
    double sum = 0;
    for (uint32_t c = 0; c < CONVOLVE_CELLS; c++) {
        if (cells[c].output != output)
            continue;
        const float *input = inputs + (size_t)cells[c].input * num_frames;
        double path = 0;
        for (uint32_t i = 0; i < cells[c].num_frames; i++)
            path += cells[c].response[i] * heard(input, (int64_t)n - cells[c].delay_frames - i, start);
        sum += cells[c].gain * path;
    }
    return sum;
}

static void run_convolve(const convolve_case *c, float *inputs, mxd_convolve_cell *cells, float *outputs)
{
    const uint32_t in_lanes[CONVOLVE_INPUTS] = {4, 1};
    const uint32_t out_lanes[CONVOLVE_OUTPUTS] = {0, 2, 3};
    const mxd_convolve_row row = {
        .inputs = in_lanes, .num_inputs = CONVOLVE_INPUTS, .outputs = out_lanes, .num_outputs = CONVOLVE_OUTPUTS,
        .cells = cells, .num_cells = CONVOLVE_CELLS,
    };
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = create(problems, 5, c->block_frames, c->in_flight);
    uint32_t step;
    ASSERT_OK(problems, mxd_backend_add_convolve(backend, &row, 1, &step));
    ASSERT_OK(problems, mxd_backend_prepare(backend));
    uint64_t tickets[MXD_VULKAN_MAX_SLOTS] = {0};
    uint32_t block_number = 0;
    for (uint32_t at = 0; at < c->num_frames; at += c->block_frames, block_number++) {
        uint32_t count = c->num_frames - at < c->block_frames ? c->num_frames - at : c->block_frames;
        mxd_upload uploads[CONVOLVE_INPUTS];
        mxd_download downloads[CONVOLVE_OUTPUTS];
        for (uint32_t i = 0; i < CONVOLVE_INPUTS; i++)
            uploads[i] = (mxd_upload){.num_channels = 1, .gain = 1.0, .lane = in_lanes[i], .frames = inputs + (size_t)i * c->num_frames + at};
        for (uint32_t i = 0; i < CONVOLVE_OUTPUTS; i++)
            downloads[i] = (mxd_download){.lane = out_lanes[i], .frames = outputs + (size_t)i * c->num_frames + at};
        const uint32_t rows = 0;
        const bool restart = c->restart_block > 0 && block_number == c->restart_block;
        const mxd_step_run run = {.step = step, .rows = &rows, .restart = &restart, .num_rows = 1};
        const mxd_block block = {
            .num_frames = count, .uploads = uploads, .num_uploads = CONVOLVE_INPUTS, .runs = &run, .num_runs = 1,
            .downloads = downloads, .num_downloads = CONVOLVE_OUTPUTS,
        };
        if (block_number >= c->in_flight)
            ASSERT_OK(problems, mxd_backend_wait(backend, tickets[block_number % c->in_flight]));
        ASSERT_OK(problems, mxd_backend_submit(backend, &block, &tickets[block_number % c->in_flight]));
    }
    for (uint32_t i = block_number >= c->in_flight ? block_number - c->in_flight : 0; i < block_number; i++)
        ASSERT_OK(problems, mxd_backend_wait(backend, tickets[i % c->in_flight]));
    finish(problems, backend);
}

/* Error over signal, in energy, at every 7th to 200th sample. Both outputs that sound together. */
static double convolve_error(const convolve_case *c)
{
    uint64_t seed = 4242;
    float *response = new_floats(c->response_frames);
    for (uint32_t i = 0; i < c->response_frames; i++) {
        bool gap = i >= 3000 && i < 13000; /* whole partitions of zeros */
        response[i] = gap ? 0.0f : noise(&seed) * (float)exp(-3.0 * i / c->response_frames);
    }
    float *inputs = new_floats((size_t)CONVOLVE_INPUTS * c->num_frames);
    float *outputs = new_floats((size_t)CONVOLVE_OUTPUTS * c->num_frames);
    for (size_t i = 0; i < (size_t)CONVOLVE_INPUTS * c->num_frames; i++)
        inputs[i] = noise(&seed);
    mxd_convolve_cell cells[CONVOLVE_CELLS] = {
        {0, 0, response, c->response_frames, 0, 0.5},
        {1, 0, response, c->response_frames, c->delay_frames, -1.0},
        {0, 1, response, (c->response_frames + 1) / 2, c->delay_frames, 2.0},
        {1, 1, response, c->response_frames, 0, 0.5},
    };
    run_convolve(c, inputs, cells, outputs);
    double noise_energy = 0, energy = 0;
    uint32_t start = c->restart_block * c->block_frames;
    uint32_t stride = c->num_frames * (uint64_t)c->response_frames > 20000000 ? 199 : 7;
    for (uint32_t o = 0; o < 2; o++) {
        for (uint32_t n = 0; n < c->num_frames; n += n + stride < c->num_frames ? stride : 1) {
            double should = should_be(cells, o, inputs, c->num_frames, n, n < start ? 0 : start);
            double error = outputs[(size_t)o * c->num_frames + n] - should;
            noise_energy += error * error;
            energy += should * should;
        }
    }
    for (uint32_t n = 0; n < c->num_frames; n++)
        assert_true(outputs[2 * (size_t)c->num_frames + n] == 0.0f);
    free(response);
    free(inputs);
    free(outputs);
    return sqrt(noise_energy / energy);
}

/*
 * Tolerance: a transform of 2^12 points rounds 12 times, each about 2^-25 of the signal's energy: -138 dB; two of
 * them and the response's rounding, then sums over 16 and again over the rest of the partitions: -130 dB.
 */
static void test_convolve(void **state)
{
    (void)state;
    const convolve_case cases[] = {
        {256, 1, 1, 0, 0, 1}, {256, 127, 128, 1, 0, 1}, {256, 2000, 300, 129, 0, 4}, {512, 3001, 513, 0, 3, 3},
        {1024, 5000, 2000, 1023, 0, 2}, {2048, 9001, 127, 5000, 2, 4}, {4096, 16384, 20011, 4097, 0, 3},
        {16384, 50000, 20011, 333, 1, 2}, {65536, 65536, 129, 0, 0, 1}, {32768, 120000, 24000, 60000, 2, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double error = convolve_error(&cases[i]);
        print_message("convolve: block %u, %u frames, response %u, delay %u, restart %u, in flight %u: %.1f dB\n",
                      cases[i].block_frames, cases[i].num_frames, cases[i].response_frames, cases[i].delay_frames,
                      cases[i].restart_block, cases[i].in_flight, to_db(error));
        assert_true(error <= 3.2e-7);
    }
}

/* ---- Lowered limits ------------------------------------------------------ */

/*
 * Every variant of every kernel that the device can be brought to run (host/vulkan/variants.c), flushed staging, small
 * pages, small dispatches: each changes the path, none the result.
 */
static void test_limits(void **state)
{
    (void)state;
    find_device();
    const struct {
        const char *limits;
        const char *staging;
        const char *queues;
        uint32_t block_frames; /* of the convolver: partitions are an eighth of it at most */
    } settings[] = {
        {"shared=16384,workgroup=128", NULL, NULL, 8192}, /* what Vulkan promises */
        {"subgroup=0", NULL, NULL, 32768},
        {"workgroup=128", NULL, NULL, 32768},             /* subgroups of half as many */
        {"shared=16384", NULL, NULL, 32768},              /* transforms exchange real and imaginary parts in turn */
        {"partition=8192", NULL, NULL, 65536},
        {"", "noncoherent", NULL, 8192},
        {"", "copy", "split", 8192},
        {"", "copy", "one", 8192},
        {"range=230000", NULL, "split", 8192},
        {"work=1", NULL, NULL, 8192},
        {"work=300000,range=900000", NULL, NULL, 8192},
    };
    const uint32_t eq_frames = 20011;
    float *outputs = new_floats((size_t)EQ_LANES * eq_frames);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        assert_int_equal(setenv("MXD_VULKAN_LIMITS", settings[i].limits, 1), 0);
        if (settings[i].staging)
            assert_int_equal(setenv("MXD_VULKAN_STAGING", settings[i].staging, 1), 0);
        if (settings[i].queues)
            assert_int_equal(setenv("MXD_VULKAN_QUEUES", settings[i].queues, 1), 0);
        double eq = run_eq(8192, eq_frames, 2, outputs);
        double mix = run_mix(512, 509);
        uint32_t block = settings[i].block_frames;
        const convolve_case convolve = {block, 2 * block + 13616, 20011, 333, 1, 3};
        double convolved = convolve_error(&convolve);
        print_message("limits '%s', staging %s, queues %s: eq %.1f dBFS, mix %.1f dBFS, convolve %.1f dB\n",
                      settings[i].limits, settings[i].staging ? settings[i].staging : "as usual",
                      settings[i].queues ? settings[i].queues : "as usual", to_db(eq), to_db(mix), to_db(convolved));
        assert_true(eq <= 3.2e-7);
        assert_true(mix <= 1.25 * ldexp(1.0, -21));
        assert_true(convolved <= 3.2e-7);
        unsetenv("MXD_VULKAN_LIMITS");
        unsetenv("MXD_VULKAN_STAGING");
        unsetenv("MXD_VULKAN_QUEUES");
    }
    free(outputs);
}

/* Creates a backend that cannot be; returns the result and checks that the only problem says `text`. */
static mxd_result create_and_fail(const mxd_backend_params *params, const char *text)
{
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = NULL;
    mxd_result result = mxd_backend_create(MXD_BACKEND_VULKAN, params, problems, &backend);
    print_problems(problems);
    assert_null(backend);
    assert_int_equal(mxd_problems_count(problems), 1);
    assert_non_null(strstr(mxd_problems_get(problems, 0)->text, text));
    mxd_problems_destroy(problems);
    return result;
}

static void test_refusals(void **state)
{
    (void)state;
    mxd_backend_params params = {.num_lanes = 64, .block_frames = 16384, .device = find_device(),
                                 .blocks_in_flight = 1};
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "range=1000000", 1), 0);
    assert_int_equal(create_and_fail(&params, "smaller blocks"), MXD_ERROR_DEVICE_MEMORY);
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "memory=1000000", 1), 0);
    assert_int_equal(create_and_fail(&params, "memory ran out"), MXD_ERROR_DEVICE_MEMORY);
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "workgroup=64", 1), 0);
    assert_int_equal(create_and_fail(&params, "cannot be used"), MXD_ERROR_DEVICE);
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "speed=9", 1), 0);
    assert_int_equal(create_and_fail(&params, "speed=9"), MXD_ERROR_DEVICE);
    unsetenv("MXD_VULKAN_LIMITS");
    params.device = 1000;
    assert_int_equal(create_and_fail(&params, "number 1000"), MXD_ERROR_DEVICE);
}

/* A convolver whose spectra do not fit is refused when it is prepared, and the backend can still be destroyed. */
static void test_out_of_memory(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    find_device();
    assert_int_equal(setenv("MXD_VULKAN_LIMITS", "memory=1000000", 1), 0);
    mxd_backend *backend = create(problems, 2, 4096, 1);
    unsetenv("MXD_VULKAN_LIMITS");
    const uint32_t lanes[2] = {0, 1};
    float *response = new_floats(200000);
    for (uint32_t i = 0; i < 200000; i++)
        response[i] = 1.0f;
    const mxd_convolve_cell cell = {.response = response, .num_frames = 200000, .gain = 1.0};
    const mxd_convolve_row row = {.inputs = &lanes[0], .num_inputs = 1, .outputs = &lanes[1], .num_outputs = 1,
                                  .cells = &cell, .num_cells = 1};
    uint32_t step;
    ASSERT_OK(problems, mxd_backend_add_convolve(backend, &row, 1, &step));
    free(response);
    assert_int_equal(mxd_backend_prepare(backend), MXD_ERROR_DEVICE_MEMORY);
    print_problems(problems);
    assert_int_equal(mxd_problems_count(problems), 1);
    mxd_backend_destroy(backend);
    assert_int_equal(mxd_problems_count(problems), 1);
    mxd_problems_destroy(problems);
}

/* ---- No Vulkan, and errors of ours --------------------------------------- */

/* In a child process: the loader reads its environment once. Returns what main returns there. */
static void test_no_driver(void **state)
{
    (void)state;
    char command[4200];
    int length = snprintf(command, sizeof command, "VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent "
                          "VK_LOADER_DEBUG=none '%s' --without-driver", program_name);
    assert_true(length > 0 && (size_t)length < sizeof command);
    assert_int_equal(system(command), 0);
}

static int run_without_driver(void)
{
    mxd_vulkan_device device;
    if (mxd_vulkan_devices(&device, 1) != 0)
        return 1;
    const mxd_backend_params params = {.num_lanes = 1, .block_frames = 256, .blocks_in_flight = 1};
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *backend = NULL;
    mxd_result result = mxd_backend_create(MXD_BACKEND_VULKAN, &params, problems, &backend);
    print_problems(problems);
    bool right = result == MXD_ERROR_DEVICE && !backend && mxd_problems_count(problems) == 1;
    mxd_problems_destroy(problems);
    return right ? 0 : 2;
}

/*
 * That the tests above would have seen errors: some are made on purpose. What VK_LAYER_ENABLES asks for must be on:
 * with the wrong separator (it is ':' on Linux) the layer takes the whole list for one unknown word.
 */

/*
 * Two copies, the second reading what the first wrote, without a barrier: in one command buffer, never submitted; or
 * in two that are submitted together, as blocks in flight follow one another.
 */
static void make_hazard(mxd_vulkan_device_context *context, uint32_t num_command_buffers)
{
    mxd_vulkan_buffer buffers[3];
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(mxd_vulkan_buffer_init(context, 256, MXD_VULKAN_ON_DEVICE, "a test", &buffers[i]), MXD_OK);
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandPool = context->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY, .commandBufferCount = num_command_buffers,
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    const VkBufferCopy copy = {.size = 256};
    VkCommandBuffer commands[2];
    assert_int_equal(vkAllocateCommandBuffers(context->device, &info, commands), VK_SUCCESS);
    for (uint32_t i = 0; i < 2; i++) {
        VkCommandBuffer into = commands[num_command_buffers == 2 ? i : 0];
        if (i == 0 || num_command_buffers == 2)
            assert_int_equal(vkBeginCommandBuffer(into, &begin), VK_SUCCESS);
        vkCmdCopyBuffer(into, buffers[i].buffer, buffers[i + 1].buffer, 1, &copy);
        if (i == 1 || num_command_buffers == 2)
            assert_int_equal(vkEndCommandBuffer(into), VK_SUCCESS);
    }
    if (num_command_buffers == 2) {
        const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 2,
                                     .pCommandBuffers = commands};
        assert_int_equal(vkQueueSubmit(context->queue, 1, &submit, VK_NULL_HANDLE), VK_SUCCESS);
        assert_int_equal(vkQueueWaitIdle(context->queue), VK_SUCCESS);
    }
    vkFreeCommandBuffers(context->device, context->pool, num_command_buffers, commands);
    for (uint32_t i = 0; i < 3; i++)
        mxd_vulkan_buffer_finish(context, &buffers[i]);
}

/* A mix that reads the lane after the last, behind the back of the argument checks. */
static mxd_result read_out_of_bounds(mxd_backend *backend, uint32_t step)
{
    const mxd_gain_point point = {.gain = 1.0};
    const mxd_mix_edge edge = {.input_lane = backend->params.num_lanes, .num_points = 1};
    const mxd_mix_output output = {.num_edges = 1};
    const mxd_mix_run mix = {.outputs = &output, .num_outputs = 1, .edges = &edge, .num_edges = 1, .points = &point,
                             .num_points = 1};
    const mxd_step_run run = {.step = step, .mix = &mix};
    const mxd_block block = {.num_frames = 256, .runs = &run, .num_runs = 1};
    uint64_t ticket;
    mxd_result result = backend->functions->submit(backend, &block, &ticket);
    return result == MXD_OK ? backend->functions->wait(backend, ticket) : result;
}

static void expect_error(const mxd_problems *problems, size_t index, const char *text)
{
    assert_int_equal(mxd_problems_count(problems), index + 1);
    assert_non_null(strstr(mxd_problems_get(problems, index)->text, text));
}

static void test_validation(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    mxd_backend *base = create(problems, 1, 256, 1);
    mxd_vulkan_backend *backend = (mxd_vulkan_backend *)base;
    if (!backend->context.instance.validation.messenger) {
        finish(problems, base);
        print_message("validation is off (VK_INSTANCE_LAYERS names no VK_LAYER_KHRONOS_validation)\n");
        skip();
    }
    const mxd_mix_limits limits = {1, 1, 1};
    uint32_t step;
    ASSERT_OK(problems, mxd_backend_add_mix(base, &limits, &step));
    ASSERT_OK(problems, mxd_backend_prepare(base));
    size_t num_errors = 0;
    const VkFenceCreateInfo wrong = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .flags = 0x40000000};
    VkFence fence;
    if (vkCreateFence(backend->context.device, &wrong, NULL, &fence) == VK_SUCCESS)
        vkDestroyFence(backend->context.device, fence, NULL);
    assert_int_equal(mxd_vulkan_instance_check(&backend->context.instance, problems), MXD_ERROR_DEVICE);
    expect_error(problems, num_errors++, "VUID-VkFenceCreateInfo");

    const char *enables = getenv("VK_LAYER_ENABLES");
    if (enables && strstr(enables, "SYNCHRONIZATION_VALIDATION")) {
        make_hazard(&backend->context, 1);
        assert_int_equal(mxd_vulkan_instance_check(&backend->context.instance, problems), MXD_ERROR_DEVICE);
        expect_error(problems, num_errors++, "SYNC-HAZARD-READ-AFTER-WRITE");
    }
    if (enables && strstr(enables, "SYNCHRONIZATION_VALIDATION_QUEUE_SUBMIT")) {
        make_hazard(&backend->context, 2);
        assert_int_equal(mxd_vulkan_instance_check(&backend->context.instance, problems), MXD_ERROR_DEVICE);
        expect_error(problems, num_errors++, "SYNC-HAZARD-READ-AFTER-WRITE");
    }
    if (enables && strstr(enables, "GPU_ASSISTED")) {
        assert_int_equal(read_out_of_bounds(base, step), MXD_ERROR_DEVICE);
        expect_error(problems, num_errors++, "validation");
    }
    print_message("validation tells %zu kinds of errors\n", num_errors);
    print_problems(problems);
    mxd_backend_destroy(base);
    assert_int_equal(mxd_problems_count(problems), num_errors);
    mxd_problems_destroy(problems);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--without-driver") == 0)
        return run_without_driver();
    program_name = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_blocks_in_flight),
        cmocka_unit_test(test_mix),
        cmocka_unit_test(test_convolve),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_validation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
