/* The convolver's paths, levels and delays as they reach the graph, and the responses that it refuses. */
#include "host/effects/convolver.h"
#include "host/effects/effect.h"
#include "host/graph/builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static double db(double gain)
{
    return 20.0 * log10(gain);
}

/* ---- A graph builder that only takes notes -------------------------------- */

struct mxd_graph_builder {
    uint32_t num_lanes;
    uint32_t num_eqs, eq_lanes[64], eq_sections;
    uint32_t num_rows, inputs[64], outputs[64], num_inputs, num_outputs, num_cells;
    mxd_convolve_cell cells[256];
    uint32_t num_mixes, mix_lanes[64], mix_num_edges[64];
    mxd_builder_edge edges[64][2];
};

uint32_t mxd_builder_lane(mxd_graph_builder *builder)
{
    return builder->num_lanes++;
}

bool mxd_builder_moves(const mxd_graph_builder *builder, uint32_t value)
{
    (void)builder;
    (void)value;
    return false;
}

mxd_result mxd_builder_eq(mxd_graph_builder *builder, uint32_t lane, const mxd_svf *sections, uint32_t num_sections)
{
    (void)sections;
    builder->eq_lanes[builder->num_eqs++] = lane;
    builder->eq_sections = num_sections;
    return MXD_OK;
}

mxd_result mxd_builder_convolve(mxd_graph_builder *builder, const mxd_convolve_row *row)
{
    builder->num_rows++;
    builder->num_inputs = row->num_inputs;
    builder->num_outputs = row->num_outputs;
    builder->num_cells = row->num_cells;
    memcpy(builder->inputs, row->inputs, row->num_inputs * sizeof *row->inputs);
    memcpy(builder->outputs, row->outputs, row->num_outputs * sizeof *row->outputs);
    assert_true(row->num_cells <= 256);
    memcpy(builder->cells, row->cells, row->num_cells * sizeof *row->cells);
    return MXD_OK;
}

mxd_result mxd_builder_mix(mxd_graph_builder *builder, uint32_t output_lane, const mxd_builder_edge *edges,
                           uint32_t num_edges)
{
    assert_true(num_edges >= 1 && num_edges <= 2);
    builder->mix_lanes[builder->num_mixes] = output_lane;
    builder->mix_num_edges[builder->num_mixes] = num_edges;
    memcpy(builder->edges[builder->num_mixes++], edges, num_edges * sizeof *edges);
    return MXD_OK;
}

/* ---- Convolver ---------------------------------------------------------------- */

/* A response whose channel c is c + 1 at frame 3 + c of 16. */
static mxd_convolver *convolver_with(uint32_t num_channels)
{
    float *samples = calloc((size_t)num_channels * 16, sizeof *samples);
    assert_non_null(samples);
    for (uint32_t c = 0; c < num_channels; c++)
        samples[c * 16 + 3 + c % 8] = (float)(c + 1);
    mxd_convolver *convolver = mxd_convolver_create(48000);
    assert_non_null(convolver);
    convolver->response = mxd_impulse_response_create("test", samples, num_channels, 16, 48000, 0, NULL, NULL);
    assert_non_null(convolver->response);
    return convolver;
}

static mxd_graph_builder *emit(const mxd_convolver *convolver, uint32_t num_inputs, uint32_t *lanes)
{
    mxd_graph_builder *builder = calloc(1, sizeof *builder);
    assert_non_null(builder);
    for (uint32_t i = 0; i < num_inputs; i++)
        lanes[i] = mxd_builder_lane(builder);
    assert_int_equal(mxd_effect_convolver.emit(convolver, builder, lanes, num_inputs), MXD_OK);
    return builder;
}

