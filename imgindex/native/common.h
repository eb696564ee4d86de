#ifndef IMGINDEX_COMMON_H
#define IMGINDEX_COMMON_H

#define PUBLIC __attribute__((visibility("default")))

/* The index that OpenCV's BORDER_REFLECT_101 reads instead of one outside of [0, count). */
static inline int reflected(int at, int count) {
    if (count == 1) return 0;
    while (at < 0 || at >= count) at = at < 0 ? -at : 2 * (count - 1) - at;
    return at;
}

#endif
