/* Matches between the local features of two pictures, and how far they agree on one map. */

#include <math.h>
#include <stdlib.h>

#include "common.h"

enum {
    ROWS = 4,          /* whose products are computed together */
    PANEL = 2 * LANES, /* columns that are */
};

static const double PI = 3.14159265358979323846;

/* out[panels][dims][PANEL]: the rows of from[count][dims] as columns, PANEL beside each other; zeros where there are
   no more. */
static void lay_panels(const float* from, int count, int dims, float* out) {
    for (int first = 0; first < count; first += PANEL, out += (size_t)dims * PANEL) {
        for (int k = 0; k < dims; k++)
            for (int j = 0; j < PANEL; j++)
                out[k * PANEL + j] = first + j < count ? from[(size_t)(first + j) * dims + k] : 0.0f;
    }
}

/* out[ROWS][width]: products of ROWS rows of from[count][dims], the last of them again where there are no more, with
   all columns of some panels. */
static void products(const float* from, int first_row, int count, const float* panels, int dims, int width,
                     float* out) {
    const float* rows[ROWS];
    for (int i = 0; i < ROWS; i++) rows[i] = from + (size_t)(first_row + i < count ? first_row + i : count - 1) * dims;
    for (int first = 0; first < width; first += PANEL, panels += (size_t)dims * PANEL) {
        Lanes sums[ROWS][2] = {{{0.0f}}};
        for (int k = 0; k < dims; k++) {
            Lanes left = LANES_AT(panels + k * PANEL), right = LANES_AT(panels + k * PANEL + LANES);
            for (int i = 0; i < ROWS; i++) {
                sums[i][0] += rows[i][k] * left;
                sums[i][1] += rows[i][k] * right;
            }
        }
        for (int i = 0; i < ROWS; i++) {
            *(Lanes*)(out + i * width + first) = sums[i][0];
            *(Lanes*)(out + i * width + first + LANES) = sums[i][1];
        }
    }
}

/* See `imgindex_match`. */
typedef struct {
    const float *even, *odd, *squared;
    const Keypoint* keypoints;
    int count;
} Features;

typedef struct {
    float ratio;
    int row, column;
} Pair;

typedef int32_t Marks __attribute__((vector_size(4 * LANES), may_alias));

static int clearer(const void* one, const void* other) {
    const Pair *a = one, *b = other;
    if (a->ratio != b->ratio) return a->ratio < b->ratio ? -1 : 1;
    return a->row - b->row;
}

/* What is known of each row (its best column, its distance and the second best) and of each column (its best). */
typedef struct {
    float *best, *second, *column_best;
    int* column_of;
} Nearest;

/* Of two Lanes, the values of one where marked, else those of the other. */
#define CHOSEN(marks, yes, no) ((Lanes)(((marks) & (Marks)(yes)) | (~(marks) & (Marks)(no))))

/* The nearest of a row's columns so far, and how far the second nearest is, in each lane. */
typedef struct {
    Lanes best, second;
    Marks where;
} Run;

/* Takes in distances to the columns `at`, and what these know of their nearest. */
static inline void take(Run* run, Lanes distance, Marks at, float* column_best) {
    Lanes column = LANES_AT(column_best);
    Marks nearer = (Marks)(distance < run->best);
    Lanes farther = CHOSEN(nearer, run->best, distance);
    *(Lanes*)column_best = CHOSEN((Marks)(distance < column), distance, column);
    run->second = CHOSEN((Marks)(farther < run->second), farther, run->second);
    run->best = CHOSEN(nearer, distance, run->best);
    run->where = (nearer & at) | (~nearer & run->where);
}

static void end_row(const Run* run, Nearest* nearest, int row) {
    int lane = 0;
    float next = INFINITY;
    for (int i = 1; i < LANES; i++) {
        int is_first = run->best[i] == run->best[lane] && run->where[i] < run->where[lane];
        if (run->best[i] < run->best[lane] || is_first) lane = i;
    }
    for (int i = 0; i < LANES; i++) {
        float other = i == lane ? run->second[i] : run->best[i];
        next = other < next ? other : next;
    }
    nearest->best[row] = run->best[lane];
    nearest->second[row] = next;
    nearest->column_of[row] = run->where[lane];
}