static void convolver_matches_channels(void **state)
{
    (void)state;
    const struct {
        uint32_t num_channels, num_inputs, num_outputs, num_cells;
        uint32_t cells[4][3]; /* input, output, channel */
    } cases[] = {
        {1, 1, 1, 1, {{0, 0, 0}}},
        {1, 3, 3, 3, {{0, 0, 0}, {1, 1, 0}, {2, 2, 0}}},
        {2, 2, 2, 2, {{0, 0, 0}, {1, 1, 1}}},
        {2, 1, 2, 2, {{0, 0, 0}, {0, 1, 1}}},
        {4, 1, 4, 4, {{0, 0, 0}, {0, 1, 1}, {0, 2, 2}, {0, 3, 3}}},
        {4, 2, 2, 4, {{0, 0, 0}, {0, 1, 1}, {1, 0, 2}, {1, 1, 3}}},
        {4, 4, 4, 4, {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}}},
        {3, 2, 0, 0, {{0}}},
        {2, 4, 0, 0, {{0}}},
        {65, 1, 0, 0, {{0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mxd_convolver *convolver = convolver_with(cases[i].num_channels);
        mxd_problems *problems = mxd_problems_create();
        assert_int_equal(mxd_effect_convolver.num_outputs(convolver, cases[i].num_inputs, NULL, problems),
                         cases[i].num_outputs);
        assert_int_equal(mxd_problems_count(problems), cases[i].num_outputs == 0);
        if (cases[i].num_outputs) {
            uint32_t lanes[MXD_MAX_CHANNELS];
            mxd_graph_builder *builder = emit(convolver, cases[i].num_inputs, lanes);
            assert_int_equal(builder->num_rows, 1);
            assert_int_equal(builder->num_mixes, 0);
            assert_int_equal(builder->num_outputs, cases[i].num_outputs);
            assert_int_equal(builder->num_cells, cases[i].num_cells);
            double energy = 0;
            for (uint32_t n = 0; n < cases[i].num_cells; n++) {
                const mxd_convolve_cell *cell = &builder->cells[n];
                assert_int_equal(cell->input, cases[i].cells[n][0]);
                assert_int_equal(cell->output, cases[i].cells[n][1]);
                /* The zeros around the one sample of the channel became a delay. */
                assert_int_equal(cell->num_frames, 1);
                assert_int_equal(cell->delay_frames, 3 + cases[i].cells[n][2]);
                assert_true(cell->response[0] == (float)(cases[i].cells[n][2] + 1));
                energy += cell->gain * cell->gain * cell->response[0] * cell->response[0];
            }
            assert_true(fabs(energy - 1.0) < 1e-12);
            for (uint32_t o = 0; o < cases[i].num_outputs; o++) {
                assert_int_equal(lanes[o], builder->outputs[o]);
                assert_true(lanes[o] >= cases[i].num_inputs);
            }
            free(builder);
        }
        mxd_problems_destroy(problems);
        mxd_effect_convolver.destroy(convolver);
    }
}

static void convolver_takes_a_matrix(void **state)
{
    (void)state;
    mxd_convolver *convolver = convolver_with(3);
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    assert_non_null(convolver->matrix);
    convolver->matrix->num_rows = 2;
    convolver->matrix->num_columns = 3;
    const int channels[2][3] = {{2, -1, 0}, {-1, 2, -1}};
    for (int i = 0; i < 2; i++)
        for (int o = 0; o < 3; o++)
            convolver->matrix->channels[i][o] = channels[i][o];
    convolver->predelay_frames = 100;
    convolver->as_is = true;
    convolver->wet_db = -6.0;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 2, NULL, NULL), 3);
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 3, NULL, NULL), 0);
    /* Channel 2 lies at frame 5: the last frame of the answer is 105 after the last of the input. */
    assert_int_equal(mxd_effect_convolver.tail_frames(convolver, 2), 105);
    uint32_t lanes[MXD_MAX_CHANNELS];
    mxd_graph_builder *builder = emit(convolver, 2, lanes);
    const uint32_t should[3][3] = {{0, 0, 2}, {0, 2, 0}, {1, 1, 2}};
    assert_int_equal(builder->num_cells, 3);
    for (int n = 0; n < 3; n++) {
        assert_int_equal(builder->cells[n].input, should[n][0]);
        assert_int_equal(builder->cells[n].output, should[n][1]);
        assert_true(builder->cells[n].response[0] == (float)(should[n][2] + 1));
        assert_int_equal(builder->cells[n].delay_frames, 103 + should[n][2]);
        assert_true(fabs(db(builder->cells[n].gain) + 6.0) < 1e-12);
    }
    /* One response in two cells is one response: they may share its spectra. */
    assert_ptr_equal(builder->cells[0].response, builder->cells[2].response);
    free(builder);
    mxd_effect_convolver.destroy(convolver);
}

