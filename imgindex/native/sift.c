/* SIFT: D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, with the parameters of
   OpenCV's and its conventions of size and angle. A descriptor is taken at a fixed grid of points of the turned patch,
   where OpenCV takes every pixel of its bounding square. */

#include <math.h>
#include <stdlib.h>

#include "common.h"

#define PI 3.14159265358979323846f

enum {
    BLOCK = 4 * LANES, /* pixels that are blurred together */
    BORDER = 5,        /* px at the edge of an octave without extrema */
    MAX_STEPS = 5,     /* of an extremum from pixel to pixel */
    ANGLES = 36,       /* bins of the histogram that gives a point its angle */
    CELLS = 4,         /* along a side of a descriptor */
    TURNS = 8,         /* orientations of a cell */
    PER_CELL = 4,      /* samples along a cell's side */
    GRID = (CELLS + 1) * PER_CELL,
    SAMPLES = GRID * GRID,
    VALUES = CELLS * CELLS * TURNS,
    MAX_OCTAVES = 16,
    MAX_RADIUS = 64,
    RING = 3, /* rows of differences that are kept */
};

static const float SIGMA = 1.6f;        /* of the first picture of an octave */
static const float CAMERA_SIGMA = 0.5f; /* that a picture is taken to have */
static const float EDGE_RATIO = 10.0f;  /* of the principal curvatures */
static const float ANGLE_SIGMA = 1.5f;  /* of the window that gives the angle, in sigmas of the point */
static const float ANGLE_RADIUS = 3.0f; /* of that window, in its sigmas */
static const float SECOND_ANGLE = 0.8f; /* of the highest peak from which another is an angle too */
static const float CELL_WIDTH = 3.0f;   /* in sigmas of the point */
static const float MAX_SHARE = 0.2f;    /* of a descriptor's length that one value keeps */
static const float REACH = 3.0f;        /* of a blur, in sigmas */

typedef struct {
    float* pixels;
    int height, width, stride; /* stride is a multiple of BLOCK */
} Plane;

typedef struct {
    float x, y, size, response; /* in pixels of the first octave */
    float sigma;                /* in pixels of its octave */
    int octave, layer, order;
} Point;

typedef struct {
    Point* points;
    int count, room;
} Points;

static Plane plane_at(float* pixels, int height, int width) {
    Plane plane = {pixels, height, width, rounded_up(width, BLOCK)};
    return plane;
}

static size_t floats_of(int height, int width) { return (size_t)height * rounded_up(width, BLOCK); }

/* Twice as large, by linear interpolation; pixel (x, y) lies at (2 x, 2 y). `line` has room for a row. */
static void enlarge(const uint8_t* luma, int height, int width, Plane out, float* restrict line) {
    for (int y = 0; y < out.height; y++) {
        int next = y / 2 + 1 < height ? y / 2 + 1 : height - 1;
        const uint8_t *up = luma + (size_t)(y / 2) * width, *down = y % 2 ? luma + (size_t)next * width : up;
        float* restrict row = out.pixels + (size_t)y * out.stride;
#pragma omp simd
        for (int x = 0; x < width; x++) line[x] = 0.5f * (up[x] + down[x]);
        line[width] = line[width - 1];
#pragma omp simd
        for (int x = 0; x < width; x++) {
            row[2 * x] = line[x];
            row[2 * x + 1] = 0.5f * (line[x] + line[x + 1]);
        }
        for (int x = out.width; x < out.stride; x++) row[x] = row[out.width - 1];
    }
}

static void halve(Plane from, Plane out) {
    for (int y = 0; y < out.height; y++) {
        const float* row = from.pixels + (size_t)(2 * y) * from.stride;
        float* into = out.pixels + (size_t)y * out.stride;
        for (int x = 0; x < out.width; x++) into[x] = row[2 * x];
        for (int x = out.width; x < out.stride; x++) into[x] = into[out.width - 1];
    }
}

