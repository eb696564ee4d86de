/* Sums over two pictures that lie on each other: window statistics, shifts and SSIM, each in one pass. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "common.h"

enum { SOFT = 5, SSIM_WINDOW = 7 };

/* means[layer][window]: of the windows at every block, each of two by two blocks of `step` columns; `sums` holds what
   was added up in `step` rows of every layer, and is cleared. Blocks of the row before are kept in `above`. */
static void end_blocks(float* sums, int layers, int step, int columns, int row, double* above, double* means,
                       int windows) {
    int width = columns * step;
    for (int layer = 0; layer < layers; layer++) {
        float* sum = sums + (size_t)layer * width;
        double* last = above + (size_t)layer * columns;
        double* out = means + (size_t)layer * windows + (size_t)(row - 1) * (columns - 1);
        double left = 0.0, last_left = 0.0;
        for (int column = 0; column < columns; column++) {
            float total = 0.0f;
#pragma omp simd reduction(+ : total)
            for (int x = column * step; x < (column + 1) * step; x++) total += sum[x];
            double block = total, last_block = last[column];
            if (row > 0 && column > 0) out[column - 1] = (block + left + last_block + last_left) / (4.0 * step * step);
            last_left = last_block;
            left = block;
            last[column] = block;
        }
        for (int x = 0; x < width; x++) sum[x] = 0.0f;
    }
}

static void soften_along(const uint8_t* restrict row, int width, const float* kernel, float* restrict out) {
    float far = kernel[0], near = kernel[1], middle = kernel[2];
#pragma omp simd
    for (int x = 2; x < width - 2; x++)
        out[x] = middle * row[x] + near * (row[x - 1] + row[x + 1]) + far * (row[x - 2] + row[x + 2]);
    for (int edge = 0; edge < 4; edge++) {
        int x = edge < 2 ? edge : width - 1 - (edge - 2);
        if (x < 0 || x >= width) continue;
        out[x] = middle * row[x] + near * (row[reflected(x - 1, width)] + row[reflected(x + 1, width)]) +
                 far * (row[reflected(x - 2, width)] + row[reflected(x + 2, width)]);
    }
}

static void soften_down(const float* ring, int y, int height, int width, int used, const float* kernel,
                        float* restrict out) {
    const float* rows[SOFT];
    for (int i = 0; i < SOFT; i++) rows[i] = ring + (size_t)(reflected(y + i - 2, height) % SOFT) * width;
    const float *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3], *r4 = rows[4];
#pragma omp simd
    for (int x = 0; x < used; x++)
        out[x] = kernel[2] * r2[x] + kernel[1] * (r1[x] + r3[x]) + kernel[0] * (r0[x] + r4[x]);
}

static void add_products(const float* restrict a, const float* restrict b, int width, float* restrict sums) {
#pragma omp simd
    for (int x = 0; x < width; x++) {
        float p = a[x], q = b[x];
        sums[x] += p;
        sums[width + x] += q;
        sums[2 * width + x] += p * p;
        sums[3 * width + x] += q * q;
        sums[4 * width + x] += p * q;
    }
}

/* Softens both pictures (height x width) with `kernel` (five taps) into soft_a, soft_b (rows * step x columns * step),
   and gives means[5][(rows - 1) * (columns - 1)] of a, b, aa, bb, ab over the windows. Not 0 where memory is short. */
PUBLIC int imgindex_window_means(const uint8_t* a, const uint8_t* b, int height, int width, const float* kernel,
                                 int step, int rows, int columns, float* soft_a, float* soft_b, double* means) {
    int used = columns * step, windows = (rows - 1) * (columns - 1), along = 0;
    float* ring = malloc(sizeof(float) * (size_t)(2 * SOFT * width + 5 * used));
    double* above = calloc((size_t)5 * columns, sizeof(double));
    if (ring == NULL || above == NULL) {
        free(ring);
        free(above);
        return -1;
    }
    float *ring_b = ring + SOFT * width, *sums = ring + 2 * SOFT * width;
    for (int x = 0; x < 5 * used; x++) sums[x] = 0.0f;
    for (int y = 0; y < rows * step; y++) {
        for (; along <= y + 2 && along < height; along++) {
            soften_along(a + (size_t)along * width, width, kernel, ring + (along % SOFT) * width);
            soften_along(b + (size_t)along * width, width, kernel, ring_b + (along % SOFT) * width);
        }
        float *row_a = soft_a + (size_t)y * used, *row_b = soft_b + (size_t)y * used;
        soften_down(ring, y, height, width, used, kernel, row_a);
        soften_down(ring_b, y, height, width, used, kernel, row_b);
        add_products(row_a, row_b, used, sums);
        if ((y + 1) % step == 0) end_blocks(sums, 5, step, columns, y / step, above, means, windows);
    }
    free(ring);
    free(above);
    return 0;
}