/* Takes in the distances of a row to `width` columns, as it is and mirrored: squared + others - 2 (even +- odd). */
static void take_row(Nearest* nearest, int row, float squared, const float* others, const float* even, const float* odd,
                     int width) {
    Run plain, mirrored;
    Marks at = {0, 1, 2, 3, 4, 5, 6, 7};
    plain.best = (Lanes){0.0f} + INFINITY;
    plain.second = plain.best;
    plain.where = at;
    mirrored = plain;
    for (int j = 0; j < width; j += LANES, at += LANES) {
        Lanes rest = squared + LANES_AT(others + j), kept = LANES_AT(even + j), turned = LANES_AT(odd + j);
        take(&plain, rest - 2.0f * (kept + turned), at, nearest[0].column_best + j);
        take(&mirrored, rest - 2.0f * (kept - turned), at, nearest[1].column_best + j);
    }
    end_row(&plain, nearest, row);
    end_row(&mirrored, nearest + 1, row);
}

/* The pairs that are each other's nearest, clearest first; how many. */
static int choose(const Nearest* nearest, int count, float most, float least_second, Pair* pairs) {
    int kept = 0;
    for (int row = 0; row < count; row++) {
        int column = nearest->column_of[row];
        float best = nearest->best[row], second = nearest->second[row];
        if (best > nearest->column_best[column]) continue;
        float ratio = (best > 0.0f ? best : 0.0f) / (second > least_second ? second : least_second);
        Pair pair = {ratio, row, column};
        if (ratio < most) pairs[kept++] = pair;
    }
    qsort(pairs, (size_t)kept, sizeof(Pair), clearer);
    return kept;
}

/* Of degrees that are less than a turn and a half apart, in [-pi, pi). */
static double turn_between(double from, double to) {
    double degrees = to - from;
    if (degrees >= 180.0) degrees -= 360.0;
    if (degrees < -180.0) degrees += 360.0;
    return degrees * PI / 180.0;
}

static Match match_of(const Features* a, const Features* b, int row, int column, int mirrored) {
    Match match;
    const Keypoint one = a->keypoints[row], other = b->keypoints[column];
    match.a[0] = one.x + 0.5;
    match.a[1] = one.y + 0.5;
    match.b[0] = other.x + 0.5;
    match.b[1] = other.y + 0.5;
    double angle = one.angle, size = one.size > 1e-6 ? one.size : 1e-6, flip = mirrored ? -1.0 : 1.0;
    match.scale = other.size / size;
    match.turn = turn_between(mirrored ? 180.0 - angle : angle, other.angle);
    double cosine = cos(match.turn) * match.scale, sine = sin(match.turn) * match.scale;
    const double linear[2][2] = {{flip * cosine, -sine}, {flip * sine, cosine}};
    for (int axis = 0; axis < 2; axis++) {
        match.map[axis][0] = linear[axis][0];
        match.map[axis][1] = linear[axis][1];
        match.map[axis][2] = match.b[axis] - linear[axis][0] * match.a[0] - linear[axis][1] * match.a[1];
    }
    return match;
}

