/* "place": where in the scene a strip goes. */
#include "session_parts.h"


/* Ten turns either way: a position may circle, since azimuths move as numbers between two times. */
#define MAX_AZIMUTH_DEG 3600.0

static const mxd_planned_key planned_object_keys[] = {
    {"width_deg", "the extent panner"},
    {"height_deg", "the extent panner"},
    {"width", "the extent panner"},
    {"height", "the extent panner"},
    {"depth", "the extent panner"},
    {"diffuse", "diffuseness of objects"},
    {"divergence", "divergence of objects"},
    {"channel_lock", "channel lock"},
    {"zone_exclusion", "zone exclusion"},
    {"screen_ref", "screen reference"},
    {"screen_edge_lock", "screen edge lock"},
    {"gain", "a gain of the object's own"},
    {"gain_db", "a gain of the object's own"},
    {"importance", "importance of objects"},
    {"head_locked", "head lock"},
    {"jump_position", "jumping between positions"},
    {"interpolation_length_s", "jumping between positions"},
};

static const mxd_planned_key planned_position_keys[] = {
    {"x", "the cartesian position"},
    {"y", "the cartesian position"},
    {"z", "the cartesian position"},
    {"cartesian", "the cartesian position"},
};

static const mxd_planned_key planned_place_keys[] = {
    {"ambisonics", "Ambisonics"},
    {"binaural", "binaural rendering"},
    {"pan_law", "a choice of pan law"},
    {"width", "stereo width"},
};

/* azimuth_deg, elevation_deg, distance of an object or of one of its positions. */
static bool read_position(mxd_reader *reader, mxd_position *position)
{
    bool cartesian = mxd_refuse_all(reader, planned_position_keys, COUNT(planned_position_keys));
    bool good = mxd_read_number(reader, "azimuth_deg", cartesian ? MXD_OPTIONAL : MXD_REQUIRED, -MAX_AZIMUTH_DEG,
                                MAX_AZIMUTH_DEG, &position->azimuth_deg);
    if (mxd_read_has(reader, "elevation_deg"))
        good = mxd_read_number(reader, "elevation_deg", MXD_OPTIONAL, -90.0, 90.0, &position->elevation_deg) && good;
    double distance = 1.0;
    if (mxd_read_has(reader, "distance"))
        good = mxd_read_number(reader, "distance", MXD_OPTIONAL, 0.0, 1000.0, &distance) && good;
    if (distance != 1.0) {
        mxd_reader_fail(reader, "distance", "a \"distance\" other than 1 needs the extent panner, which is not built "
                                            "yet");
        good = false;
    }
    return good;
}

static void load_positions(mxd_loader *loader, mxd_reader *reader, mxd_object *object)
{
    static const char *const static_keys[] = {"azimuth_deg", "elevation_deg", "distance"};
    for (size_t i = 0; i < COUNT(static_keys); i++)
        if (mxd_read_has(reader, static_keys[i]))
            mxd_reader_fail(reader, static_keys[i], "\"%s\" stands beside \"positions\": put it into them",
                            static_keys[i]);
    mxd_reader *array = mxd_read_array(reader, "positions", MXD_REQUIRED);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    if (count == 0)
        mxd_reader_fail(reader, "positions", "there must be at least one position");
    object->positions = mxd_loader_alloc(loader, count, sizeof *object->positions);
    for (size_t i = 0; object->positions && i < count; i++) {
        mxd_reader *item = mxd_item_object(array, i);
        if (!item)
            continue;
        mxd_position *position = &object->positions[object->num_positions];
        *position = (mxd_position){0};
        bool good = mxd_read_time(item, "time_s", MXD_REQUIRED, loader->session->sample_rate, &position->frame);
        if (good && object->num_positions > 0 && position->frame <= position[-1].frame) {
            mxd_reader_fail(item, "time_s", "positions must ascend in time by a frame or more, but this one does not "
                                            "come after the one before");
            good = false;
        }
        good = read_position(item, position) && good;
        mxd_refuse_all(item, planned_object_keys, COUNT(planned_object_keys));
        if (good)
            object->num_positions++;
        mxd_reader_close(item);
    }
    mxd_reader_close(array);
}

