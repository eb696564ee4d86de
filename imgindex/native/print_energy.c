/* How much two pictures of printed text differ, window by window. */

#include <stdlib.h>

#include "common.h"

/* Adds d and d * d to sums[2][width + 2 * margin], d being what two rows differ by; b may be NULL for nothing. */
static void add_row(const float* restrict a, const float* restrict b, int width, int margin, float* restrict sums) {
    float* restrict plain = sums + margin, * restrict squared = plain + width + 2 * margin;
#pragma omp simd
    for (int x = 0; x < width; x++) {
        float d = b == NULL ? a[x] : a[x] - b[x];
        plain[x] += d;
        squared[x] += d * d;
    }
}

/* The variance of d in the window of size x size around column x, of sums over its rows. */
static float variance(const float* sums, int width, int margin, int x, int size) {
    const float *plain = sums + margin + x - size / 2, *squared = plain + width + 2 * margin;
    double total = 0.0, power = 0.0, pixels = (double)size * size;
    for (int i = 0; i < size; i++) {
        total += plain[i];
        power += squared[i];
    }
    total /= pixels;
    return (float)(power / pixels - total * total);
}

/* sums[2][width + 2 * margin] over the rows of the window around row y, for b moved by (dx, dy); b[height + 2][width +
   2] has a frame of one pixel. */
static void sum_rows(const float* a, const float* b, int height, int width, int y, int dx, int dy, int size,
                     float* sums) {
    int margin = size, wide = width + 2 * margin;
    for (int x = 0; x < 2 * wide; x++) sums[x] = 0.0f;
    for (int i = 0; i < size; i++) {
        int row = reflected(y - size / 2 + i, height);
        const float* moved = b == NULL ? NULL : b + (size_t)(row + 1 + dy) * (width + 2) + 1 + dx;
        add_row(a + (size_t)row * width, moved, width, margin, sums);
    }
    reflect_margins(sums + margin, width, margin);
    reflect_margins(sums + wide + margin, width, margin);
}

int imgindex_least_variance(const float* a, const float* b, int height, int width, int size, const int32_t* places,
                            int count, float* least) {
    int reach = b == NULL ? 0 : 1;
    float* sums = malloc(sizeof(float) * 2 * ((size_t)width + 2 * (size_t)size));
    if (sums == NULL) return -1;
    for (int first = 0, last; first < count; first = last) {
        for (last = first; last < count && places[2 * last + 1] == places[2 * first + 1]; last++);
        for (int shift = 0; shift < (2 * reach + 1) * (2 * reach + 1); shift++) {
            int dx = shift % (2 * reach + 1) - reach, dy = shift / (2 * reach + 1) - reach;
            sum_rows(a, b, height, width, places[2 * first + 1], dx, dy, size, sums);
            for (int i = first; i < last; i++) {
                float found = variance(sums, width, size, places[2 * i], size);
                least[i] = shift > 0 && least[i] < found ? least[i] : found;
            }
        }
    }
    free(sums);
    return 0;
}
