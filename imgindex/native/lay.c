/* Lays two pictures on one canvas around what they share. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "geometry.h"
#include "kernels.h"

enum { UNIT = 256 }; /* weights of neighbours are whole numbers that add up to this */

static const double MUCH_SMALLER = 0.75; /* a map to less than this of a side averages areas first */

typedef struct {
    const uint8_t* pixels;
    int height, width;
} Picture;

/* By how much a map stretches the two axes: of the picture before it where a stretch comes first, else of that after
   it; see `transform.parts`. */
static void stretch(const Affine map, double* along_x, double* along_y) {
    double a = map[0][0], b = map[0][1], c = map[1][0], d = map[1][1];
    double column_x = fmax(hypot(a, c), 1e-12), column_y = fmax(hypot(b, d), 1e-12);
    double row_x = fmax(hypot(a, b), 1e-12), row_y = fmax(hypot(c, d), 1e-12);
    int is_before = fabs(a * b + c * d) / (column_x * column_y) <= fabs(a * c + b * d) / (row_x * row_y);
    *along_x = is_before ? column_x : row_x;
    *along_y = is_before ? column_y : row_y;
}

/* In [0, last], whatever the value. */
static inline float within(float value, float last) { return value > 0.0f ? (value < last ? value : last) : 0.0f; }

/* What lies between two values, `share` of UNIT from one to the other, UNIT times as large. */
static inline int between(int one, int other, int share) { return one * UNIT + (other - one) * share; }

/* Where the values of a row of the canvas lie: `places` of the upper left of the four nearest pixels, and the weights
   of those to the right of it and below. */
typedef struct {
    int *places, *across, *along;
} Row;

static void aim(Picture from, float x, float y, float step_x, float step_y, int width, Row row) {
    int* restrict places = row.places, last_x = from.width - 2, last_y = from.height - 2, stride = from.width;
    int* restrict across = row.across, * restrict along = row.along;
    float end_x = (float)(from.width - 1), end_y = (float)(from.height - 1);
#pragma omp simd
    for (int i = 0; i < width; i++) {
        float at_x = within(x + step_x * i, end_x), at_y = within(y + step_y * i, end_y);
        int column = (int)at_x, line = (int)at_y;
        column = column > last_x ? last_x : column;
        line = line > last_y ? last_y : line;
        places[i] = line * stride + column;
        across[i] = (int)((at_x - column) * UNIT + 0.5f);
        along[i] = (int)((at_y - line) * UNIT + 0.5f);
    }
}

/* `warp` of a map that keeps the axes: all rows are aimed alike, and pixels are mixed down first. */
static int warp_level(Picture from, const Affine back, int height, int width, uint8_t* restrict out) {
    int* memory = malloc((4 * sizeof(int) + sizeof(uint16_t)) * ((size_t)width + from.width));
    if (memory == NULL) return -1;
    Row aimed = {memory, memory + width, memory + 2 * width};
    uint32_t* restrict pairs = (uint32_t*)(memory + 3 * width);
    uint16_t* restrict mixed = (uint16_t*)(pairs + width);
    const int* across = aimed.across;
    float last = (float)(from.height - 1), first = (float)(0.5 * back[0][0] + back[0][2] - 0.5);
    aim(from, first, 0.0f, (float)back[0][0], 0.0f, width, aimed);
    for (int y = 0; y < height; y++) {
        float at = within((float)((y + 0.5) * back[1][1] + back[1][2] - 0.5), last);
        int line = (int)at > from.height - 2 ? from.height - 2 : (int)at, share = (int)((at - line) * UNIT + 0.5f);
        const uint8_t *up = from.pixels + (size_t)line * from.width, *low = up + from.width;
#pragma omp simd
        for (int x = 0; x < from.width; x++) mixed[x] = (uint16_t)between(up[x], low[x], share);
        for (int x = 0; x < width; x++) {
            const uint16_t* here = mixed + aimed.places[x];
            pairs[x] = here[0] | (uint32_t)here[1] << 16;
        }
        uint8_t* row = out + (size_t)y * width;
#pragma omp simd
        for (int x = 0; x < width; x++) {
            int left = pairs[x] & 65535, right = pairs[x] >> 16;
            row[x] = (uint8_t)((unsigned)(between(left, right, across[x]) + UNIT * UNIT / 2) / (UNIT * UNIT));
        }
    }
    free(memory);
    return 0;
}

