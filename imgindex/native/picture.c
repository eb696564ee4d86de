/* One picture: in a smaller size, where its content begins, its commonest tone, its contrast. */

#include "picture.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "common.h"

enum {
    LEVELS = 256,
    TONES = 64,
    NEAR = 2,   /* tones on either side that count as one with a tone */
    TABLES = 4, /* histograms that are counted in turn, so that one level need not wait for itself */
};

/* What an output pixel covers of a line: all of [first + 1, last), and shares of `first` and of `last`. */
typedef struct {
    int first, last;
    float first_share, last_share;
} Span;

/* The span of output pixel i of `count` over `length` source pixels. */
static Span span_of(int i, int count, int length) {
    double size = (double)length / count, from = i * size, to = i + 1 == count ? length : (i + 1) * size;
    Span span = {(int)from, (int)to, 0.0f, 0.0f};
    if (span.last >= length) span.last = length - 1;
    span.first_share = (float)((span.first + 1 < to ? span.first + 1 : to) - from);
    if (span.last > span.first) span.last_share = (float)(to - span.last);
    return span;
}

/* Means over some spans of a line; values of one channel are `step` apart. */
static void mean_along(const float* restrict line, const Span* restrict spans, int count, int step, float unit,
                       uint8_t* restrict out) {
    for (int i = 0; i < count; i++) {
        const Span* span = spans + i;
        double total = span->first_share * line[span->first * step] + span->last_share * line[span->last * step];
        for (int x = span->first + 1; x < span->last; x++) total += line[x * step];
        double mean = total * unit + 0.5;
        out[i * step] = mean < 255.0 ? (uint8_t)mean : 255;
    }
}

/* out[down][across][channels]: means over the areas of a picture (height x width x channels, rows `stride` bytes apart)
   that its pixels cover; neither side is larger than that of the source. Not 0 where memory is short. */
PUBLIC int imgindex_reduce(const uint8_t* picture, int stride, int height, int width, int channels, uint8_t* out,
                           int down, int across) {
    float *line = calloc((size_t)width * channels, sizeof(float)), unit = (float)down / height * across / width;
    Span* spans = malloc(sizeof(Span) * (size_t)across);
    if (line == NULL || spans == NULL) {
        free(line);
        free(spans);
        return -1;
    }
    for (int i = 0; i < across; i++) spans[i] = span_of(i, across, width);
    for (int row = 0; row < down; row++) {
        Span rows = span_of(row, down, height);
        for (int y = rows.first; y <= rows.last; y++) {
            const uint8_t* pixels = picture + (size_t)y * stride;
            float share = y == rows.first ? rows.first_share : y == rows.last ? rows.last_share : 1.0f;
            float kept = y == rows.first ? 0.0f : 1.0f;
#pragma omp simd
            for (int x = 0; x < width * channels; x++) line[x] = kept * line[x] + share * pixels[x];
        }
        for (int channel = 0; channel < channels; channel++)
            mean_along(line + channel, spans, across, channels, unit, out + (size_t)row * across * channels + channel);
    }
    free(line);
    free(spans);
    return 0;
}

/* Marks in `reached` what is connected with (x, y) by pixels within `tolerance` of its level; how many that are.
   `stack` has room for every pixel. */
static int flood(const uint8_t* luma, int height, int width, int x, int y, int tolerance, uint8_t* reached,
                 int* stack) {
    int start = y * width + x, level = luma[start], depth = 0, count = 0;
    if (reached[start]) return 0;
    reached[start] = 1;
    stack[depth++] = start;
    while (depth > 0) {
        int at = stack[--depth], column = at % width;
        const int next[4] = {column > 0 ? at - 1 : -1, column < width - 1 ? at + 1 : -1, at >= width ? at - width : -1,
                             at < (height - 1) * width ? at + width : -1};
        count++;
        for (int i = 0; i < 4; i++) {
            int to = next[i];
            if (to < 0 || reached[to] || abs(luma[to] - level) > tolerance) continue;
            reached[to] = 1;
            stack[depth++] = to;
        }
    }
    return count;
}

/* ends[height][2]: the first pixel of each row, and the one after the last, that no flood from a corner reaches (its
   width and 0 where there is none); a flood goes on within `tolerance` of the level of its corner. How many pixels are
   reached, or -1 where memory is short. */
PUBLIC int imgindex_content(const uint8_t* luma, int height, int width, int tolerance, int* ends) {
    uint8_t* reached = calloc((size_t)height * width, 1);
    int *stack = malloc(sizeof(int) * (size_t)height * width), count = 0;
    if (reached == NULL || stack == NULL) {
        free(reached);
        free(stack);
        return -1;
    }
    for (int corner = 0; corner < 4; corner++)
        count += flood(luma, height, width, corner % 2 ? width - 1 : 0, corner / 2 ? height - 1 : 0, tolerance, reached,
                       stack);
    for (int y = 0; y < height; y++) {
        const uint8_t* row = reached + (size_t)y * width;
        int first = 0, last = width;
        while (first < width && row[first]) first++;
        while (last > 0 && row[last - 1]) last--;
        ends[2 * y] = first;
        ends[2 * y + 1] = last;
    }
    free(reached);
    free(stack);
    return count;
}