/* out[BLOCK]: the sum of kernel[i] * (above[i][x] + below[i][x]), the middle counted once. */
static inline void blur_block(const float* const* above, const float* const* below, int x, const float* kernel,
                              int radius, float* out) {
    Lanes sums[BLOCK / LANES];
    for (int j = 0; j < BLOCK / LANES; j++) sums[j] = kernel[0] * LANES_AT(above[0] + x + j * LANES);
    for (int i = 1; i <= radius; i++) {
        const float *up = above[i] + x, *down = below[i] + x;
        for (int j = 0; j < BLOCK / LANES; j++)
            sums[j] += kernel[i] * (LANES_AT(up + j * LANES) + LANES_AT(down + j * LANES));
    }
    for (int j = 0; j < BLOCK / LANES; j++) *(Lanes*)(out + j * LANES) = sums[j];
}

/* Gaussian blur; the picture goes on as its reflection. `line` has room for out.stride + 2 * MAX_RADIUS. */
static void blur(Plane from, Plane out, float sigma, float* line) {
    float kernel[MAX_RADIUS + 1], total = 0.0f;
    int radius = (int)ceilf(REACH * sigma);
    if (radius > MAX_RADIUS) radius = MAX_RADIUS;
    for (int i = 0; i <= radius; i++) {
        kernel[i] = expf(-0.5f * i * i / (sigma * sigma));
        total += i ? 2.0f * kernel[i] : kernel[i];
    }
    for (int i = 0; i <= radius; i++) kernel[i] /= total;
    const float *above[MAX_RADIUS + 1], *below[MAX_RADIUS + 1];
    float* middle = line + MAX_RADIUS;
    for (int y = 0; y < from.height; y++) {
        for (int i = 0; i <= radius; i++) {
            above[i] = from.pixels + (size_t)reflected(y - i, from.height) * from.stride;
            below[i] = from.pixels + (size_t)reflected(y + i, from.height) * from.stride;
        }
        for (int x = 0; x < from.stride; x += BLOCK) blur_block(above, below, x, kernel, radius, middle + x);
        reflect_margins(middle, from.width, radius);
        for (int i = 0; i <= radius; i++) {
            above[i] = middle - i;
            below[i] = middle + i;
        }
        float* into = out.pixels + (size_t)y * out.stride;
        for (int x = 0; x < out.stride; x += BLOCK) blur_block(above, below, x, kernel, radius, into + x);
    }
}

/* Differences of the planes of an octave, of which three rows are kept: row y of difference i, gaussians[i + 1] less
   gaussians[i]. */
typedef struct {
    float* rows;
    int stride;
} Ring;

static float* ring_row(Ring ring, int difference, int y) {
    return ring.rows + (size_t)(difference * RING + y % RING) * ring.stride;
}

static void subtract_row(const Plane* gaussians, int differences, int y, Ring ring) {
    for (int i = 0; i < differences; i++) {
        size_t at = (size_t)y * ring.stride;
        const float *less = gaussians[i].pixels + at, *more = gaussians[i + 1].pixels + at;
        float* out = ring_row(ring, i, y);
        for (int x = 0; x < ring.stride; x += LANES) *(Lanes*)(out + x) = LANES_AT(more + x) - LANES_AT(less + x);
    }
}

/* marks[x]: whether the value is beyond `least` and all of its 26 neighbours, in a row of the middle one of three
   differences; whether any is. `line` has room for two rows. */
static int mark_extremes(Ring ring, int layer, int row, int width, float least, float* line, int* restrict marks) {
    float* restrict highest = line, * restrict lowest = line + ring.stride;
    const float* rows[9];
    for (int i = 0; i < 9; i++) rows[i] = ring_row(ring, layer + i / 3 - 1, row + i % 3 - 1);
#pragma omp simd
    for (int x = 0; x < width; x++) {
        float high = rows[0][x], low = rows[0][x];
        for (int i = 1; i < 9; i++) {
            float value = rows[i][x];
            high = value > high ? value : high;
            low = value < low ? value : low;
        }
        highest[x] = high;
        lowest[x] = low;
    }
    const float* values = rows[4];
    int any = 0;
#pragma omp simd reduction(| : any)
    for (int x = BORDER; x < width - BORDER; x++) {
        float value = values[x];
        int top = (value > least) & (value >= highest[x]) & (value >= highest[x - 1]) & (value >= highest[x + 1]);
        int bottom = (value < -least) & (value <= lowest[x]) & (value <= lowest[x - 1]) & (value <= lowest[x + 1]);
        marks[x] = top | bottom;
        any |= marks[x];
    }
    return any;
}

