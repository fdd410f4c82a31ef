/*
 * Uploads: the packed frames that a block's uploads name are copied once into
 * staging memory by the host, and from there by one copy to the device, or
 * straight into the device's memory where the host can reach it; one dispatch
 * unpacks all lanes (shaders/unpack.comp). The lanes themselves are written by
 * the compute queue alone, so that a block travels while another is computed.
 *
 * The host only ever writes the mapped memory, front to back: it may be
 * write-combined, where a read takes a trip over the bus.
 */
#include "vulkan.h"

#include "../upload_spans.h"
#include "shaders/unpack.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct mxd_unpack_item_data) == 32, "std430 stride");

/* Pieces begin at whole vectors, so that memcpy's own stores are aligned. */
#define PIECE_ALIGNMENT 16u
/* Samples of one dispatch: below 100 ms at 5e9 a second, a small GPU's memory. */
#define SAMPLES_A_DISPATCH ((uint64_t)1 << 28)
/* Threads that copy: together they fill a bus of 16 lanes (PCIe 4: 25 GB/s; a core copies 8 to 12). */
#define MAX_COPIERS 4u
/* Below this, waking threads takes longer than the copy. */
#define BYTES_FOR_THREADS ((uint64_t)1 << 20)

static mxd_result out_of_memory(const mxd_vulkan_backend *backend)
{
    return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while a block was submitted");
}

static uint32_t workgroup_size(const mxd_vulkan_backend *backend)
{
    return backend->context.limits.workgroup >= MXD_UNPACK_MAX_WORKGROUP ? MXD_UNPACK_MAX_WORKGROUP : 128;
}

mxd_result mxd_vulkan_uploads_prepare(mxd_vulkan_backend *backend)
{
    backend->copiers = mxd_threads_create(MAX_COPIERS);
    if (!backend->copiers)
        return mxd_fail(backend->base.problems, MXD_ERROR_MEMORY, NULL, "memory ran out while the device was prepared");
    const mxd_vulkan_pipeline_params pipeline = {
        .module = "unpack",
        .num_bindings = MXD_UNPACK_NUM_BINDINGS,
        .push_bytes = sizeof(struct mxd_unpack_push),
        .workgroup = workgroup_size(backend),
    };
    return mxd_vulkan_pipeline_start(&backend->context, &pipeline, &backend->unpack);
}

/* ---- Layout -------------------------------------------------------------- */

