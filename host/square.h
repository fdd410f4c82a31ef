/*
 * Four by four numbers turned over: the smallest square that fills a register of
 * every machine, and what planar signals become interleaved with, and the other
 * way round. MXD_DEFINE_TRANSPOSE(name, type) defines
 *
 *     void name(const type *const from[4], type *const to[4]): to[i][j] = from[j][i]
 *
 * for rows at any address of `type`.
 */
#ifndef MXD_SQUARE_H
#define MXD_SQUARE_H

#define MXD_SQUARE 4u

#define MXD_DEFINE_TRANSPOSE(name, type)                                                                               \
    typedef type name##_row __attribute__((vector_size(4 * sizeof(type)), aligned(sizeof(type)), may_alias));          \
    static inline void name(const type *const from[MXD_SQUARE], type *const to[MXD_SQUARE])                            \
    {                                                                                                                  \
        name##_row a = *(const name##_row *)from[0], b = *(const name##_row *)from[1];                                 \
        name##_row c = *(const name##_row *)from[2], d = *(const name##_row *)from[3];                                 \
        name##_row ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);                                                 \
        name##_row ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);                                                \
        name##_row cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);                                                 \
        name##_row cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);                                                \
        *(name##_row *)to[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);                                    \
        *(name##_row *)to[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);                                    \
        *(name##_row *)to[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);                                  \
        *(name##_row *)to[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);                                  \
    }                                                                                                                  \
    _Static_assert(sizeof(name##_row) == 4 * sizeof(type), "a row of a square is one register or two")

#endif