/* out[3][3][3]: the differences around a place, from the layer, row and column before it to those after it. */
static void cube_at(const Plane* gaussians, int layer, int row, int column, float out[3][3][3]) {
    for (int i = 0; i < 3; i++) {
        const Plane* less = gaussians + layer - 1 + i;
        for (int j = 0; j < 3; j++) {
            size_t at = (size_t)(row - 1 + j) * less->stride + column - 1;
            for (int k = 0; k < 3; k++) out[i][j][k] = less[1].pixels[at + k] - less[0].pixels[at + k];
        }
    }
}

/* Moves an extremum to where the quadratic through its neighbours has it. Whether it is one, has contrast and is no
   edge; sets all of the point. */
static int settle(const Plane* gaussians, int octave, int layer, int row, int column, int layers, float contrast,
                  Point* point) {
    float off_x = 0, off_y = 0, off_layer = 0, cube[3][3][3];
    const float unit = 1.0f / 255.0f;
    for (int step = 0;; step++) {
        if (step == MAX_STEPS) return 0;
        cube_at(gaussians, layer, row, column, cube);
        float (*low)[3] = cube[0], (*mid)[3] = cube[1], (*high)[3] = cube[2], twice = 2.0f * mid[1][1];
        float dx = (mid[1][2] - mid[1][0]) * 0.5f * unit, dy = (mid[2][1] - mid[0][1]) * 0.5f * unit;
        float ds = (high[1][1] - low[1][1]) * 0.5f * unit;
        float dxx = (mid[1][2] + mid[1][0] - twice) * unit, dyy = (mid[2][1] + mid[0][1] - twice) * unit;
        float dss = (high[1][1] + low[1][1] - twice) * unit;
        float dxy = (mid[2][2] - mid[2][0] - mid[0][2] + mid[0][0]) * 0.25f * unit;
        float dxs = (high[1][2] - high[1][0] - low[1][2] + low[1][0]) * 0.25f * unit;
        float dys = (high[2][1] - high[0][1] - low[2][1] + low[0][1]) * 0.25f * unit;
        float cxx = dyy * dss - dys * dys, cxy = dxs * dys - dxy * dss, cxs = dxy * dys - dxs * dyy;
        float determinant = dxx * cxx + dxy * cxy + dxs * cxs;
        if (determinant == 0.0f) return 0;
        float cyy = dxx * dss - dxs * dxs, cys = dxy * dxs - dxx * dys, css = dxx * dyy - dxy * dxy;
        off_x = -(cxx * dx + cxy * dy + cxs * ds) / determinant;
        off_y = -(cxy * dx + cyy * dy + cys * ds) / determinant;
        off_layer = -(cxs * dx + cys * dy + css * ds) / determinant;
        if (fabsf(off_x) < 0.5f && fabsf(off_y) < 0.5f && fabsf(off_layer) < 0.5f) {
            float value = mid[1][1] * unit + 0.5f * (dx * off_x + dy * off_y + ds * off_layer);
            float trace = dxx + dyy, edge = EDGE_RATIO + 1.0f;
            if (fabsf(value) * layers < contrast || css <= 0.0f || trace * trace * EDGE_RATIO >= edge * edge * css)
                return 0;
            point->response = fabsf(value);
            break;
        }
        if (!(fabsf(off_x) < 1e6f && fabsf(off_y) < 1e6f && fabsf(off_layer) < 1e6f)) return 0;
        column += (int)lrintf(off_x);
        row += (int)lrintf(off_y);
        layer += (int)lrintf(off_layer);
        if (layer < 1 || layer > layers || column < BORDER || column >= gaussians->width - BORDER || row < BORDER ||
            row >= gaussians->height - BORDER)
            return 0;
    }
    float grown = (float)(1 << octave);
    point->sigma = SIGMA * powf(2.0f, (layer + off_layer) / layers);
    point->size = 2.0f * point->sigma * grown;
    point->x = (column + off_x) * grown;
    point->y = (row + off_y) * grown;
    point->octave = octave;
    point->layer = layer;
    return 1;
}