/* out[height][width]: the picture (of 2 x 2 pixels at least) under a map, between its four nearest pixels; its edge
   goes on beyond it. Not 0 where memory is short. */
static int warp(Picture from, const Affine map, int height, int width, uint8_t* restrict out) {
    Affine back;
    invert(map, back);
    if (back[0][1] == 0.0 && back[1][0] == 0.0) return warp_level(from, back, height, width, out);
    int* memory = malloc(5 * sizeof(int) * (size_t)width);
    if (memory == NULL) return -1;
    Row aimed = {memory, memory + width, memory + 2 * width};
    int* restrict up = memory + 3 * width, * restrict low = memory + 4 * width;
    const int *across = aimed.across, *along = aimed.along;
    for (int y = 0; y < height; y++) {
        Place middle = {0.5, y + 0.5}, first = mapped(back, middle);
        aim(from, (float)(first.x - 0.5), (float)(first.y - 0.5), (float)back[0][0], (float)back[1][0], width, aimed);
        for (int x = 0; x < width; x++) {
            const uint8_t *above = from.pixels + aimed.places[x], *below = above + from.width;
            up[x] = above[0] | above[1] << 8;
            low[x] = below[0] | below[1] << 8;
        }
        uint8_t* row = out + (size_t)y * width;
#pragma omp simd
        for (int x = 0; x < width; x++) {
            int above = between(up[x] & 255, up[x] >> 8, across[x]),
                below = between(low[x] & 255, low[x] >> 8, across[x]);
            row[x] = (uint8_t)((unsigned)(between(above, below, along[x]) + UNIT * UNIT / 2) / (UNIT * UNIT));
        }
    }
    free(memory);
    return 0;
}

/* out[height][width]: the picture under a map, reduced by area first where that makes it much smaller. Not 0 where
   memory is short. */
static int sample(Picture from, const Affine map, int height, int width, uint8_t* out) {
    double along_x, along_y;
    stretch(map, &along_x, &along_y);
    int across = (int)lrint(from.width * fmin(1.0, along_x)), down = (int)lrint(from.height * fmin(1.0, along_y));
    across = across > 2 ? across : 2;
    down = down > 2 ? down : 2;
    if (across >= MUCH_SMALLER * from.width && down >= MUCH_SMALLER * from.height)
        return warp(from, map, height, width, out);
    uint8_t* small = malloc((size_t)across * down);
    if (small == NULL) return -1;
    const Affine grow = {{(double)from.width / across, 0.0, 0.0}, {0.0, (double)from.height / down, 0.0}};
    Picture reduced = {small, down, across};
    Affine rest;
    compose(map, grow, rest);
    int failed = imgindex_reduce(from.pixels, from.width, from.height, from.width, 1, down, across, small) ||
                 warp(reduced, rest, height, width, out);
    free(small);
    return failed;
}

/* mask[height][width]: 1 in the pixels that a convex polygon comes near, its corners moved to the nearest pixels'
   centres. Not 0 where memory is short. */
static int fill(const Place* corners, int count, int height, int width, uint8_t* mask) {
    float *low = malloc(2 * sizeof(float) * (size_t)height), *high = low + height;
    if (low == NULL) return -1;
    for (int y = 0; y < height; y++) {
        low[y] = (float)width;
        high[y] = -1.0f;
    }
    for (int i = 0; i < count; i++) {
        Place one = corners[i], other = corners[(i + 1) % count];
        float x0 = rintf((float)one.x - 0.5f), y0 = rintf((float)one.y - 0.5f);
        float x1 = rintf((float)other.x - 0.5f), y1 = rintf((float)other.y - 0.5f);
        int first = (int)(y0 < y1 ? y0 : y1), last = (int)(y0 < y1 ? y1 : y0);
        for (int y = first > 0 ? first : 0; y <= last && y < height; y++) {
            float from = x0, to = x1;
            if (y0 != y1) {
                float slope = (x1 - x0) / (y1 - y0), top = y - 0.5f, bottom = y + 0.5f;
                from = x0 + slope * ((top > first ? top : first) - y0);
                to = x0 + slope * ((bottom < last ? bottom : last) - y0);
            }
            low[y] = fminf(low[y], fminf(from, to));
            high[y] = fmaxf(high[y], fmaxf(from, to));
        }
    }
    memset(mask, 0, (size_t)height * width);
    for (int y = 0; y < height; y++) {
        int first = low[y] > 0.0f ? (int)(low[y] + 0.5f) : 0, last = (int)floorf(high[y] + 0.5f);
        last = last < width ? last : width - 1;
        if (first <= last) memset(mask + (size_t)y * width + first, 1, (size_t)(last - first + 1));
    }
    free(low);
    return 0;
}