int imgindex_match(const float* even_a, const float* odd_a, const float* squared_a, const Keypoint* keypoints_a,
                   int count_a, const float* even_b, const float* odd_b, const float* squared_b,
                   const Keypoint* keypoints_b, int count_b, int dims, float most, float least_second, int limit,
                   Match* matches, int32_t* counts) {
    const Features a = {even_a, odd_a, squared_a, keypoints_a, count_a};
    const Features b = {even_b, odd_b, squared_b, keypoints_b, count_b};
    int width = rounded_up(b.count, PANEL);
    size_t panels = (size_t)dims * width, rest = 2 * (size_t)a.count + width;
    float* memory = malloc(sizeof(float) * (2 * panels + (2 * ROWS + 1) * (size_t)width + 2 * rest));
    int* column_of = malloc(sizeof(int) * 2 * (size_t)a.count);
    Pair* pairs = malloc(sizeof(Pair) * (size_t)a.count);
    if (memory == NULL || column_of == NULL || pairs == NULL) {
        free(memory);
        free(column_of);
        free(pairs);
        return -1;
    }
    float *even_panels = memory, *odd_panels = even_panels + panels, *even = odd_panels + panels;
    float *odd = even + ROWS * width, *others = odd + ROWS * width, *known = others + width;
    Nearest nearest[2];
    for (int side = 0; side < 2; side++, known += rest) {
        Nearest one = {known, known + a.count, known + 2 * a.count, column_of + side * a.count};
        for (int j = 0; j < width; j++) one.column_best[j] = INFINITY;
        nearest[side] = one;
    }
    for (int j = 0; j < width; j++) others[j] = j < b.count ? b.squared[j] : INFINITY;
    lay_panels(b.even, b.count, dims, even_panels);
    lay_panels(b.odd, b.count, dims, odd_panels);
    for (int first = 0; first < a.count; first += ROWS) {
        products(a.even, first, a.count, even_panels, dims, width, even);
        products(a.odd, first, a.count, odd_panels, dims, width, odd);
        for (int i = 0; i < ROWS && first + i < a.count; i++)
            take_row(nearest, first + i, a.squared[first + i], others, even + i * width, odd + i * width, width);
    }
    for (int side = 0; side < 2; side++) {
        int count = choose(&nearest[side], a.count, most, least_second, pairs);
        counts[side] = count < limit ? count : limit;
        for (int i = 0; i < counts[side]; i++)
            matches[side * limit + i] = match_of(&a, &b, pairs[i].row, pairs[i].column, side);
    }
    free(memory);
    free(column_of);
    free(pairs);
    return 0;
}

int imgindex_vote(const Match* matches, int count, float reach, float log_scale, float turn, uint8_t* agree) {
    const float circle = (float)(2.0 * PI);
    float* memory = malloc((6 * sizeof(float) + sizeof(int)) * (size_t)count);
    int most = 0;
    if (memory == NULL) return count ? -1 : 0;
    float *xa = memory, *ya = xa + count, *xb = ya + count, *yb = xb + count, *logs = yb + count, *turns = logs + count;
    int* restrict marks = (int*)(turns + count);
    for (int i = 0; i < count; i++) {
        xa[i] = (float)matches[i].a[0];
        ya[i] = (float)matches[i].a[1];
        xb[i] = (float)matches[i].b[0];
        yb[i] = (float)matches[i].b[1];
        logs[i] = (float)log(matches[i].scale);
        turns[i] = (float)matches[i].turn;
    }
    for (int i = 0; i < count; i++) {
        float map[6], within = reach * (float)(matches[i].scale < 1.0 ? matches[i].scale : 1.0);
        float own_log = logs[i], own_turn = turns[i];
        int votes = 0;
        for (int k = 0; k < 6; k++) map[k] = (float)matches[i].map[k / 3][k % 3];
        within *= within;
#pragma omp simd reduction(+ : votes)
        for (int j = 0; j < count; j++) {
            float x = map[0] * xa[j] + map[1] * ya[j] + map[2] - xb[j],
                  y = map[3] * xa[j] + map[4] * ya[j] + map[5] - yb[j];
            float apart = fabsf(turns[j] - own_turn);
            int near = (x * x + y * y < within) & (fabsf(logs[j] - own_log) < log_scale) &
                       ((apart < turn) | (apart > circle - turn));
            marks[j] = near;
            votes += near;
        }
        most = votes > most ? votes : most;
        for (int j = 0; j < count; j++) agree[(size_t)i * count + j] = (uint8_t)marks[j];
    }
    free(memory);
    return most;
}