/* The angle of (x, y) in turns of a circle, in [0, 1] with both ends for one angle; within 2e-5 of atan2. */
static inline float turn_of(float y, float x) {
    float ax = fabsf(x), ay = fabsf(y), more = ax > ay ? ax : ay, less = ax > ay ? ay : ax;
    float ratio = less / (more + 1e-20f), square = ratio * ratio;
    float turn =
        ratio *
        (0.15915494f +
         square * (-0.05304946f +
                   square * (0.03170409f +
                             square * (-0.02203776f +
                                       square * (0.01450402f + square * (-0.00678286f + square * 0.00150707f))))));
    turn = ay > ax ? 0.25f - turn : turn;
    turn = x < 0.0f ? 0.5f - turn : turn;
    return y < 0.0f ? 1.0f - turn : turn;
}

static void angle_histogram(Plane plane, int column, int row, float sigma, float* out) {
    float weights[2 * MAX_RADIUS + 1], raw[ANGLES + 4] = {0}, values[2 * MAX_RADIUS + 1];
    int bins[2 * MAX_RADIUS + 1], radius = (int)lrintf(ANGLE_RADIUS * sigma);
    if (radius > MAX_RADIUS) radius = MAX_RADIUS;
    for (int i = 0; i <= radius; i++) weights[radius - i] = weights[radius + i] = expf(-0.5f * i * i / (sigma * sigma));
    int first = column - radius < 1 ? 1 : column - radius;
    int last = column + radius > plane.width - 2 ? plane.width - 2 : column + radius;
    const float* across = weights + radius + first - column;
    for (int y = row - radius < 1 ? 1 : row - radius; y <= row + radius && y < plane.height - 1; y++) {
        const float* here = plane.pixels + (size_t)y * plane.stride + first;
        const float *up = here - plane.stride, *down = here + plane.stride;
        float weight = weights[radius + y - row];
#pragma omp simd
        for (int x = 0; x <= last - first; x++) {
            float dx = here[x + 1] - here[x - 1], dy = up[x] - down[x];
            int bin = (int)(turn_of(dy, dx) * ANGLES + 0.5f);
            bins[x] = bin < ANGLES ? bin : bin - ANGLES;
            values[x] = sqrtf(dx * dx + dy * dy) * weight * across[x];
        }
        for (int x = 0; x <= last - first; x++) raw[2 + bins[x]] += values[x];
    }
    raw[0] = raw[ANGLES];
    raw[1] = raw[ANGLES + 1];
    raw[ANGLES + 2] = raw[2];
    raw[ANGLES + 3] = raw[3];
    for (int i = 0; i < ANGLES; i++)
        out[i] = (raw[i] + raw[i + 4]) / 16.0f + (raw[i + 1] + raw[i + 3]) / 4.0f + raw[i + 2] * 0.375f;
}

static int add_point(Points* found, Point point) {
    if (found->count == found->room) {
        int room = 2 * found->room + 256;
        Point* points = realloc(found->points, sizeof(Point) * (size_t)room);
        if (points == NULL) return -1;
        found->points = points;
        found->room = room;
    }
    point.order = found->count;
    found->points[found->count++] = point;
    return 0;
}