static int shorter_side(Picture picture) { return picture.width < picture.height ? picture.width : picture.height; }

static Place corner_of(const Place* corners, int count, int far_one) {
    Place found = corners[0];
    for (int i = 1; i < count; i++) {
        found.x = far_one ? fmax(found.x, corners[i].x) : fmin(found.x, corners[i].x);
        found.y = far_one ? fmax(found.y, corners[i].y) : fmin(found.y, corners[i].y);
    }
    return found;
}

int imgindex_lay(const uint8_t* a, int height_a, int width_a, const uint8_t* b, int height_b, int width_b,
                 const Affine affine, const Place* polygon_a, int corners_a, const Place* polygon_b, int corners_b,
                 double least, int smallest, int long_side, double margin, uint8_t* canvas_a, uint8_t* canvas_b,
                 uint8_t* mask, Affine from_a, Affine from_b, double* shares, int32_t* sizes) {
    const Picture of_a = {a, height_a, width_a}, of_b = {b, height_b, width_b};
    int room = 2 * (corners_a + corners_b), laid_out = 0;
    if (determinant_of(affine) == 0.0 || shorter_side(of_a) < 2 || shorter_side(of_b) < 2) return 0;
    Place *corners = malloc(sizeof(Place) * (size_t)(room + corners_b)), *others = corners + room;
    if (corners == NULL) return -1;
    double along_x, along_y;
    Affine back;
    invert(affine, back);
    stretch(affine, &along_x, &along_y);
    for (int i = 0; i < corners_b; i++) others[i] = mapped(back, polygon_b[i]);
    int count = imgindex_intersect(polygon_a, corners_a, others, corners_b, least, corners);
    double shared = count >= 3 ? 0.5 * fabs(turns(corners, count)) : 0.0;
    if (count < 0 || !(shared > 0.0)) {
        free(corners);
        return count < 0 ? -1 : 0;
    }
    Place from = corner_of(corners, count, 0), to = corner_of(corners, count, 1);
    double beyond = margin * fmax(to.x - from.x, to.y - from.y);
    from.x -= beyond;
    from.y -= beyond;
    double wide = to.x + beyond - from.x, tall = to.y + beyond - from.y;
    double zoom = fmin(fmin(1.0, sqrt(along_x * along_y)), long_side / fmax(wide, tall));
    int width = (int)lrint(wide * zoom), height = (int)lrint(tall * zoom);
    int shorter = width < height ? width : height, longer = width < height ? height : width;
    if (shorter > 0 && shorter >= smallest / 3 && longer >= smallest && longer <= long_side) {
        const Affine onto = {{zoom, 0.0, -from.x * zoom}, {0.0, zoom, -from.y * zoom}};
        memcpy(from_a, onto, sizeof onto);
        compose(onto, back, from_b);
        shares[0] = shared / fmax(0.5 * fabs(turns(polygon_a, corners_a)), 1e-9);
        shares[1] = shared * fabs(determinant_of(affine)) / fmax(0.5 * fabs(turns(polygon_b, corners_b)), 1e-9);
        sizes[0] = height;
        sizes[1] = width;
        for (int i = 0; i < count; i++) corners[i] = mapped(onto, corners[i]);
        laid_out = sample(of_a, from_a, height, width, canvas_a) || sample(of_b, from_b, height, width, canvas_b) ||
                           fill(corners, count, height, width, mask)
                       ? -1
                       : 1;
    }
    free(corners);
    return laid_out;
}
