/*
 * Every embedded SPIR-V module against the C headers that it shares: bindings,
 * strides of the buffers' elements, offsets of every member, push-constant
 * sizes, workgroup sizes. One byte that differs fails.
 *
 * Reads the words itself (SPIR-V specification 1.5: 2.3 physical layout, 3.32
 * instructions), so that nothing stands between the test and what drivers see.
 */
#include "host/vulkan/vulkan.h"

#include "shaders/convolve.h"
#include "shaders/eq.h"
#include "shaders/mix.h"
#include "shaders/rows.h"
#include "shaders/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- SPIR-V's numbers ---------------------------------------------------- */

enum {
    OP_NAME = 5,
    OP_MEMBER_NAME = 6,
    OP_EXECUTION_MODE = 16,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_RUNTIME_ARRAY = 29,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_VARIABLE = 59,
    OP_F_ADD = 129,
    OP_F_SUB = 131,
    OP_F_MUL = 133,
    OP_VECTOR_TIMES_SCALAR = 142,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE = 72,
    DECORATION_SPEC_ID = 1,
    DECORATION_ARRAY_STRIDE = 6,
    DECORATION_BINDING = 33,
    DECORATION_SET = 34,
    DECORATION_OFFSET = 35,
    DECORATION_NO_CONTRACTION = 42,
    MODE_LOCAL_SIZE = 17,
    STORAGE_PUSH_CONSTANT = 9,
    STORAGE_BUFFER = 12
};

#define MAX_MEMBERS 16u
#define NONE 0xffffffffu

/* What is known of one id. */
typedef struct entry {
    uint32_t op;
    uint32_t words[4];      /* operands after the result: kinds differ by op */
    const char *name;
    uint32_t stride;
    uint32_t binding;
    uint32_t set;
    uint32_t num_members;
    uint32_t member_types[MAX_MEMBERS];
    uint32_t member_offsets[MAX_MEMBERS];
    const char *member_names[MAX_MEMBERS];
    bool no_contraction;
} entry;

typedef struct module {
    const mxd_spirv_module *spirv;
    entry *ids;
    uint32_t bound;
    uint32_t local_size[3]; /* 0 = none given by number */
    bool has_spec_workgroup;
    uint32_t num_exact;     /* additions, subtractions and multiplications of floats that are NoContraction */
    uint32_t num_inexact;   /* and those that are not */
} module;

static void read_decoration(module *m, const uint32_t *at)
{
    entry *to = &m->ids[at[1]];
    if (at[2] == DECORATION_ARRAY_STRIDE)
        to->stride = at[3];
    else if (at[2] == DECORATION_BINDING)
        to->binding = at[3];
    else if (at[2] == DECORATION_SET)
        to->set = at[3];
    else if (at[2] == DECORATION_NO_CONTRACTION)
        to->no_contraction = true;
    else if (at[2] == DECORATION_SPEC_ID && at[3] == MXD_SPEC_WORKGROUP)
        m->has_spec_workgroup = true;
}

static void read_struct(entry *to, const uint32_t *at, uint32_t num_words)
{
    to->num_members = num_words - 2;
    assert_true(to->num_members <= MAX_MEMBERS);
    for (uint32_t i = 0; i < to->num_members; i++)
        to->member_types[i] = at[2 + i];
}