static void convolver_mixes_the_dry_signal(void **state)
{
    (void)state;
    uint32_t lanes[MXD_MAX_CHANNELS];
    /* Mono into stereo: the dry signal on both, exactly. */
    mxd_convolver *convolver = convolver_with(2);
    convolver->dry_db = 0.0;
    mxd_graph_builder *builder = emit(convolver, 1, lanes);
    assert_int_equal(builder->num_mixes, 2);
    for (int o = 0; o < 2; o++) {
        assert_int_equal(builder->mix_num_edges[o], 2);
        assert_int_equal(builder->edges[o][0].input_lane, 0);
        assert_true(builder->edges[o][0].gain == 1.0);
        assert_int_equal(builder->edges[o][1].input_lane, builder->outputs[o]);
        assert_true(builder->edges[o][1].gain == 1.0);
        assert_int_equal(lanes[o], builder->mix_lanes[o]);
    }
    free(builder);
    /* No wet signal: nothing to convolve, no tail. */
    convolver->wet_db = -HUGE_VAL;
    convolver->dry_db = -12.0;
    assert_int_equal(mxd_effect_convolver.tail_frames(convolver, 1), 0);
    builder = emit(convolver, 1, lanes);
    assert_int_equal(builder->num_rows, 0);
    assert_int_equal(builder->num_mixes, 2);
    assert_int_equal(builder->mix_num_edges[1], 1);
    assert_true(fabs(db(builder->edges[1][0].gain) + 12.0) < 1e-12);
    free(builder);
    mxd_effect_convolver.destroy(convolver);

    /* Two inputs, three outputs: the third has no dry share. */
    convolver = convolver_with(1);
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    assert_non_null(convolver->matrix);
    convolver->matrix->num_rows = 2;
    convolver->matrix->num_columns = 3;
    convolver->dry_db = -3.0;
    builder = emit(convolver, 2, lanes);
    assert_int_equal(builder->num_mixes, 2);
    assert_int_equal(builder->edges[1][0].input_lane, 1);
    assert_int_equal(lanes[2], builder->outputs[2]);
    free(builder);
    mxd_effect_convolver.destroy(convolver);
}

/* The one problem in the list, which must hold both words. */
static void expect_problem(mxd_problems *problems, const char *word, const char *other)
{
    assert_int_equal(mxd_problems_count(problems), 1);
    const char *text = mxd_problems_get(problems, 0)->text;
    if (!strstr(text, word) || !strstr(text, other))
        fail_msg("'%s' holds not both '%s' and '%s'", text, word, other);
    mxd_problems_destroy(problems);
}

static float *samples_of(uint32_t count, float value)
{
    float *samples = malloc(count * sizeof *samples);
    assert_non_null(samples);
    for (uint32_t i = 0; i < count; i++)
        samples[i] = value;
    return samples;
}