/* The angles of a point in degrees, [0, 360), into out[ANGLES]; how many. */
static int angles_of(Plane plane, const Point* point, float* out) {
    float histogram[ANGLES], highest = 0.0f, grown = (float)(1 << point->octave);
    int column = (int)lrintf(point->x / grown), row = (int)lrintf(point->y / grown), count = 0;
    angle_histogram(plane, column, row, ANGLE_SIGMA * point->sigma, histogram);
    for (int i = 0; i < ANGLES; i++) highest = histogram[i] > highest ? histogram[i] : highest;
    for (int i = 0; i < ANGLES; i++) {
        float left = histogram[(i + ANGLES - 1) % ANGLES], here = histogram[i], right = histogram[(i + 1) % ANGLES];
        if (here <= left || here <= right || here < SECOND_ANGLE * highest) continue;
        float turn = (i + 0.5f * (left - right) / (left - 2.0f * here + right)) / ANGLES;
        turn = 1.0f - (turn < 0.0f ? turn + 1.0f : turn >= 1.0f ? turn - 1.0f : turn);
        out[count++] = turn >= 1.0f ? 0.0f : 360.0f * turn;
    }
    return count;
}

/* Adds the points of an octave. `line` has room for (RING * (layers + 2) + 3) rows. Not 0 where memory is short. */
static int find_points(const Plane* gaussians, int octave, int layers, float contrast, float* line, Points* found) {
    int width = gaussians->width, height = gaussians->height, stride = gaussians->stride;
    float least = floorf(0.5f * contrast / layers * 255.0f);
    int* marks = (int*)(line + 2 * stride);
    Ring ring = {line + 3 * stride, stride};
    if (height <= 2 * BORDER || width <= 2 * BORDER) return 0;
    for (int row = BORDER - 1; row <= BORDER; row++) subtract_row(gaussians, layers + 2, row, ring);
    for (int row = BORDER; row < height - BORDER; row++) {
        subtract_row(gaussians, layers + 2, row + 1, ring);
        for (int layer = 1; layer <= layers; layer++) {
            if (!mark_extremes(ring, layer, row, width, least, line, marks)) continue;
            for (int x = BORDER; x < width - BORDER; x++) {
                if (!marks[x]) continue;
                Point point;
                if (settle(gaussians, octave, layer, row, x, layers, contrast, &point) && add_point(found, point))
                    return -1;
            }
        }
    }
    return 0;
}

static int stronger_first(const void* one, const void* other) {
    const Point *a = one, *b = other;
    if (a->response != b->response) return a->response > b->response ? -1 : 1;
    return a->order - b->order;
}

/* Puts the strongest points first, each once: two pixels can settle at one place. */
static void sort_points(Points* found) {
    int kept = 0;
    if (found->count == 0) return;
    qsort(found->points, (size_t)found->count, sizeof(Point), stronger_first);
    for (int i = 0; i < found->count; i++) {
        const Point* point = found->points + i;
        int known = 0;
        for (int j = kept - 1; j >= 0 && found->points[j].response == point->response; j--) {
            const Point* other = found->points + j;
            known |= other->x == point->x && other->y == point->y && other->size == point->size;
        }
        if (!known) found->points[kept++] = *point;
    }
    found->count = kept;
}

/* What is the same for the samples of every descriptor: places in cell widths from the point; and of each, the weights
   of the cell to the upper left of it and of its right, lower and lower right neighbours, times the Gaussian window's.
   Samples stand together that have the same four cells. */
typedef struct {
    float x[SAMPLES], y[SAMPLES], weights[SAMPLES][4];
} Patch;

enum { PADDED = CELLS + 2, TOGETHER = PER_CELL * PER_CELL };

static void lay_out(Patch* patch) {
    for (int i = 0; i < SAMPLES; i++) {
        int group = i / TOGETHER, within = i % TOGETHER;
        float right = (within % PER_CELL + 0.5f) / PER_CELL, below = (within / PER_CELL + 0.5f) / PER_CELL;
        float x = group % (CELLS + 1) + right - 0.5f * (CELLS + 1),
              y = group / (CELLS + 1) + below - 0.5f * (CELLS + 1);
        float window = expf(-2.0f * (x * x + y * y) / (CELLS * CELLS));
        patch->x[i] = x;
        patch->y[i] = y;
        patch->weights[i][0] = window * (1.0f - right) * (1.0f - below);
        patch->weights[i][1] = window * right * (1.0f - below);
        patch->weights[i][2] = window * (1.0f - right) * below;
        patch->weights[i][3] = window * right * below;
    }
}