static void read_instruction(module *m, const uint32_t *at, uint32_t op, uint32_t num_words)
{
    switch (op) {
    case OP_NAME:
        m->ids[at[1]].name = (const char *)&at[2];
        break;
    case OP_MEMBER_NAME:
        assert_true(at[2] < MAX_MEMBERS);
        m->ids[at[1]].member_names[at[2]] = (const char *)&at[3];
        break;
    case OP_MEMBER_DECORATE:
        assert_true(at[2] < MAX_MEMBERS);
        if (at[3] == DECORATION_OFFSET)
            m->ids[at[1]].member_offsets[at[2]] = at[4];
        break;
    case OP_DECORATE:
        read_decoration(m, at);
        break;
    case OP_EXECUTION_MODE:
        if (at[2] == MODE_LOCAL_SIZE)
            memcpy(m->local_size, &at[3], sizeof m->local_size);
        break;
    case OP_TYPE_STRUCT:
        m->ids[at[1]].op = op;
        read_struct(&m->ids[at[1]], at, num_words);
        break;
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
    case OP_TYPE_VECTOR:
    case OP_TYPE_ARRAY:
    case OP_TYPE_RUNTIME_ARRAY:
    case OP_TYPE_POINTER: /* result, then operands */
        m->ids[at[1]].op = op;
        memcpy(m->ids[at[1]].words, &at[2], (num_words - 2 < 4 ? num_words - 2 : 4) * sizeof *at);
        break;
    case OP_CONSTANT:
    case OP_VARIABLE: /* type, result, operand */
        m->ids[at[2]].op = op;
        m->ids[at[2]].words[0] = at[1];
        m->ids[at[2]].words[1] = at[3];
        break;
    case OP_F_ADD:
    case OP_F_SUB:
    case OP_F_MUL:
    case OP_VECTOR_TIMES_SCALAR: /* decorations come first in a module */
        if (m->ids[at[2]].no_contraction)
            m->num_exact++;
        else
            m->num_inexact++;
        break;
    default:
        break;
    }
}

static void parse(const mxd_spirv_module *spirv, module *m)
{
    *m = (module){.spirv = spirv, .bound = spirv->words[3]};
    m->ids = calloc(m->bound, sizeof *m->ids);
    assert_non_null(m->ids);
    for (uint32_t i = 0; i < m->bound; i++) {
        m->ids[i].binding = NONE;
        m->ids[i].set = NONE;
        for (uint32_t j = 0; j < MAX_MEMBERS; j++)
            m->ids[i].member_offsets[j] = NONE;
    }
    for (size_t at = 5; at < spirv->num_words;) {
        uint32_t num_words = spirv->words[at] >> 16;
        assert_true(num_words > 0 && at + num_words <= spirv->num_words);
        read_instruction(m, &spirv->words[at], spirv->words[at] & 0xffff, num_words);
        at += num_words;
    }
}

/* Bytes of a type as it lies in a buffer. */
static uint32_t size_of(const module *m, uint32_t type)
{
    const entry *t = &m->ids[type];
    switch (t->op) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        return t->words[0] / 8;
    case OP_TYPE_VECTOR:
        return size_of(m, t->words[0]) * t->words[1];
    case OP_TYPE_ARRAY:
        return t->stride * m->ids[t->words[1]].words[1];
    case OP_TYPE_STRUCT: {
        uint32_t last = t->num_members - 1;
        return t->member_offsets[last] + size_of(m, t->member_types[last]);
    }
    default:
        fail_msg("%s: a type in a buffer that is not known here (op %u)", m->spirv->name, t->op);
        return 0;
    }
}

/* ---- What C says --------------------------------------------------------- */

typedef struct member {
    const char *name;
    size_t offset;
    size_t size;
} member;

typedef struct layout {
    const char *name; /* of the struct; NULL = plain scalars or vectors */
    size_t size;
    member members[MAX_MEMBERS];
} layout;

#define MEMBER(type, m) {#m, offsetof(struct type, m), sizeof(((struct type *)0)->m)}

static const layout vec2_layout = {.size = 2 * sizeof(float)};
static const layout vec4_layout = {.size = sizeof(mxd_vec4)};
static const layout eq_section = {"mxd_eq_section_data", sizeof(struct mxd_eq_section_data), {
    MEMBER(mxd_eq_section_data, a2), MEMBER(mxd_eq_section_data, a3), MEMBER(mxd_eq_section_data, oma1),
    MEMBER(mxd_eq_section_data, m0), MEMBER(mxd_eq_section_data, m1), MEMBER(mxd_eq_section_data, m2),
    MEMBER(mxd_eq_section_data, unused0), MEMBER(mxd_eq_section_data, unused1),
    MEMBER(mxd_eq_section_data, powers)}};
static const layout eq_row = {"mxd_eq_row_data", sizeof(struct mxd_eq_row_data), {
    MEMBER(mxd_eq_row_data, lane), MEMBER(mxd_eq_row_data, first_section), MEMBER(mxd_eq_row_data, num_sections),
    MEMBER(mxd_eq_row_data, unused)}};