static struct mxd_unpack_item_data *add_item(mxd_vulkan_uploads *uploads)
{
    if (uploads->num_items == uploads->item_capacity) {
        uint32_t capacity = uploads->item_capacity ? 2 * uploads->item_capacity : 64;
        struct mxd_unpack_item_data *items = realloc(uploads->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        uploads->items = items;
        uploads->item_capacity = capacity;
    }
    return &uploads->items[uploads->num_items++];
}

static mxd_vulkan_piece *add_piece(mxd_vulkan_uploads *uploads)
{
    if (uploads->num_pieces == uploads->piece_capacity) {
        uint32_t capacity = uploads->piece_capacity ? 2 * uploads->piece_capacity : 64;
        mxd_vulkan_piece *pieces = realloc(uploads->pieces, capacity * sizeof *pieces);
        if (!pieces)
            return NULL;
        uploads->pieces = pieces;
        uploads->piece_capacity = capacity;
    }
    return &uploads->pieces[uploads->num_pieces++];
}

static struct mxd_unpack_item_data unpack_item(const mxd_upload *upload)
{
    static const struct {
        mxd_u32 format;
        double full_scale;
    } formats[] = {
        [MXD_SAMPLES_F32] = {MXD_UNPACK_F32, 1.0},
        [MXD_SAMPLES_S16] = {MXD_UNPACK_S16, 32768.0},
        [MXD_SAMPLES_S24] = {MXD_UNPACK_S24, 8388608.0},
        [MXD_SAMPLES_S32] = {MXD_UNPACK_S32, 2147483648.0},
    };
    if (!upload->frames)
        return (struct mxd_unpack_item_data){.lane = upload->lane, .format = MXD_UNPACK_SILENCE};
    double scale = upload->gain / formats[upload->format].full_scale;
    return (struct mxd_unpack_item_data){
        .lane = upload->lane,
        .format = formats[upload->format].format,
        .scale = (float)scale,
        .scale_low = (float)(scale - (float)scale),
    };
}

/* Opens the next page; false where there is none. */
static bool next_page(mxd_vulkan_uploads *uploads)
{
    if (uploads->num_pages == MXD_VULKAN_MAX_PAGES)
        return false;
    uploads->first_item[uploads->num_pages] = uploads->num_items;
    uploads->page_bytes[uploads->num_pages++] = 0;
    return true;
}

/* One span, in as many pieces as pages make of it, and the items of the uploads that share it. */
static mxd_result lay_out_span(mxd_vulkan_backend *backend, mxd_vulkan_uploads *uploads,
                               const mxd_upload *const *sharing, uint32_t num_sharing, uint32_t num_frames)
{
    uint64_t most = backend->context.limits.range_bytes - 2 * PIECE_ALIGNMENT;
    uint32_t sample_bytes = mxd_sample_bytes(sharing[0]->format);
    uint64_t frame_bytes = (uint64_t)sharing[0]->num_channels * sample_bytes;
    for (uint32_t done = 0; done < num_frames;) {
        uint64_t *used = &uploads->page_bytes[uploads->num_pages - 1];
        uint64_t offset = mxd_vulkan_align(*used, PIECE_ALIGNMENT);
        uint64_t fit = offset < most ? (most - offset) / frame_bytes : 0;
        uint64_t count = num_frames - done;
        if (fit < count)
            count = fit / MXD_UNPACK_SAMPLES * MXD_UNPACK_SAMPLES;
        if (count == 0) {
            if (*used == 0 || !next_page(uploads))
                return mxd_fail(backend->base.problems, MXD_ERROR_DEVICE_MEMORY, NULL,
                                "the audio of one block takes more than the device binds (%u times %.1f MiB): use "
                                "smaller blocks", MXD_VULKAN_MAX_PAGES, (double)most / 1048576.0);
            continue;
        }
        mxd_vulkan_piece *piece = add_piece(uploads);
        if (!piece)
            return out_of_memory(backend);
        *piece = (mxd_vulkan_piece){
            .from = (const uint8_t *)sharing[0]->frames + done * frame_bytes,
            .bytes = count * frame_bytes,
            .page = uploads->num_pages - 1,
            .offset = offset,
        };
        for (uint32_t i = 0; i < num_sharing; i++) {
            struct mxd_unpack_item_data *item = add_item(uploads);
            if (!item)
                return out_of_memory(backend);
            *item = unpack_item(sharing[i]);
            item->first_frame = done;
            item->num_frames = (uint32_t)count;
            item->first_byte = (uint32_t)(offset + (uint64_t)sharing[i]->channel * sample_bytes);
            item->frame_bytes = (uint32_t)frame_bytes;
        }
        *used = offset + piece->bytes;
        done += (uint32_t)count;
    }
    return MXD_OK;
}

static mxd_result lay_out(mxd_vulkan_backend *backend, mxd_vulkan_uploads *uploads, const mxd_block *block)
{
    uploads->num_pieces = 0;
    uploads->num_items = 0;
    uploads->num_pages = 0;
    if (!uploads->order) /* each lane is uploaded at most once (host/backend.c) */
        uploads->order = calloc(backend->base.params.num_lanes, sizeof *uploads->order);
    if (!uploads->order)
        return out_of_memory(backend);
    uint32_t sounding = mxd_upload_order(block->uploads, block->num_uploads, uploads->order);
    next_page(uploads);
    for (uint32_t i = 0; i < sounding;) {
        uint32_t count = mxd_upload_same_frames(&uploads->order[i], sounding - i);
        mxd_result result = lay_out_span(backend, uploads, &uploads->order[i], count, block->num_frames);
        if (result != MXD_OK)
            return result;
        i += count;
    }
    for (uint32_t i = sounding; i < block->num_uploads; i++) {
        struct mxd_unpack_item_data *item = add_item(uploads);
        if (!item)
            return out_of_memory(backend);
        *item = unpack_item(uploads->order[i]);
        item->num_frames = block->num_frames;
    }
    uploads->first_item[uploads->num_pages] = uploads->num_items;
    return MXD_OK;
}

/* ---- Staging ------------------------------------------------------------- */

const mxd_vulkan_buffer *mxd_vulkan_staged_buffer(const mxd_vulkan_staged *staged)
{
    return staged->copy.buffer ? &staged->copy : &staged->host;
}

/* *most: of any slot so far, so that a larger block lengthens each slot once. */
static mxd_result grow_staged(mxd_vulkan_backend *backend, mxd_vulkan_staged *staged, uint64_t bytes, uint64_t *most,
                              const char *what)
{
    mxd_vulkan_device_context *context = &backend->context;
    staged->used = bytes;
    if (*most < bytes)
        *most = bytes;
    if (context->direct)
        return mxd_vulkan_buffer_grow(context, *most, MXD_VULKAN_DIRECT, what, &staged->host);
    mxd_result result = mxd_vulkan_buffer_grow(context, *most, MXD_VULKAN_UPLOAD, what, &staged->host);
    if (result == MXD_OK)
        result = mxd_vulkan_buffer_grow(context, *most, MXD_VULKAN_EXCHANGE, what, &staged->copy);
    return result;
}

static mxd_result bind_page(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, uint32_t page)
{
    if (!slot->sets[page].set) {
        mxd_result result = mxd_vulkan_set_init(&backend->context, &backend->unpack, &slot->sets[page]);
        if (result != MXD_OK)
            return result;
    }
    const mxd_vulkan_buffer *buffers[MXD_UNPACK_NUM_BINDINGS] = {
        [MXD_UNPACK_BINDING_WORDS] = mxd_vulkan_staged_buffer(&slot->pages[page]),
        [MXD_UNPACK_BINDING_ITEMS] = mxd_vulkan_staged_buffer(&slot->head),
        [MXD_UNPACK_BINDING_LANES] = &backend->lanes,
    };
    mxd_vulkan_set_write(&backend->context, &slot->sets[page], buffers, MXD_UNPACK_NUM_BINDINGS);
    return MXD_OK;
}

static mxd_result make_room(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, uint64_t params_bytes)
{
    mxd_vulkan_uploads *uploads = &slot->uploads;
    uint64_t head_bytes = params_bytes + uploads->num_items * sizeof *uploads->items;
    mxd_result result = grow_staged(backend, &slot->head, head_bytes, &backend->head_bytes, "a block's parameters");
    for (uint32_t i = 0; i < MXD_VULKAN_MAX_PAGES; i++)
        slot->pages[i].used = 0;
    for (uint32_t i = 0; result == MXD_OK && uploads->num_items > 0 && i < uploads->num_pages; i++) {
        uint64_t bytes = uploads->page_bytes[i] ? uploads->page_bytes[i] + MXD_UNPACK_PADDING : 0;
        result = grow_staged(backend, &slot->pages[i], mxd_vulkan_align(bytes, 4), &backend->page_bytes[i], "uploads");
        if (result == MXD_OK && bytes == 0) /* silence alone; the binding still needs a buffer */
            result = mxd_vulkan_buffer_grow(&backend->context, 16,
                                            backend->context.direct ? MXD_VULKAN_DIRECT : MXD_VULKAN_EXCHANGE,
                                            "uploads", backend->context.direct ? &slot->pages[i].host
                                                                               : &slot->pages[i].copy);
        if (result == MXD_OK)
            result = bind_page(backend, slot, i);
    }
    return result;
}

static void copy_piece(void *user, uint32_t index, uint32_t thread)
{
    (void)thread;
    const mxd_vulkan_slot *slot = user;
    const mxd_vulkan_piece *piece = &slot->uploads.pieces[index];
    memcpy((uint8_t *)slot->pages[piece->page].host.mapped + piece->offset, piece->from, piece->bytes);
}

void mxd_vulkan_share_copies(mxd_vulkan_backend *backend, uint64_t bytes, uint32_t count,
                             void (*copy)(void *user, uint32_t index, uint32_t thread), void *user)
{
    if (bytes >= BYTES_FOR_THREADS) {
        mxd_threads_run(backend->copiers, count, copy, user);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        copy(user, i, 0);
}

mxd_result mxd_vulkan_uploads_stage(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, const mxd_block *block,
                                    uint64_t params_bytes)
{
    mxd_result result = lay_out(backend, &slot->uploads, block);
    if (result == MXD_OK)
        result = make_room(backend, slot, params_bytes);
    if (result != MXD_OK)
        return result;
    const mxd_vulkan_uploads *uploads = &slot->uploads;
    if (uploads->num_items > 0)
        memcpy((uint8_t *)slot->head.host.mapped + params_bytes, uploads->items,
               uploads->num_items * sizeof *uploads->items);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < uploads->num_pages; i++)
        bytes += uploads->page_bytes[i];
    mxd_vulkan_share_copies(backend, bytes, uploads->num_pieces, copy_piece, slot);
    return MXD_OK;
}

mxd_result mxd_vulkan_uploads_flush(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot)
{
    mxd_result result = mxd_vulkan_buffer_flush(&backend->context, &slot->head.host, slot->head.used);
    for (uint32_t i = 0; result == MXD_OK && i < slot->uploads.num_pages; i++)
        result = mxd_vulkan_buffer_flush(&backend->context, &slot->pages[i].host, slot->pages[i].used);
    return result;
}

/* ---- Recording ----------------------------------------------------------- */

static void copy_staged(VkCommandBuffer commands, const mxd_vulkan_staged *staged)
{
    const VkBufferCopy region = {.size = staged->used};
    if (staged->used > 0)
        vkCmdCopyBuffer(commands, staged->host.buffer, staged->copy.buffer, 1, &region);
}

void mxd_vulkan_uploads_copy(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, VkCommandBuffer commands)
{
    if (backend->context.direct)
        return;
    copy_staged(commands, &slot->head);
    for (uint32_t i = 0; i < slot->uploads.num_pages; i++)
        copy_staged(commands, &slot->pages[i]);
}

/* Items from first to end, all on one page, in dispatches that are small enough. */
static void unpack_items(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, VkCommandBuffer commands, uint32_t page,
                         uint32_t items_at, uint32_t num_frames)
{
    uint32_t end = slot->uploads.first_item[page + 1];
    uint32_t tile = MXD_UNPACK_SAMPLES * workgroup_size(backend);
    uint64_t most = mxd_vulkan_work(backend, SAMPLES_A_DISPATCH);
    for (uint32_t first = slot->uploads.first_item[page]; first < end;) {
        uint64_t count = end - first;
        if (count > MXD_VULKAN_MAX_GROUPS)
            count = MXD_VULKAN_MAX_GROUPS;
        if (count * tile > most)
            count = most / tile > 0 ? most / tile : 1;
        uint64_t span = most / (count * tile) * tile;
        if (span < tile)
            span = tile;
        for (uint64_t frame = 0; frame < num_frames; frame += span) {
            uint64_t left = num_frames - frame;
            const struct mxd_unpack_push push = {
                .first_item = items_at + first,
                .lane_vec4s = backend->base.params.block_frames / 4,
                .first_frame = (uint32_t)frame,
            };
            /* Every item writes frames of its own: no barrier. */
            mxd_vulkan_dispatch(commands, &backend->unpack, &slot->sets[page], &push, (uint32_t)count,
                                (uint32_t)(((left < span ? left : span) + tile - 1) / tile), 1);
        }
        first += (uint32_t)count;
    }
}

void mxd_vulkan_uploads_unpack(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot, VkCommandBuffer commands)
{
    const mxd_vulkan_uploads *uploads = &slot->uploads;
    uint64_t items_at = slot->head.used / sizeof *uploads->items - uploads->num_items;
    uint32_t num_frames = 0;
    for (uint32_t i = 0; i < uploads->num_items; i++)
        if (uploads->items[i].num_frames > num_frames)
            num_frames = uploads->items[i].num_frames;
    for (uint32_t i = 0; uploads->num_items > 0 && i < uploads->num_pages; i++)
        unpack_items(backend, slot, commands, i, (uint32_t)items_at, num_frames);
}

void mxd_vulkan_uploads_finish(mxd_vulkan_backend *backend, mxd_vulkan_slot *slot)
{
    mxd_vulkan_device_context *context = &backend->context;
    mxd_vulkan_buffer_finish(context, &slot->head.host);
    mxd_vulkan_buffer_finish(context, &slot->head.copy);
    for (uint32_t i = 0; i < MXD_VULKAN_MAX_PAGES; i++) {
        mxd_vulkan_buffer_finish(context, &slot->pages[i].host);
        mxd_vulkan_buffer_finish(context, &slot->pages[i].copy);
        mxd_vulkan_set_finish(context, &slot->sets[i]);
    }
    free(slot->uploads.order);
    free(slot->uploads.pieces);
    free(slot->uploads.items);
}