/* dx, dy[SAMPLES]: the gradient at the pixel nearest to each sample, 0 outside of the picture. */
static void gradients(Plane plane, const Patch* patch, float x, float y, float cosine, float sine, float* dx,
                      float* dy) {
    int places[SAMPLES];
    int right = plane.width - 2, bottom = plane.height - 2;
#pragma omp simd
    for (int i = 0; i < SAMPLES; i++) {
        int column = (int)(x + cosine * patch->x[i] + sine * patch->y[i] + 1024.5f) - 1024;
        int row = (int)(y - sine * patch->x[i] + cosine * patch->y[i] + 1024.5f) - 1024;
        places[i] = column < 1 || column > right || row < 1 || row > bottom ? -1 : row * plane.stride + column;
    }
    for (int i = 0; i < SAMPLES; i++) {
        dx[i] = dy[i] = 0.0f;
        if (places[i] < 0) continue;
        const float* here = plane.pixels + places[i];
        dx[i] = here[1] - here[-1];
        dy[i] = here[-plane.stride] - here[plane.stride];
    }
}

/* The unit vectors of the orientations, which are LANES. */
static const Lanes ONE_OF[TURNS] = {
    {1, 0, 0, 0, 0, 0, 0, 0}, {0, 1, 0, 0, 0, 0, 0, 0}, {0, 0, 1, 0, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0, 0, 0},
    {0, 0, 0, 0, 1, 0, 0, 0}, {0, 0, 0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0, 1, 0}, {0, 0, 0, 0, 0, 0, 0, 1},
};

static void describe(Plane plane, const Patch* patch, const Point* point, float angle, float* out) {
    float dx[SAMPLES], dy[SAMPLES], less[SAMPLES], more[SAMPLES];
    int turns[SAMPLES];
    Lanes cells[PADDED * PADDED] = {{0.0f}}, squares = {0.0f};
    float grown = (float)(1 << point->octave), width = CELL_WIDTH * point->sigma, own = 1.0f - angle / 360.0f;
    float cosine = width * cosf(2.0f * PI * own), sine = width * sinf(2.0f * PI * own), square = 0.0f;
    gradients(plane, patch, point->x / grown, point->y / grown, cosine, sine, dx, dy);
#pragma omp simd
    for (int i = 0; i < SAMPLES; i++) {
        float turn = turn_of(dy[i], dx[i]) - own;
        turn = TURNS * (turn < 0.0f ? turn + 1.0f : turn);
        float size = sqrtf(dx[i] * dx[i] + dy[i] * dy[i]);
        turns[i] = (int)turn;
        more[i] = size * (turn - (float)turns[i]);
        less[i] = size - more[i];
    }
    for (int group = 0; group < SAMPLES / TOGETHER; group++) {
        Lanes* cell = cells + group / (CELLS + 1) * PADDED + group % (CELLS + 1);
        Lanes here = cell[0], right = cell[1], below = cell[PADDED], across = cell[PADDED + 1];
        for (int i = group * TOGETHER; i < (group + 1) * TOGETHER; i++) {
            Lanes both = less[i] * ONE_OF[turns[i] % TURNS] + more[i] * ONE_OF[(turns[i] + 1) % TURNS];
            here += patch->weights[i][0] * both;
            right += patch->weights[i][1] * both;
            below += patch->weights[i][2] * both;
            across += patch->weights[i][3] * both;
        }
        cell[0] = here;
        cell[1] = right;
        cell[PADDED] = below;
        cell[PADDED + 1] = across;
    }
    for (int cell = 0; cell < CELLS * CELLS; cell++) {
        Lanes values = cells[(cell / CELLS + 1) * PADDED + cell % CELLS + 1];
        *(Lanes*)(out + TURNS * cell) = values;
        squares += values * values;
    }
    for (int i = 0; i < LANES; i++) square += squares[i];
    float ceiling = MAX_SHARE * sqrtf(square);
    for (int i = 0; i < VALUES; i++) out[i] = out[i] < ceiling ? out[i] : ceiling;
}