static const layout eq_run = {"mxd_eq_run_data", sizeof(struct mxd_eq_run_data), {
    MEMBER(mxd_eq_run_data, row), MEMBER(mxd_eq_run_data, restart)}};
static const layout eq_push = {"mxd_eq_push", sizeof(struct mxd_eq_push), {
    MEMBER(mxd_eq_push, first_run), MEMBER(mxd_eq_push, lane_vec4s), MEMBER(mxd_eq_push, first_frame),
    MEMBER(mxd_eq_push, end_frame), MEMBER(mxd_eq_push, may_restart)}};
static const layout mix_output = {"mxd_mix_output_data", sizeof(struct mxd_mix_output_data), {
    MEMBER(mxd_mix_output_data, lane), MEMBER(mxd_mix_output_data, first_edge),
    MEMBER(mxd_mix_output_data, num_edges), MEMBER(mxd_mix_output_data, unused)}};
static const layout mix_edge = {"mxd_mix_edge_data", sizeof(struct mxd_mix_edge_data), {
    MEMBER(mxd_mix_edge_data, lane), MEMBER(mxd_mix_edge_data, first_point),
    MEMBER(mxd_mix_edge_data, num_points), MEMBER(mxd_mix_edge_data, unused)}};
static const layout mix_point = {"mxd_mix_point_data", sizeof(struct mxd_mix_point_data), {
    MEMBER(mxd_mix_point_data, frame), MEMBER(mxd_mix_point_data, next_frame), MEMBER(mxd_mix_point_data, gain),
    MEMBER(mxd_mix_point_data, gain_low), MEMBER(mxd_mix_point_data, slope), MEMBER(mxd_mix_point_data, slope_low),
    MEMBER(mxd_mix_point_data, unused0), MEMBER(mxd_mix_point_data, unused1)}};
static const layout mix_push = {"mxd_mix_push", sizeof(struct mxd_mix_push), {
    MEMBER(mxd_mix_push, first_output), MEMBER(mxd_mix_push, first_edge), MEMBER(mxd_mix_push, first_point),
    MEMBER(mxd_mix_push, lane_vec4s), MEMBER(mxd_mix_push, first_frame), MEMBER(mxd_mix_push, end_frame)}};
static const layout convolve_input = {"mxd_convolve_input_data", sizeof(struct mxd_convolve_input_data), {
    MEMBER(mxd_convolve_input_data, lane), MEMBER(mxd_convolve_input_data, page),
    MEMBER(mxd_convolve_input_data, first_slot), MEMBER(mxd_convolve_input_data, num_slots),
    MEMBER(mxd_convolve_input_data, head), MEMBER(mxd_convolve_input_data, age),
    MEMBER(mxd_convolve_input_data, history_read), MEMBER(mxd_convolve_input_data, history_write)}};
static const layout convolve_output = {"mxd_convolve_output_data", sizeof(struct mxd_convolve_output_data), {
    MEMBER(mxd_convolve_output_data, lane), MEMBER(mxd_convolve_output_data, first_segment),
    MEMBER(mxd_convolve_output_data, num_segments), MEMBER(mxd_convolve_output_data, first_input)}};
static const layout convolve_segment = {"mxd_convolve_segment_data", sizeof(struct mxd_convolve_segment_data), {
    MEMBER(mxd_convolve_segment_data, input_index), MEMBER(mxd_convolve_segment_data, first_partition),
    MEMBER(mxd_convolve_segment_data, num_partitions), MEMBER(mxd_convolve_segment_data, page),
    MEMBER(mxd_convolve_segment_data, first_spectrum), MEMBER(mxd_convolve_segment_data, gain),
    MEMBER(mxd_convolve_segment_data, unused1), MEMBER(mxd_convolve_segment_data, unused2)}};
static const layout convolve_push = {"mxd_convolve_push", sizeof(struct mxd_convolve_push), {
    MEMBER(mxd_convolve_push, first_input), MEMBER(mxd_convolve_push, first_output),
    MEMBER(mxd_convolve_push, lane_frames), MEMBER(mxd_convolve_push, num_frames),
    MEMBER(mxd_convolve_push, num_windows), MEMBER(mxd_convolve_push, first_window),
    MEMBER(mxd_convolve_push, size), MEMBER(mxd_convolve_push, ring_page),
    MEMBER(mxd_convolve_push, response_page), MEMBER(mxd_convolve_push, add),
    MEMBER(mxd_convolve_push, first_segment), MEMBER(mxd_convolve_push, end_segment)}};

