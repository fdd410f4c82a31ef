/* Fader groups, and who belongs to them. */
#include "session_parts.h"

#include <stdlib.h>
#include <string.h>

/* The index of a group's name, or -1; near: the most alike where there is none, or NULL. */
static int find_group(const mxd_loader *loader, const char *name, const char **near)
{
    uint32_t num_groups = loader->session->num_groups;
    for (uint32_t i = 0; i < num_groups; i++)
        if (*name && strcmp(loader->group_names[i], name) == 0)
            return (int)i;
    *near = mxd_nearest(name, loader->group_names, num_groups);
    return -1;
}

/* Where there are no groups at all, the message says so. */
static const char *hint_of(const mxd_loader *loader)
{
    return loader->session->num_groups == 0 ? ": the session has no \"groups\"" : "";
}

/* The group that "group" names: its index, or -1 with a problem or where there is no such key. */
static int read_group(mxd_loader *loader, mxd_reader *reader)
{
    const char *name = NULL, *near = NULL;
    if (!mxd_read_name(reader, "group", MXD_OPTIONAL, &name))
        return -1;
    int group = find_group(loader, name, &near);
    if (group < 0 && near)
        mxd_reader_fail(reader, "group", "there is no group \"%.80s\"; did you mean \"%.80s\"?", name, near);
    else if (group < 0)
        mxd_reader_fail(reader, "group", "there is no group \"%.80s\"%s", name, hint_of(loader));
    return group;
}

static int item_group(mxd_loader *loader, mxd_reader *array, size_t index)
{
    const char *name = NULL, *near = NULL;
    if (!mxd_item_string(array, index, &name))
        return -1;
    int group = find_group(loader, name, &near);
    if (group < 0 && near)
        mxd_item_fail(array, index, "there is no group \"%.80s\"; did you mean \"%.80s\"?", name, near);
    else if (group < 0)
        mxd_item_fail(array, index, "there is no group \"%.80s\"%s", name, hint_of(loader));
    return group;
}

static void load_list(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip)
{
    mxd_reader *array = mxd_read_array(reader, "groups", MXD_OPTIONAL);
    if (!array)
        return;
    size_t count = mxd_reader_length(array);
    strip->groups = mxd_loader_alloc(loader, count, sizeof *strip->groups);
    for (size_t i = 0; strip->groups && i < count; i++) {
        int group = item_group(loader, array, i);
        if (group >= 0)
            strip->groups[strip->num_groups++] = (uint32_t)group;
    }
    mxd_reader_close(array);
}

void mxd_load_membership(mxd_loader *loader, mxd_reader *reader, mxd_strip *strip)
{
    if (!mxd_read_has(reader, "group")) {
        load_list(loader, reader, strip);
        return;
    }
    if (mxd_read_has(reader, "groups"))
        mxd_reader_fail(reader, "groups", "\"group\" and \"groups\" together: put all names into \"groups\"");
    int group = read_group(loader, reader);
    if (group < 0)
        return;
    strip->groups = mxd_loader_alloc(loader, 1, sizeof *strip->groups);
    if (strip->groups)
        strip->groups[strip->num_groups++] = (uint32_t)group;
}

/* ---- The groups ---------------------------------------------------------- */

void mxd_load_group_names(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    if (mxd_read_type(root, "groups") != MXD_JSON_ARRAY)
        return;
    mxd_reader *array = mxd_read_array(root, "groups", MXD_OPTIONAL);
    size_t count = array ? mxd_reader_length(array) : 0;
    session->groups = mxd_loader_alloc(loader, count, sizeof *session->groups);
    loader->group_names = mxd_loader_alloc(loader, count, sizeof *loader->group_names);
    for (size_t i = 0; session->groups && loader->group_names && i < count; i++) {
        session->groups[i].group = -1;
        loader->group_names[session->num_groups++] = "";
        if (mxd_item_type(array, i) != MXD_JSON_OBJECT)
            continue;
        mxd_reader *reader = mxd_item_object(array, i);
        if (reader && mxd_read_type(reader, "name") == MXD_JSON_STRING)
            mxd_read_string(reader, "name", MXD_OPTIONAL, &loader->group_names[i]);
        mxd_reader_abandon(reader);
    }
    mxd_reader_abandon(array);
}

void mxd_load_groups(mxd_loader *loader, mxd_reader *root)
{
    mxd_session *session = loader->session;
    mxd_reader *array = mxd_read_array(root, "groups", MXD_OPTIONAL);
    for (uint32_t i = 0; i < session->num_groups; i++) {
        mxd_fader_group *group = &session->groups[i];
        const char *name = "";
        mxd_reader *reader = array ? mxd_item_object(array, i) : NULL;
        if (reader) {
            mxd_loader_origin(loader, reader, &group->origin);
            mxd_read_name(reader, "name", MXD_REQUIRED, &name);
            mxd_read_level(reader, "fader_db", MXD_OPTIONAL, MXD_MIN_LEVEL_DB, MXD_MAX_LEVEL_DB, &group->fader_db);
            mxd_read_bool(reader, "mute", MXD_OPTIONAL, &group->mute);
            mxd_read_bool(reader, "solo", MXD_OPTIONAL, &group->solo);
            mxd_load_automation(loader, reader, NULL, &group->automation, &group->num_automation);
            group->group = read_group(loader, reader);
        }
        group->name = mxd_loader_copy(loader, name);
        mxd_reader_close(reader);
    }
    mxd_reader_close(array);
}