/* Blurred pictures, `layers` + 3 of an octave; the first of them and the last two are overwritten by the next octave.
 */
typedef struct {
    int octaves;
    float *memory, *line;
    Plane gaussians[MAX_OCTAVES][MAX_LAYERS + 3];
} Pyramid;

/* Lays out a pyramid of a picture enlarged to twice its size, the first picture filled. Not 0 where memory is short. */
static int begin(Pyramid* pyramid, const uint8_t* luma, int height, int width, int layers) {
    int shorter = height < width ? height : width, rows = 2 * height, columns = 2 * width;
    size_t row = rounded_up(columns, BLOCK), blurred = row + 2 * MAX_RADIUS, searched = row * (RING * (layers + 2) + 3);
    size_t line = blurred > searched ? blurred : searched, whole = floats_of(rows, columns), floats = 3 * whole;
    pyramid->octaves = (int)lrint(log2(2.0 * shorter) - 2.0);
    if (pyramid->octaves < 1) pyramid->octaves = 1;
    if (pyramid->octaves > MAX_OCTAVES) pyramid->octaves = MAX_OCTAVES;
    for (int o = 0; o < pyramid->octaves; o++) floats += layers * floats_of(rows >> o, columns >> o);
    pyramid->line = pyramid->memory = malloc(sizeof(float) * (line + floats));
    if (pyramid->memory == NULL) return -1;
    float *shared = pyramid->memory + line, *own = shared + 3 * whole;
    for (int o = 0; o < pyramid->octaves; o++) {
        Plane* gaussians = pyramid->gaussians[o];
        for (int i = 0; i < layers + 3; i++) {
            int is_own = i > 0 && i <= layers;
            gaussians[i] = plane_at(is_own ? own : shared + (i ? i - layers : 0) * whole, rows >> o, columns >> o);
            if (is_own) own += floats_of(rows >> o, columns >> o);
        }
    }
    Plane* first = pyramid->gaussians[0];
    enlarge(luma, height, width, first[1], pyramid->line);
    blur(first[1], first[0], sqrtf(SIGMA * SIGMA - 4.0f * CAMERA_SIGMA * CAMERA_SIGMA), pyramid->line);
    return 0;
}

static void blur_octave(Pyramid* pyramid, int octave, int layers) {
    Plane* gaussians = pyramid->gaussians[octave];
    float step = powf(2.0f, 1.0f / layers);
    if (octave > 0) halve(pyramid->gaussians[octave - 1][layers], gaussians[0]);
    for (int i = 1; i < layers + 3; i++) {
        float before = SIGMA * powf(step, (float)(i - 1));
        blur(gaussians[i - 1], gaussians[i], before * sqrtf(step * step - 1.0f), pyramid->line);
    }
}

int imgindex_sift(const uint8_t* luma, int height, int width, int layers, float contrast, int limit,
                  Keypoint* keypoints, float* descriptors) {
    Pyramid pyramid;
    Points found = {NULL, 0, 0};
    int kept = -1;
    if (begin(&pyramid, luma, height, width, layers)) return -1;
    for (int o = 0; o < pyramid.octaves; o++) {
        blur_octave(&pyramid, o, layers);
        if (find_points(pyramid.gaussians[o], o, layers, contrast, pyramid.line, &found)) goto end;
    }
    Patch patch;
    lay_out(&patch);
    sort_points(&found);
    kept = 0;
    for (const Point* point = found.points; point < found.points + found.count && kept < limit; point++) {
        Plane plane = pyramid.gaussians[point->octave][point->layer];
        float angles[ANGLES];
        int count = angles_of(plane, point, angles);
        for (int i = 0; i < count && kept < limit; i++, kept++) {
            const Keypoint own = {0.5f * point->x, 0.5f * point->y, 0.5f * point->size, angles[i]};
            keypoints[kept] = own;
            describe(plane, &patch, point, angles[i], descriptors + (size_t)VALUES * kept);
        }
    }
end:
    free(found.points);
    free(pyramid.memory);
    return kept;
}