static const layout word_layout = {.size = sizeof(mxd_u32)};
static const layout unpack_item = {"mxd_unpack_item_data", sizeof(struct mxd_unpack_item_data), {
    MEMBER(mxd_unpack_item_data, lane), MEMBER(mxd_unpack_item_data, first_frame),
    MEMBER(mxd_unpack_item_data, num_frames), MEMBER(mxd_unpack_item_data, first_byte),
    MEMBER(mxd_unpack_item_data, frame_bytes), MEMBER(mxd_unpack_item_data, format),
    MEMBER(mxd_unpack_item_data, scale), MEMBER(mxd_unpack_item_data, scale_low)}};
static const layout unpack_push = {"mxd_unpack_push", sizeof(struct mxd_unpack_push), {
    MEMBER(mxd_unpack_push, first_item), MEMBER(mxd_unpack_push, lane_vec4s), MEMBER(mxd_unpack_push, first_frame)}};

static const layout rows_row = {"mxd_rows_row_data", sizeof(struct mxd_rows_row_data), {
    MEMBER(mxd_rows_row_data, first_index), MEMBER(mxd_rows_row_data, num_inputs),
    MEMBER(mxd_rows_row_data, num_outputs), MEMBER(mxd_rows_row_data, first_state),
    MEMBER(mxd_rows_row_data, num_state), MEMBER(mxd_rows_row_data, first_value),
    MEMBER(mxd_rows_row_data, num_values), MEMBER(mxd_rows_row_data, moves)}};
static const layout rows_run = {"mxd_rows_run_data", sizeof(struct mxd_rows_run_data), {
    MEMBER(mxd_rows_run_data, row), MEMBER(mxd_rows_run_data, position), MEMBER(mxd_rows_run_data, num_runs),
    MEMBER(mxd_rows_run_data, first_point)}};
static const layout rows_push = {"mxd_rows_push", sizeof(struct mxd_rows_push), {
    MEMBER(mxd_rows_push, first_run), MEMBER(mxd_rows_push, lane_floats), MEMBER(mxd_rows_push, first_frame),
    MEMBER(mxd_rows_push, end_frame), MEMBER(mxd_rows_push, num_frames), MEMBER(mxd_rows_push, tile_frames)}};

/* What a kernel may bind: the element at each binding, by number. */
typedef struct kernel {
    const char *prefix; /* of its modules' names; NULL: every kernel of host/kernels, whose module has its name */
    uint32_t num_bindings;
    const layout *bindings[MXD_VULKAN_MAX_BINDINGS];
    const layout *push;
} kernel;