static void bad_responses_are_refused(void **state)
{
    (void)state;
    mxd_problems *problems = mxd_problems_create();
    float *samples = samples_of(2 * 127, 0.5f);
    samples[127 + 48] = NAN;
    assert_null(mxd_impulse_response_create("hall.wav", samples, 2, 127, 48000, 0, NULL, problems));
    expect_problem(problems, "hall.wav holds a NaN on channel 1", "0.001000 s");

    problems = mxd_problems_create();
    samples = samples_of(129, 0.5f);
    samples[128] = -INFINITY;
    assert_null(mxd_impulse_response_create("hall.wav", samples, 1, 129, 48000, 0, NULL, problems));
    expect_problem(problems, "infinity", "channel 0");

    problems = mxd_problems_create();
    assert_null(mxd_impulse_response_create("hall.wav", samples_of(128, 0.0f), 1, 128, 48000, 0, NULL, problems));
    expect_problem(problems, "hall.wav is silent", "");

    problems = mxd_problems_create();
    samples = samples_of(9600, 0.0f);
    samples[9000] = 1.0f;
    assert_null(mxd_impulse_response_create("hall.wav", samples, 1, 9600, 48000, 4800, NULL, problems));
    expect_problem(problems, "silent", "length_s");

    /* A matrix of silent channels only. */
    problems = mxd_problems_create();
    samples = samples_of(2 * 128, 0.0f);
    samples[7] = 1.0f;
    mxd_convolver *convolver = mxd_convolver_create(48000);
    assert_non_null(convolver);
    convolver->response = mxd_impulse_response_create("hall.wav", samples, 2, 128, 48000, 0, NULL, problems);
    assert_non_null(convolver->response);
    convolver->matrix = calloc(1, sizeof *convolver->matrix);
    assert_non_null(convolver->matrix);
    convolver->matrix->num_rows = convolver->matrix->num_columns = 1;
    convolver->matrix->channels[0][0] = 1;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 1, NULL, problems), 0);
    expect_problem(problems, "matrix", "silent");
    mxd_effect_convolver.destroy(convolver);
}

/* length_s cuts, with a fade of 10 ms that falls all the way and leaves the rest alone. */
static void truncation_fades(void **state)
{
    (void)state;
    mxd_impulse_response *response =
        mxd_impulse_response_create("hall.wav", samples_of(2 * 9601, 1.0f), 2, 9601, 48000, 4801, NULL, NULL);
    assert_non_null(response);
    for (int c = 0; c < 2; c++) {
        const mxd_response_channel *channel = &response->channels[c];
        assert_int_equal(channel->num_frames, 4801);
        assert_true(channel->samples[4801 - 481] == 1.0f);
        for (uint32_t n = 4801 - 480; n < 4801; n++)
            assert_true(channel->samples[n] < channel->samples[n - 1] && channel->samples[n] > 0.0f);
        assert_true(channel->samples[4800] < 1e-4f);
    }
    mxd_impulse_response_destroy(response);
}

static void room_through_the_convolver(void **state)
{
    (void)state;
    mxd_convolver *convolver = mxd_convolver_create(48000);
    assert_non_null(convolver);
    mxd_room room = {.width = 0.8, .num_outputs = 3, .seed = 5};
    mxd_room_natural_decays(0.4, room.decay_s);
    assert_true(mxd_convolver_set_room(convolver, &room, NULL));
    convolver->predelay_frames = 960;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 2, NULL, NULL), 3);
    convolver->room.num_outputs = 24;
    assert_int_equal(mxd_effect_convolver.num_outputs(convolver, 11, NULL, NULL), 0);
    convolver->room.num_outputs = 3;
    uint32_t lanes[MXD_MAX_CHANNELS];
    mxd_graph_builder *builder = emit(convolver, 2, lanes), *again = emit(convolver, 2, lanes);
    assert_int_equal(builder->num_cells, 6);
    double energy = 0;
    uint64_t end = 0;
    for (uint32_t i = 0; i < 6; i++) {
        const mxd_convolve_cell *cell = &builder->cells[i];
        assert_true(cell->delay_frames >= 960);
        for (uint32_t n = 0; n < cell->num_frames; n++)
            energy += cell->gain * cell->gain * cell->response[n] * cell->response[n];
        end = cell->delay_frames + cell->num_frames > end ? cell->delay_frames + cell->num_frames : end;
        /* Made once. */
        assert_ptr_equal(cell->response, again->cells[i].response);
    }
    assert_true(fabs(energy - 1.0) < 1e-9);
    assert_int_equal(mxd_effect_convolver.tail_frames(convolver, 2), end - 1);
    free(builder);
    free(again);
    mxd_effect_convolver.destroy(convolver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolver_matches_channels),
        cmocka_unit_test(convolver_takes_a_matrix),
        cmocka_unit_test(convolver_mixes_the_dry_signal),
        cmocka_unit_test(bad_responses_are_refused),
        cmocka_unit_test(truncation_fades),
        cmocka_unit_test(room_through_the_convolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