/* The commonest tone (of four levels and their neighbours, see `native.Paper`) of a picture of `count` pixels, of those
   that the mask marks, or all where that is NULL. tone[2]: its middle, and how many pixels are looked at; their share.
 */
PUBLIC double imgindex_paper(const uint8_t* luma, const uint8_t* mask, int count, int* tone) {
    int levels[LEVELS][TABLES] = {{0}}, tones[TONES + 2 * NEAR] = {0}, most = 0, at = 0;
    for (; mask == NULL && at + TABLES <= count; at += TABLES)
        for (int table = 0; table < TABLES; table++) levels[luma[at + table]][table]++;
    for (; at < count; at++) levels[luma[at]][at % TABLES] += mask == NULL || mask[at];
    for (int level = 0; level < LEVELS; level++)
        for (int table = 0; table < TABLES; table++) tones[NEAR + level / (LEVELS / TONES)] += levels[level][table];
    tone[0] = tone[1] = 0;
    for (int i = 0; i < TONES; i++) {
        int near = 0;
        for (int j = 0; j <= 2 * NEAR; j++) near += tones[i + j];
        tone[1] += tones[NEAR + i];
        if (near <= most) continue;
        most = near;
        tone[0] = i * (LEVELS / TONES) + LEVELS / TONES / 2;
    }
    return tone[1] ? (double)most / tone[1] : 0.0;
}

/* out[(height / side) * (width / side)]: root mean squares of a - b (height x width) in blocks of side x side. */
PUBLIC void imgindex_block_distances(const float* a, const float* b, int height, int width, int side, float* out) {
    for (int down = 0; down < height / side; down++) {
        for (int across = 0; across < width / side; across++) {
            float sum = 0.0f;
            for (int y = down * side; y < (down + 1) * side; y++) {
                const float *first = a + (size_t)y * width + across * side,
                            *other = b + (size_t)y * width + across * side;
#pragma omp simd reduction(+ : sum)
                for (int x = 0; x < side; x++) sum += (first[x] - other[x]) * (first[x] - other[x]);
            }
            *out++ = sqrtf(sum / (side * side));
        }
    }
}

/* Adds (or takes away, where sign is -1) a row and its squares to the sums of columns. */
static void add_row(const uint8_t* restrict row, int width, int sign, int32_t* restrict sums,
                    int32_t* restrict squares) {
#pragma omp simd
    for (int x = 0; x < width; x++) {
        int32_t value = row[x];
        sums[x] += sign * value;
        squares[x] += sign * value * value;
    }
}

/* out[height][width]: 128 + evened * (value - mean) / (deviation + least) of the window of side x side around a pixel;
   the picture goes on as its reflection. Not 0 where memory is short. */
PUBLIC int imgindex_even_out(const uint8_t* luma, int height, int width, int side, float evened, float least,
                             uint8_t* out) {
    int reach = side / 2;
    float unit = 1.0f / ((float)side * side);
    int32_t *sums = calloc((size_t)2 * width, sizeof(int32_t)), *squares = sums + width;
    float *means = malloc(sizeof(float) * 2 * (size_t)width), *powers = means + width;
    if (sums == NULL || means == NULL) {
        free(sums);
        free(means);
        return -1;
    }
    for (int y = -reach - 1; y < reach; y++)
        add_row(luma + (size_t)reflected(y, height) * width, width, 1, sums, squares);
    for (int y = 0; y < height; y++) {
        add_row(luma + (size_t)reflected(y - reach - 1, height) * width, width, -1, sums, squares);
        add_row(luma + (size_t)reflected(y + reach, height) * width, width, 1, sums, squares);
        int64_t sum = 0, power = 0;
        for (int x = -reach; x < reach; x++) {
            sum += sums[reflected(x, width)];
            power += squares[reflected(x, width)];
        }
        for (int x = 0; x < width; x++) {
            int come = x + reach < width ? x + reach : reflected(x + reach, width);
            int gone = x - reach >= 0 ? x - reach : reflected(x - reach, width);
            sum += sums[come];
            power += squares[come];
            means[x] = (float)sum * unit;
            powers[x] = (float)power * unit;
            sum -= sums[gone];
            power -= squares[gone];
        }
        const uint8_t* row = luma + (size_t)y * width;
        uint8_t* into = out + (size_t)y * width;
#pragma omp simd
        for (int x = 0; x < width; x++) {
            float variance = powers[x] - means[x] * means[x], deviation = sqrtf(variance > 0.0f ? variance : 0.0f);
            float value = 128.0f + evened * (row[x] - means[x]) / (deviation + least);
            into[x] = (uint8_t)(value > 0.0f ? (value < 255.0f ? value : 255.0f) : 0.0f);
        }
    }
    free(sums);
    free(means);
    return 0;
}