static const kernel kernels[] = {
    {"eq", MXD_EQ_NUM_BINDINGS, {
        [MXD_EQ_BINDING_LANES] = &vec4_layout, [MXD_EQ_BINDING_SECTIONS] = &eq_section,
        [MXD_EQ_BINDING_STATES] = &vec2_layout, [MXD_EQ_BINDING_ROWS] = &eq_row,
        [MXD_EQ_BINDING_RUNS] = &eq_run}, &eq_push},
    {"mix", MXD_MIX_NUM_BINDINGS, {
        [MXD_MIX_BINDING_INPUTS] = &vec4_layout, [MXD_MIX_BINDING_OUTPUTS] = &vec4_layout,
        [MXD_MIX_BINDING_MIXES] = &mix_output, [MXD_MIX_BINDING_EDGES] = &mix_edge,
        [MXD_MIX_BINDING_POINTS] = &mix_point}, &mix_push},
    {"convolve", MXD_CONVOLVE_NUM_BINDINGS, {
        [MXD_CONVOLVE_BINDING_INPUT_LANES] = &vec2_layout, [MXD_CONVOLVE_BINDING_OUTPUT_LANES] = &vec2_layout,
        [MXD_CONVOLVE_BINDING_TWIDDLES] = &vec2_layout, [MXD_CONVOLVE_BINDING_INPUTS] = &convolve_input,
        [MXD_CONVOLVE_BINDING_OUTPUTS] = &convolve_output, [MXD_CONVOLVE_BINDING_HISTORY] = &vec2_layout,
        [MXD_CONVOLVE_BINDING_RING] = &vec2_layout, [MXD_CONVOLVE_BINDING_SEGMENTS] = &convolve_segment,
        [MXD_CONVOLVE_BINDING_RESPONSES] = &vec2_layout, [MXD_CONVOLVE_BINDING_SUMS] = &vec2_layout},
        &convolve_push},
    {"unpack", MXD_UNPACK_NUM_BINDINGS, {
        [MXD_UNPACK_BINDING_WORDS] = &word_layout, [MXD_UNPACK_BINDING_ITEMS] = &unpack_item,
        [MXD_UNPACK_BINDING_LANES] = &vec4_layout}, &unpack_push},
    {NULL, MXD_ROWS_NUM_BINDINGS, {
        [MXD_ROWS_BINDING_LANES] = &word_layout, [MXD_ROWS_BINDING_STATES] = &word_layout,
        [MXD_ROWS_BINDING_ROWS] = &rows_row, [MXD_ROWS_BINDING_INDICES] = &word_layout,
        [MXD_ROWS_BINDING_VALUES] = &word_layout, [MXD_ROWS_BINDING_RUNS] = &rows_run,
        [MXD_ROWS_BINDING_POINTS] = &word_layout}, &rows_push},
};

/* ---- The comparison ------------------------------------------------------ */

static void compare_struct(const module *m, uint32_t type, const layout *should)
{
    const entry *is = &m->ids[type];
    const char *module_name = m->spirv->name;
    if (!should->name) {
        if (size_of(m, type) != should->size)
            fail_msg("%s: an element of %u bytes, C has %zu", module_name, size_of(m, type), should->size);
        return;
    }
    if (is->op != OP_TYPE_STRUCT || !is->name || strcmp(is->name, should->name) != 0)
        fail_msg("%s: '%s' where C has struct %s", module_name, is->name ? is->name : "?", should->name);
    uint32_t num_members = 0;
    while (num_members < MAX_MEMBERS && should->members[num_members].name)
        num_members++;
    if (is->num_members != num_members)
        fail_msg("%s: %s has %u members, this test knows %u", module_name, should->name, is->num_members, num_members);
    for (uint32_t i = 0; i < num_members; i++) {
        const member *c = &should->members[i];
        uint32_t size = size_of(m, is->member_types[i]);
        if (!is->member_names[i] || strcmp(is->member_names[i], c->name) != 0 || is->member_offsets[i] != c->offset ||
            size != c->size)
            fail_msg("%s: %s.%s at %u, %u bytes; C has %s at %zu, %zu bytes", module_name, should->name,
                     is->member_names[i] ? is->member_names[i] : "?", is->member_offsets[i], size, c->name, c->offset,
                     c->size);
    }
}

static void compare_buffer(const module *m, const entry *variable, uint32_t block, const kernel *k)
{
    const char *name = m->spirv->name;
    if (variable->set != 0 || variable->binding >= k->num_bindings)
        fail_msg("%s: set %u binding %u does not exist in C", name, variable->set, variable->binding);
    const layout *should = k->bindings[variable->binding];
    assert_non_null(should);
    const entry *b = &m->ids[block];
    assert_int_equal(b->num_members, 1);
    assert_int_equal(b->member_offsets[0], 0);
    const entry *array = &m->ids[b->member_types[0]];
    assert_int_equal(array->op, OP_TYPE_RUNTIME_ARRAY);
    if (array->stride != should->size)
        fail_msg("%s: binding %u has a stride of %u bytes, C has %zu", name, variable->binding, array->stride,
                 should->size);
    compare_struct(m, array->words[0], should);
}