static void load_object(mxd_loader *loader, mxd_reader *reader, mxd_object *object)
{
    if (mxd_read_has(reader, "positions")) {
        load_positions(loader, reader, object);
        mxd_refuse_all(reader, planned_position_keys, COUNT(planned_position_keys));
    } else {
        object->positions = mxd_loader_alloc(loader, 1, sizeof *object->positions);
        if (object->positions && read_position(reader, object->positions))
            object->num_positions = 1;
    }
    mxd_refuse_all(reader, planned_object_keys, COUNT(planned_object_keys));
}

static void load_objects(mxd_loader *loader, mxd_reader *reader, mxd_placement *place)
{
    mxd_reader *array = mxd_read_array(reader, "objects", MXD_REQUIRED);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    if (count == 0)
        mxd_reader_fail(reader, "objects", "there must be one object for each channel");
    place->objects = mxd_loader_alloc(loader, count, sizeof *place->objects);
    for (size_t i = 0; place->objects && i < count; i++) {
        mxd_reader *item = mxd_item_object(array, i);
        if (item)
            load_object(loader, item, &place->objects[i]);
        place->num_objects++; /* also for a bad one, so that their number can be checked */
        mxd_reader_close(item);
    }
    mxd_reader_close(array);
}

static void load_single_object(mxd_loader *loader, mxd_reader *reader, mxd_placement *place)
{
    mxd_reader *child = mxd_read_object(reader, "object", MXD_REQUIRED);
    if (!child)
        return;
    place->objects = mxd_loader_alloc(loader, 1, sizeof *place->objects);
    if (place->objects) {
        place->num_objects = 1;
        load_object(loader, child, place->objects);
    }
    mxd_reader_close(child);
}

static void load_kind(mxd_loader *loader, mxd_reader *reader, mxd_placement *place)
{
    static const char *const kinds[] = {"pan", "object", "objects", "bed"};
    const char *chosen = NULL;
    int kind = -1;
    bool refused = mxd_refuse_all(reader, planned_place_keys, COUNT(planned_place_keys));
    place->kind = MXD_PLACE_OBJECTS; /* without objects: unknown, until one is read */
    for (int i = 0; i < (int)COUNT(kinds); i++) {
        if (!mxd_read_has(reader, kinds[i]))
            continue;
        if (chosen)
            mxd_reader_fail(reader, kinds[i], "\"%s\" stands beside \"%s\": a place is one of them", kinds[i], chosen);
        chosen = chosen ? chosen : kinds[i];
        kind = kind < 0 ? i : kind;
    }
    if (kind == 0) {
        if (mxd_read_number(reader, "pan", MXD_REQUIRED, -1.0, 1.0, &place->pan))
            place->kind = MXD_PLACE_PAN;
    } else if (kind == 1) {
        load_single_object(loader, reader, place);
    } else if (kind == 2) {
        load_objects(loader, reader, place);
    } else if (kind == 3) {
        place->bed = mxd_read_layout(reader, "bed", MXD_REQUIRED);
        place->kind = place->bed ? MXD_PLACE_BED : MXD_PLACE_OBJECTS;
    } else if (!refused) {
        mxd_reader_fail(reader, NULL, "a place must be one of \"pan\", \"object\", \"objects\" and \"bed\"");
    }
}

void mxd_load_place(mxd_loader *loader, mxd_reader *reader, mxd_placement *place)
{
    if (!mxd_read_has(reader, "place"))
        return;
    mxd_reader *child = mxd_read_object(reader, "place", MXD_REQUIRED);
    if (!child) {
        place->kind = MXD_PLACE_OBJECTS;
        return;
    }
    mxd_loader_origin(loader, child, &place->origin);
    load_kind(loader, child, place);
    mxd_reader_close(child);
}
