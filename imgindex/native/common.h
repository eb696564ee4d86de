#ifndef IMGINDEX_COMMON_H
#define IMGINDEX_COMMON_H

#include "kernels.h"

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define LANES_AT(values) (*(const Lanes*)(values))

/* The least multiple of `step` that is not below `count`. */
static inline int rounded_up(int count, int step) { return (count + step - 1) / step * step; }

/* The index that OpenCV's BORDER_REFLECT_101 reads instead of one outside of [0, count). */
static inline int reflected(int at, int count) {
    if (count == 1) return 0;
    while (at < 0 || at >= count) at = at < 0 ? -at : 2 * (count - 1) - at;
    return at;
}

/* Fills `margin` values (of four bytes: floats, or whole numbers) on both sides of line[width] with its reflection. */
static inline void reflect_margins(void* line, int width, int margin) {
    typedef uint32_t Bits __attribute__((may_alias));
    Bits* bits = line;
    for (int i = 1; i <= margin; i++) {
        bits[-i] = bits[reflected(-i, width)];
        bits[width - 1 + i] = bits[reflected(width - 1 + i, width)];
    }
}

#endif