static void compare_module(const module *m, const kernel *k)
{
    uint32_t num_buffers = 0;
    uint32_t num_pushes = 0;
    for (uint32_t id = 0; id < m->bound; id++) {
        const entry *variable = &m->ids[id];
        if (variable->op != OP_VARIABLE)
            continue;
        uint32_t block = m->ids[variable->words[0]].words[1]; /* what the pointer points to */
        if (variable->words[1] == STORAGE_BUFFER) {
            compare_buffer(m, variable, block, k);
            num_buffers++;
        } else if (variable->words[1] == STORAGE_PUSH_CONSTANT) {
            assert_int_equal(m->ids[block].num_members, 1);
            assert_int_equal(m->ids[block].member_offsets[0], 0);
            compare_struct(m, m->ids[block].member_types[0], k->push);
            assert_int_equal(size_of(m, block), k->push->size);
            assert_true(k->push->size <= 128); /* what Vulkan promises */
            num_pushes++;
        }
    }
    assert_true(num_buffers >= 2 && num_buffers <= k->num_bindings);
    assert_int_equal(num_pushes, 1);
}

/* Transforms have a size of their own, P / 8; the others take theirs from the specialisation constant. */
static void compare_workgroup(const module *m)
{
    uint32_t log2_size;
    const char *digits = strpbrk(m->spirv->name, "0123456789");
    if (!digits) {
        if (!m->has_spec_workgroup)
            fail_msg("%s: no specialisation constant %d", m->spirv->name, MXD_SPEC_WORKGROUP);
        return;
    }
    log2_size = (uint32_t)atoi(digits);
    assert_true(log2_size >= MXD_CONVOLVE_MIN_LOG2_SIZE && log2_size <= MXD_CONVOLVE_MAX_LOG2_SIZE);
    if (m->local_size[0] != (1u << log2_size) / MXD_CONVOLVE_POINTS || m->local_size[1] != 1 ||
        m->local_size[2] != 1)
        fail_msg("%s: a workgroup of %u x %u x %u", m->spirv->name, m->local_size[0], m->local_size[1],
                 m->local_size[2]);
}

static bool is_kernel_of_rows(const char *module_name)
{
    for (uint32_t i = 0; i < MXD_NUM_KERNELS; i++)
        if (strcmp(module_name, mxd_kernel_get((mxd_kernel_id)i)->name) == 0)
            return true;
    return false;
}

static bool is_of(const char *module_name, const kernel *k)
{
    if (is_kernel_of_rows(module_name))
        return !k->prefix;
    return k->prefix && strncmp(module_name, k->prefix, strlen(k->prefix)) == 0;
}

static void test_modules(void **state)
{
    (void)state;
    uint32_t num_modules[sizeof kernels / sizeof *kernels] = {0};
    for (size_t i = 0; i < mxd_spirv_num_modules; i++) {
        const mxd_spirv_module *spirv = &mxd_spirv_modules[i];
        module m;
        parse(spirv, &m);
        bool found = false;
        for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
            if (!is_of(spirv->name, &kernels[k]))
                continue;
            compare_module(&m, &kernels[k]);
            num_modules[k]++;
            found = true;
        }
        if (!found)
            fail_msg("%s: a kernel that this test does not know", spirv->name);
        compare_workgroup(&m);
        /* Both keep rounding errors: contracted or reassociated they would come out as zero, or as nonsense. */
        uint32_t least = strcmp(spirv->name, "mix") == 0 ? 40 : strcmp(spirv->name, "unpack") == 0 ? 10 : 0;
        if (least > 0 && (m.num_exact < least || m.num_inexact > 0))
            fail_msg("%s: %u operations are NoContraction, %u are not; all have to be", spirv->name, m.num_exact,
                     m.num_inexact);
        free(m.ids);
    }
    assert_int_equal(num_modules[0], 2); /* with and without subgroups */
    assert_int_equal(num_modules[1], 1);
    uint32_t num_whole = MXD_CONVOLVE_MAX_WHOLE_LOG2_SIZE - MXD_CONVOLVE_MIN_LOG2_SIZE + 1;
    uint32_t num_split = MXD_CONVOLVE_MAX_LOG2_SIZE - MXD_CONVOLVE_MIN_SPLIT_LOG2_SIZE + 1;
    assert_int_equal(num_modules[2], 2 * (num_whole + num_split) + 1);
    assert_int_equal(num_modules[3], 1);
    assert_int_equal(num_modules[4], MXD_NUM_KERNELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_modules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