static void mix(const float* restrict a, const float* restrict b, float unit_a, float unit_b, int width,
                float* restrict out) {
#pragma omp simd
    for (int x = 0; x < width; x++) out[x] = 0.5f * unit_a * a[x] + 0.5f * unit_b * b[x];
    out[-1] = out[width > 1 ? 1 : 0];
    out[width] = out[width > 1 ? width - 2 : 0];
}

static void add_gradients(const float* restrict up, const float* restrict here, const float* restrict down,
                          const float* restrict a, const float* restrict b, float unit_a, float unit_b, int width,
                          float* restrict sums) {
#pragma omp simd
    for (int x = 0; x < width; x++) {
        float gx =
            (3.0f * (up[x + 1] - up[x - 1] + down[x + 1] - down[x - 1]) + 10.0f * (here[x + 1] - here[x - 1])) / 32.0f;
        float gy = (3.0f * (down[x - 1] - up[x - 1] + down[x + 1] - up[x + 1]) + 10.0f * (down[x] - up[x])) / 32.0f;
        float p = unit_a * a[x], q = unit_b * b[x];
        sums[x] += gx;
        sums[width + x] += gy;
        sums[2 * width + x] += gx * p;
        sums[3 * width + x] += gx * q;
        sums[4 * width + x] += gy * p;
        sums[5 * width + x] += gy * q;
        sums[6 * width + x] += gx * gx;
        sums[7 * width + x] += gx * gy;
        sums[8 * width + x] += gy * gy;
    }
}

/* Where contrast is evened out, a standard deviation of s grey levels becomes evened * s / (s + floor_level). */
typedef struct {
    double evened, floor_level;
} Evening;

/* What `imgindex_offsets` has of a window, and where it puts the shift. */
typedef struct {
    double x, y, xa, xb, ya, yb, xx, xy, yy;
} Gradients;

static void offset_of(Gradients g, Evening evening, double mean_a, double mean_b, double var_a, double var_b,
                      double* shift) {
    double deviation_a = sqrt(var_a), deviation_b = sqrt(var_b), both = deviation_a + deviation_b;
    double unit_a = evening.evened / (deviation_a + evening.floor_level),
           unit_b = evening.evened / (deviation_b + evening.floor_level);
    double contrast = (unit_a * deviation_a + unit_b * deviation_b) / (both > 1e-6 ? both : 1e-6),
           power = contrast * contrast;
    double xd = contrast * (unit_a * (g.xa - g.x * mean_a) - unit_b * (g.xb - g.x * mean_b));
    double yd = contrast * (unit_a * (g.ya - g.y * mean_a) - unit_b * (g.yb - g.y * mean_b));
    double damping = 0.02 * power * (g.xx + g.yy) + 1.0;
    double xx = power * g.xx + damping, xy = power * g.xy, yy = power * g.yy + damping, determinant = xx * yy - xy * xy;
    shift[0] = (yy * xd - xy * yd) / determinant;
    shift[1] = (xx * yd - xy * xd) / determinant;
}

/* means[9][(rows - 1) * (columns - 1)] of gx, gy, gx a, gx b, gy a, gy b, gx gx, gx gy, gy gy over the windows, where a
   and b (rows * step x columns * step) count `unit_a` and `unit_b` times and (gx, gy) is the Scharr gradient of their
   mean. Not 0 where memory is short. */
static int gradient_means(const float* a, const float* b, float unit_a, float unit_b, int step, int rows, int columns,
                          double* means) {
    int width = columns * step, height = rows * step, windows = (rows - 1) * (columns - 1), wide = width + 2;
    float* ring = malloc(sizeof(float) * (size_t)(3 * wide + 9 * width));
    double* above = calloc((size_t)9 * columns, sizeof(double));
    if (ring == NULL || above == NULL) {
        free(ring);
        free(above);
        return -1;
    }
    float* sums = ring + 3 * wide;
    for (int x = 0; x < 9 * width; x++) sums[x] = 0.0f;
    mix(a, b, unit_a, unit_b, width, ring + 1);
    for (int y = 0; y < height; y++) {
        if (y + 1 < height) {
            size_t next = (size_t)(y + 1) * width;
            mix(a + next, b + next, unit_a, unit_b, width, ring + ((y + 1) % 3) * wide + 1);
        }
        const float* up = ring + (reflected(y - 1, height) % 3) * wide + 1;
        const float* down = ring + (reflected(y + 1, height) % 3) * wide + 1;
        size_t at = (size_t)y * width;
        add_gradients(up, ring + (y % 3) * wide + 1, down, a + at, b + at, unit_a, unit_b, width, sums);
        if ((y + 1) % step == 0) end_blocks(sums, 9, step, columns, y / step, above, means, windows);
    }
    free(ring);
    free(above);
    return 0;
}

/* How far b is out of place in each window that inside[(rows - 1) * (columns - 1)] marks, in pixels, by one step of
   Lucas-Kanade with the contrast of each window evened out; see `structure.Windows.offsets`. shifts[n][2], and means
   and variances [n] of a and of b at their units, are of the marked windows. Not 0 where memory is short. */
