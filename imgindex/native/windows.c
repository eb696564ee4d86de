/* Statistics of the windows of two pictures that lie on each other, and how far one is shifted in each. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { SOFT = 5, PRODUCTS = 5, GRADIENTS = 9 };

static const double LEAST_INSIDE = 0.9;             /* share of a window that lies in the mask */
static const double ALIKE = 0.5, ALIKE_SHARE = 0.6; /* correlation of windows that are alike, and how many have less */
static const double LEAST_GAIN = 0.2, MOST_GAIN = 5.0;

/* What makes the contrast of a, and of b, that of the stronger of them, where b has `gain` times that of a. */
static double unit_of_a(double gain) { return fmax(1.0, gain); }

static double unit_of_b(double gain) { return fmax(1.0, 1.0 / gain); }

/* means[layer][window]: of the windows at every block, each of two by two blocks of `step` columns; `sums` holds what
   was added up in `step` rows of every layer. Blocks of the row before are kept in `above`. */
static void end_blocks(const float* sums, int layers, int step, int columns, int row, double* above, double* means,
                       int windows) {
    int room = rounded_up(columns * step, LANES);
    for (int layer = 0; layer < layers; layer++) {
        const float* sum = sums + (size_t)layer * room;
        double* last = above + (size_t)layer * columns;
        double* out = means + (size_t)layer * windows + (size_t)(row - 1) * (columns - 1);
        double left = 0.0, last_left = 0.0;
        for (int column = 0; column < columns; column++) {
            float total = 0.0f;
            for (int x = column * step; x < (column + 1) * step; x++) total += sum[x];
            double block = total, last_block = last[column];
            if (row > 0 && column > 0) out[column - 1] = (block + left + last_block + last_left) / (4.0 * step * step);
            last_left = last_block;
            left = block;
            last[column] = block;
        }
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

/* sums[PRODUCTS][rounded_up(width, LANES)]: of a, b, aa, bb, ab over `step` rows; reads up to LANES values more than
 * there are. */
static void sum_products(const float* a, const float* b, int width, int step, float* sums) {
    int room = rounded_up(width, LANES);
    for (int x = 0; x < width; x += LANES) {
        Lanes total[PRODUCTS] = {{0.0f}};
        for (int y = 0; y < step; y++) {
            Lanes p = LANES_AT(a + y * width + x), q = LANES_AT(b + y * width + x);
            total[0] += p;
            total[1] += q;
            total[2] += p * p;
            total[3] += q * q;
            total[4] += p * q;
        }
        for (int layer = 0; layer < PRODUCTS; layer++) *(Lanes*)(sums + layer * room + x) = total[layer];
    }
}

/* Softens both pictures (height x width) with `kernel` (five taps) into soft_a, soft_b (rows * step x columns * step),
   and gives means[PRODUCTS][(rows - 1) * (columns - 1)] of a, b, aa, bb, ab over the windows. Not 0 where memory is
   short. */
static int window_means(const uint8_t* a, const uint8_t* b, int height, int width, const float* kernel, int step,
                        int rows, int columns, float* soft_a, float* soft_b, double* means) {
    int used = columns * step, windows = (rows - 1) * (columns - 1), along = 0;
    float* ring = malloc(sizeof(float) * (size_t)(2 * SOFT * width + PRODUCTS * rounded_up(used, LANES)));
    double* above = calloc((size_t)PRODUCTS * columns, sizeof(double));
    if (ring == NULL || above == NULL) {
        free(ring);
        free(above);
        return -1;
    }
    float *ring_b = ring + SOFT * width, *sums = ring + 2 * SOFT * width;
    for (int y = 0; y < rows * step; y++) {
        for (; along <= y + 2 && along < height; along++) {
            soften_along(a + (size_t)along * width, width, kernel, ring + (along % SOFT) * width);
            soften_along(b + (size_t)along * width, width, kernel, ring_b + (along % SOFT) * width);
        }
        float *row_a = soft_a + (size_t)y * used, *row_b = soft_b + (size_t)y * used;
        soften_down(ring, y, height, width, used, kernel, row_a);
        soften_down(ring_b, y, height, width, used, kernel, row_b);
        if ((y + 1) % step) continue;
        size_t band = (size_t)(y + 1 - step) * used;
        sum_products(soft_a + band, soft_b + band, used, step, sums);
        end_blocks(sums, PRODUCTS, step, columns, y / step, above, means, windows);
    }
    free(ring);
    free(above);
    return 0;
}

/* The value that a share of `count` > 0 values is below, linear between neighbours, as numpy.quantile has it; orders
   the values in part. */
static double quantile(double* values, int count, double share) {
    int wanted = (int)(share * (count - 1)), low = 0, high = count - 1;
    while (low < high) { /* C. Hoare, "Algorithm 65: find", CACM 1961 */
        double pivot = values[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i <= j) {
                double swapped = values[i];
                values[i++] = values[j];
                values[j--] = swapped;
            }
        }
        if (wanted <= j)
            high = j;
        else if (wanted >= i)
            low = i;
        else
            break;
    }
    double next = values[wanted];
    if (wanted + 1 < count) {
        next = values[wanted + 1];
        for (int i = wanted + 2; i < count; i++) next = values[i] < next ? values[i] : next;
    }
    return values[wanted] + (next - values[wanted]) * (share * (count - 1) - wanted);
}

/* inside[(rows - 1) * (columns - 1)]: whether a window lies in a mask, which is 1 everywhere if it is NULL. Not 0 where
   memory is short. */
static int mark_inside(const uint8_t* mask, int width, int step, int rows, int columns, uint8_t* inside) {
    if (mask == NULL) {
        memset(inside, 1, (size_t)(rows - 1) * (columns - 1));
        return 0;
    }
    int* blocks = calloc((size_t)rows * columns, sizeof(int));
    if (blocks == NULL) return -1;
    for (int y = 0; y < rows * step; y++) {
        const uint8_t* row = mask + (size_t)y * width;
        int* sums = blocks + (y / step) * columns;
        for (int column = 0; column < columns; column++)
            for (int x = column * step; x < (column + 1) * step; x++) sums[column] += row[x];
    }
    for (int y = 0; y < rows - 1; y++) {
        const int* up = blocks + y * columns;
        for (int x = 0; x < columns - 1; x++) {
            int sum = up[x] + up[x + 1] + up[columns + x] + up[columns + x + 1];
            inside[y * (columns - 1) + x] = sum > LEAST_INSIDE * 4 * step * step;
        }
    }
    free(blocks);
    return 0;
}

/* How much more contrast b has than a, by the median over the windows that are most alike. `room` has place for twice
   the windows. */
static double gain_of(const double* var_a, const double* var_b, const double* covariance, int count, double* room) {
    int used = 0;
    double *alike = room, *chosen = room + count;
    if (count == 0) return 1.0;
    for (int i = 0; i < count; i++) {
        alike[i] = covariance[i] / sqrt((var_a[i] + 1.0) * (var_b[i] + 1.0));
        chosen[i] = alike[i];
    }
    double least = quantile(chosen, count, ALIKE_SHARE);
    least = least > ALIKE ? least : ALIKE;
    for (int i = 0; i < count; i++)
        if (alike[i] >= least) chosen[used++] = sqrt((var_b[i] + 1.0) / (var_a[i] + 1.0));
    if (used == 0) return 1.0;
    double gain = quantile(chosen, used, 0.5);
    return gain < LEAST_GAIN ? LEAST_GAIN : gain > MOST_GAIN ? MOST_GAIN : gain;
}

int imgindex_windows(const uint8_t* a, const uint8_t* b, const uint8_t* mask, int height, int width, const float* taps,
                     int step, double stabiliser, float* soft, uint8_t* inside, uint8_t* apart, double* centres,
                     double* mean_a, double* mean_b, double* var_a, double* var_b, double* agreement, double* gain) {
    int rows = height / step, columns = width / step, all = (rows - 1) * (columns - 1), count = 0;
    *gain = 1.0;
    if (all == 0) return 0;
    double* means = malloc(sizeof(double) * (PRODUCTS + 2) * (size_t)all);
    float* soft_b = soft + (size_t)rows * columns * step * step;
    if (means == NULL || mark_inside(mask, width, step, rows, columns, inside) ||
        window_means(a, b, height, width, taps, step, rows, columns, soft, soft_b, means)) {
        free(means);
        return -1;
    }
    for (int i = 0; i < all; i++) {
        if (!inside[i]) continue;
        int row = i / (columns - 1), column = i % (columns - 1);
        double of_a = means[i], of_b = means[all + i];
        centres[2 * count] = (column + 1) * step;
        centres[2 * count + 1] = (row + 1) * step;
        apart[count] = row % 2 == 0 && column % 2 == 0;
        mean_a[count] = of_a;
        mean_b[count] = of_b;
        var_a[count] = fmax(means[2 * all + i] - of_a * of_a, 0.0);
        var_b[count] = fmax(means[3 * all + i] - of_b * of_b, 0.0);
        agreement[count++] = means[4 * all + i] - of_a * of_b; /* their covariance, until the gain is known */
    }
    *gain = gain_of(var_a, var_b, agreement, count, means + PRODUCTS * all);
    double unit_a = unit_of_a(*gain), unit_b = unit_of_b(*gain);
    for (int i = 0; i < count; i++) {
        mean_a[i] *= unit_a;
        mean_b[i] *= unit_b;
        var_a[i] *= unit_a * unit_a;
        var_b[i] *= unit_b * unit_b;
        agreement[i] = (2.0 * unit_a * unit_b * agreement[i] + stabiliser) / (var_a[i] + var_b[i] + stabiliser);
    }
    free(means);
    return count;
}

/* out[-1] to out[width]: the mean of both pictures in a row, which goes on as its reflection. */
static void mix(const float* restrict a, const float* restrict b, float unit_a, float unit_b, int width,
                float* restrict out) {
#pragma omp simd
    for (int x = 0; x < width; x++) out[x] = 0.5f * unit_a * a[x] + 0.5f * unit_b * b[x];
    reflect_margins(out, width, 1);
}

/* sums[GRADIENTS][rounded_up(width, LANES)] over `step` rows; `mean`, whose rows are two longer, is their mean, with a
   row on either side. Reads up to LANES values more than there are. */
static void sum_gradients(const float* mean, const float* a, const float* b, float unit_a, float unit_b, int width,
                          int step, float* sums) {
    int wide = width + 2, room = rounded_up(width, LANES);
    for (int x = 0; x < width; x += LANES) {
        Lanes total[GRADIENTS] = {{0.0f}};
        for (int y = 0; y < step; y++) {
            const float *here = mean + y * wide + x, *up = here - wide, *down = here + wide;
            Lanes corners = LANES_AT(up + 1) - LANES_AT(down - 1), others = LANES_AT(down + 1) - LANES_AT(up - 1);
            Lanes gx = (3.0f * (others + corners) + 10.0f * (LANES_AT(here + 1) - LANES_AT(here - 1))) / 32.0f;
            Lanes gy = (3.0f * (others - corners) + 10.0f * (LANES_AT(down) - LANES_AT(up))) / 32.0f;
            Lanes p = unit_a * LANES_AT(a + y * width + x), q = unit_b * LANES_AT(b + y * width + x);
            total[0] += gx;
            total[1] += gy;
            total[2] += gx * p;
            total[3] += gx * q;
            total[4] += gy * p;
            total[5] += gy * q;
            total[6] += gx * gx;
            total[7] += gx * gy;
            total[8] += gy * gy;
        }
        for (int layer = 0; layer < GRADIENTS; layer++) *(Lanes*)(sums + layer * room + x) = total[layer];
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

/* means[GRADIENTS][(rows - 1) * (columns - 1)] of gx, gy, gx a, gx b, gy a, gy b, gx gx, gx gy, gy gy over the windows,
   where (gx, gy) is the Scharr gradient of the mean of both pictures. Not 0 where memory is short. */
static int gradient_means(const float* soft, double gain, int step, int rows, int columns, double* means) {
    int windows = (rows - 1) * (columns - 1);
    int width = columns * step, height = rows * step, wide = width + 2, room = rounded_up(width, LANES);
    float unit_a = (float)unit_of_a(gain), unit_b = (float)unit_of_b(gain);
    const float *a = soft, *b = soft + (size_t)height * width;
    float* sums = malloc(sizeof(float) * ((size_t)GRADIENTS * room + (size_t)(height + 2) * wide + LANES));
    double* above = calloc((size_t)GRADIENTS * columns, sizeof(double));
    if (sums == NULL || above == NULL) {
        free(sums);
        free(above);
        return -1;
    }
    float* mean = sums + GRADIENTS * room + wide + 1;
    for (int y = -1; y <= height; y++) {
        size_t from = (size_t)reflected(y, height) * width;
        mix(a + from, b + from, unit_a, unit_b, width, mean + y * wide);
    }
    for (int row = 0; row < rows; row++) {
        size_t band = (size_t)row * step;
        sum_gradients(mean + band * wide, a + band * width, b + band * width, unit_a, unit_b, width, step, sums);
        end_blocks(sums, GRADIENTS, step, columns, row, above, means, windows);
    }
    free(sums);
    free(above);
    return 0;
}

int imgindex_offsets(const float* soft, const uint8_t* inside, int down, int across, int step, const double* mean_a,
                     const double* mean_b, const double* var_a, const double* var_b, double gain, const uint8_t* asked,
                     double evened, double floor_level, double* shifts) {
    int all = down * across, at = 0;
    const Evening evening = {evened, floor_level};
    double* means = malloc(sizeof(double) * GRADIENTS * (size_t)all);
    if (means == NULL || gradient_means(soft, gain, step, down + 1, across + 1, means)) {
        free(means);
        return -1;
    }
    for (int i = 0; i < all; i++) {
        if (!inside[i]) continue;
        int here = at++;
        if (!asked[here]) continue;
        const double* m = means + i;
        Gradients g = {m[0],       m[all],     m[2 * all], m[3 * all], m[4 * all],
                       m[5 * all], m[6 * all], m[7 * all], m[8 * all]};
        offset_of(g, evening, mean_a[here], mean_b[here], var_a[here], var_b[here], shifts);
        shifts += 2;
    }
    free(means);
    return 0;
}