PUBLIC int imgindex_offsets(const float* a, const float* b, float unit_a, float unit_b, int step, int rows, int columns,
                            const uint8_t* inside, const double* mean_a, const double* mean_b, const double* var_a,
                            const double* var_b, double evened, double floor_level, double* shifts) {
    int windows = (rows - 1) * (columns - 1);
    const Evening evening = {evened, floor_level};
    double* means = malloc(sizeof(double) * 9 * (size_t)windows);
    if (means == NULL || gradient_means(a, b, unit_a, unit_b, step, rows, columns, means)) {
        free(means);
        return windows ? -1 : 0;
    }
    for (int i = 0, at = 0; i < windows; i++) {
        const double* m = means + i;
        if (!inside[i]) continue;
        Gradients g = {m[0],           m[windows],     m[2 * windows], m[3 * windows], m[4 * windows],
                       m[5 * windows], m[6 * windows], m[7 * windows], m[8 * windows]};
        offset_of(g, evening, mean_a[at], mean_b[at], var_a[at], var_b[at], shifts + 2 * at);
        at++;
    }
    free(means);
    return 0;
}

static void count_row(const uint8_t* restrict a, const uint8_t* restrict b, int width, int sign,
                      int32_t* restrict sums) {
    int wide = width + SSIM_WINDOW - 1;
    int32_t* in = sums + SSIM_WINDOW / 2;
#pragma omp simd
    for (int x = 0; x < width; x++) {
        int32_t p = a[x], q = b[x];
        in[x] += sign * p;
        in[wide + x] += sign * q;
        in[2 * wide + x] += sign * (p * p + q * q);
        in[3 * wide + x] += sign * p * q;
    }
}

static void reflect_sums(int32_t* sums, int width) {
    int margin = SSIM_WINDOW / 2, wide = width + SSIM_WINDOW - 1;
    for (int layer = 0; layer < 4; layer++) {
        int32_t* in = sums + layer * wide + margin;
        for (int i = 1; i <= margin; i++) {
            in[-i] = in[reflected(-i, width)];
            in[width - 1 + i] = in[reflected(width - 1 + i, width)];
        }
    }
}

static void score_row(const int32_t* restrict sums, int width, float c1, float c2, float* restrict out) {
    const float n = SSIM_WINDOW * SSIM_WINDOW;
    int wide = width + SSIM_WINDOW - 1;
#pragma omp simd
    for (int x = 0; x < width; x++) {
        int32_t a = 0, b = 0, power = 0, both = 0;
        for (int i = 0; i < SSIM_WINDOW; i++) {
            a += sums[x + i];
            b += sums[wide + x + i];
            power += sums[2 * wide + x + i];
            both += sums[3 * wide + x + i];
        }
        int32_t squares = a * a + b * b, product = a * b, whole = SSIM_WINDOW * SSIM_WINDOW;
        float light = (2.0f * product / (n * n) + c1) / (squares / (n * n) + c1);
        float structure = 2.0f * (whole * both - product) / (n * (n - 1.0f)) + c2;
        float variance = (whole * power - squares) / (n * (n - 1.0f)) + c2;
        out[x] = light * structure / variance;
    }
}

/* out[height][width]: SSIM in windows of SSIM_WINDOW x SSIM_WINDOW, with sample covariance, pictures reflected at their
   edges. All sums are exact. Not 0 where memory is short. */
PUBLIC int imgindex_ssim(const uint8_t* a, const uint8_t* b, int height, int width, float c1, float c2, float* out) {
    int margin = SSIM_WINDOW / 2;
    int32_t* sums = calloc((size_t)4 * (width + SSIM_WINDOW - 1), sizeof(int32_t));
    if (sums == NULL) return -1;
    for (int y = -margin - 1; y < margin; y++) {
        size_t at = (size_t)reflected(y, height) * width;
        count_row(a + at, b + at, width, 1, sums);
    }
    for (int y = 0; y < height; y++) {
        size_t gone = (size_t)reflected(y - margin - 1, height) * width,
               come = (size_t)reflected(y + margin, height) * width;
        count_row(a + gone, b + gone, width, -1, sums);
        count_row(a + come, b + come, width, 1, sums);
        reflect_sums(sums, width);
        score_row(sums, width, c1, c2, out + (size_t)y * width);
    }
    free(sums);
    return 0;
}

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
        for (int i = 0; i < across * channels; i++) {
            Span span = spans[i / channels];
            const float* from = line + i % channels;
            double total =
                span.first_share * from[span.first * channels] + span.last_share * from[span.last * channels];
            for (int x = span.first + 1; x < span.last; x++) total += from[x * channels];
            double mean = total * unit + 0.5;
            out[(size_t)row * across * channels + i] = mean < 255.0 ? (uint8_t)mean : 255;
        }
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
