/* Affine maps through points, and what two convex polygons share. */

#include "geometry.h"

#include <math.h>
#include <stdlib.h>

#include "kernels.h"

static const double SINGULAR = 1e-12; /* share of the diagonal's product that a determinant must exceed */
static const double ON_A_LINE = 1e-9; /* the same of the points' spread */

static const double SLIM = 0.2,
                    SHORT_PX = 12.0;   /* spread of matches across their longer axis: of that along it, and px */
static const double LEAST_SCALE = 0.3; /* to which tolerances shrink with the picture */
static const double PLACE_PX = 3.0;

/* Solves the symmetric normal equations of u, v = (A x + t) by cofactors. Whether they can be solved. */
static int solved(double normal[3][5], Affine out) {
    double a = normal[0][0], b = normal[0][1], c = normal[0][2], d = normal[1][1], e = normal[1][2], f = normal[2][2];
    double aa = d * f - e * e, bb = c * e - b * f, cc = b * e - c * d, determinant = a * aa + b * bb + c * cc;
    if (!(determinant > SINGULAR * a * d * f)) return 0;
    double dd = a * f - c * c, ee = b * c - a * e, ff = a * d - b * b;
    for (int axis = 0; axis < 2; axis++) {
        double x = normal[0][3 + axis], y = normal[1][3 + axis], z = normal[2][3 + axis];
        out[axis][0] = (aa * x + bb * y + cc * z) / determinant;
        out[axis][1] = (bb * x + dd * y + ee * z) / determinant;
        out[axis][2] = (cc * x + ee * y + ff * z) / determinant;
    }
    return 1;
}

/* The affine map of points to targets by least squares, reweighted (Geman-McClure) with widths of 8, 4, 2 and 1 times
   `scale`. Whether there is one: not where the points are fewer than six or lie on one line. */
static int fit(const Place* points, const Place* targets, int count, double scale, Affine out) {
    static const double widths[] = {8.0, 4.0, 2.0, 1.0};
    Place centre = {0.0, 0.0};
    double xx = 0.0, xy = 0.0, yy = 0.0;
    Affine found;
    if (count < 6) return 0;
    for (int i = 0; i < count; i++) {
        centre.x += points[i].x / count;
        centre.y += points[i].y / count;
    }
    for (int i = 0; i < count; i++) {
        double x = points[i].x - centre.x, y = points[i].y - centre.y;
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    if (xx * yy - xy * xy <= ON_A_LINE * (xx + yy) * (xx + yy)) return 0;
    for (int round = 0; round < 5; round++) {
        double normal[3][5] = {{0.0}};
        for (int i = 0; i < count; i++) {
            Place at = {points[i].x - centre.x, points[i].y - centre.y};
            double weight = 1.0;
            if (round > 0) {
                Place to = mapped(found, at);
                double dx = targets[i].x - to.x, dy = targets[i].y - to.y, width = scale * widths[round - 1];
                weight += (dx * dx + dy * dy) / (width * width);
                weight = 1.0 / (weight * weight);
            }
            const double row[5] = {at.x, at.y, 1.0, targets[i].x, targets[i].y};
            for (int j = 0; j < 3; j++)
                for (int k = j; k < 5; k++) normal[j][k] += weight * row[j] * row[k];
        }
        if (!solved(normal, found)) return 0;
    }
    for (int axis = 0; axis < 2; axis++) {
        out[axis][0] = found[axis][0];
        out[axis][1] = found[axis][1];
        out[axis][2] = found[axis][2] - found[axis][0] * centre.x - found[axis][1] * centre.y;
    }
    return 1;
}

int imgindex_straighten(const Place* places, const Place* shifts, const uint8_t* tracked, int count, double scale,
                        const Affine from_a, const Affine from_b, Affine affine, double* left) {
    Place *points = malloc(2 * sizeof(Place) * ((size_t)count + 1)), *targets = points + count;
    Affine found = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}};
    int used = 0;
    if (points == NULL) return -1;
    for (int i = 0; i < count; i++) {
        if (!tracked[i]) continue;
        Place target = {places[i].x + shifts[i].x, places[i].y + shifts[i].y};
        points[used] = places[i];
        targets[used++] = target;
    }
    int is_found = fit(points, targets, used, scale, found);
    free(points);
    for (int i = 0; i < count; i++) {
        Place to = mapped(found, places[i]);
        left[i] = hypot(places[i].x + shifts[i].x - to.x, places[i].y + shifts[i].y - to.y);
    }
    if (!is_found) return 0;
    Affine back, laid;
    for (int axis = 0; axis < 2; axis++) /* places are of pixels' centres at integers */
        found[axis][2] += 0.5 - 0.5 * (found[axis][0] + found[axis][1]);
    invert(from_b, back);
    compose(found, from_a, laid);
    compose(back, laid, affine);
    return 1;
}

/* The affine map of the chosen matches by least squares, or a similarity where they are few or nearly on one line. */
static void least_squares(const Match* matches, const uint8_t* chosen, int count, const Affine similarity, Affine out) {
    double a[2] = {0.0}, b[2] = {0.0}, spread[2][2] = {{0.0}}, cross[2][2] = {{0.0}}, linear[2][2];
    int used = 0;
    for (int i = 0; i < count; i++) {
        if (!chosen[i]) continue;
        used++;
        for (int axis = 0; axis < 2; axis++) {
            a[axis] += matches[i].a[axis];
            b[axis] += matches[i].b[axis];
        }
    }
    for (int axis = 0; axis < 2; axis++) {
        a[axis] /= used;
        b[axis] /= used;
    }
    for (int i = 0; i < count; i++) {
        if (!chosen[i]) continue;
        for (int j = 0; j < 2; j++) {
            for (int k = 0; k < 2; k++) {
                spread[j][k] += (matches[i].a[j] - a[j]) * (matches[i].a[k] - a[k]);
                cross[j][k] += (matches[i].b[j] - b[j]) * (matches[i].a[k] - a[k]);
            }
        }
    }
    double xx = spread[0][0], xy = spread[0][1], yy = spread[1][1], middle = (xx + yy) / 2.0;
    double half = sqrt((xx - yy) * (xx - yy) / 4.0 + xy * xy), longest = sqrt(middle + half);
    double shortest = sqrt(middle > half ? middle - half : 0.0);
    if (used >= 4 && shortest > SLIM * longest && shortest > SHORT_PX) {
        double determinant = xx * yy - xy * xy;
        for (int j = 0; j < 2; j++) {
            linear[j][0] = (cross[j][0] * yy - cross[j][1] * xy) / determinant;
            linear[j][1] = (cross[j][1] * xx - cross[j][0] * xy) / determinant;
        }
    } else if (used >= 2 && longest > SHORT_PX) {
        double flip = determinant_of(similarity) < 0.0 ? -1.0 : 1.0;
        double real = (flip * cross[0][0] + cross[1][1]) / (xx + yy),
               imaginary = (flip * cross[1][0] - cross[0][1]) / (xx + yy);
        linear[0][0] = flip * real;
        linear[0][1] = -imaginary;
        linear[1][0] = flip * imaginary;
        linear[1][1] = real;
    } else {
        for (int j = 0; j < 2; j++)
            for (int k = 0; k < 2; k++) linear[j][k] = similarity[j][k];
    }
    for (int j = 0; j < 2; j++) {
        out[j][0] = linear[j][0];
        out[j][1] = linear[j][1];
        out[j][2] = b[j] - linear[j][0] * a[0] - linear[j][1] * a[1];
    }
}

/* How many of the chosen matches stand in distinct cells of PLACE_PX x PLACE_PX of one picture. */
static int places(const Match* matches, const uint8_t* chosen, int count, int of_b) {
    int found = 0;
    for (int i = 0; i < count; i++) {
        const double* at = of_b ? matches[i].b : matches[i].a;
        int taken = !chosen[i];
        for (int j = 0; j < i && !taken; j++) {
            const double* other = of_b ? matches[j].b : matches[j].a;
            taken = chosen[j] && (int)(at[0] / PLACE_PX) == (int)(other[0] / PLACE_PX) &&
                    (int)(at[1] / PLACE_PX) == (int)(other[1] / PLACE_PX);
        }
        found += !taken;
    }
    return found;
}

/* How many matches the map brings within `within` of their place in b; marks them in `marks`, unless that is NULL. */
static int agreeing(const Match* matches, int count, const Affine affine, double within, uint8_t* marks) {
    int found = 0;
    for (int i = 0; i < count; i++) {
        Place at = {matches[i].a[0], matches[i].a[1]}, to = mapped(affine, at);
        double dx = to.x - matches[i].b[0], dy = to.y - matches[i].b[1];
        int agrees = dx * dx + dy * dy < within * within;
        found += agrees;
        if (marks != NULL) marks[i] = (uint8_t)agrees;
    }
    return found;
}

int imgindex_polish(const Match* matches, int count, const Affine similarity, const double* tolerances, int rounds,
                    uint8_t* chosen, Affine affine) {
    for (int round = 0; round < rounds; round++) {
        least_squares(matches, chosen, count, similarity, affine);
        double scale = sqrt(fabs(determinant_of(affine))), within = tolerances[round];
        within *= scale > 1.0 ? 1.0 : scale > LEAST_SCALE ? scale : LEAST_SCALE;
        if (agreeing(matches, count, affine, within, NULL) < 2) break;
        agreeing(matches, count, affine, within, chosen);
    }
    int in_a = places(matches, chosen, count, 0), in_b = places(matches, chosen, count, 1);
    return in_a < in_b ? in_a : in_b;
}

/* I. Sutherland, G. Hodgman, "Reentrant polygon clipping", CACM 1974. */
int imgindex_intersect(const Place* a, int count_a, const Place* b, int count_b, double least, Place* corners) {
    int room = 2 * (count_a + count_b);
    double turn = turns(b, count_b), side = turn > 0.0 ? 1.0 : -1.0;
    if (fabs(turn) <= 2.0 * least || fabs(turns(a, count_a)) <= 2.0 * least) return 0;
    Place* before = malloc(sizeof(Place) * (size_t)room);
    int count = count_a < room ? count_a : room;
    if (before == NULL) return -1;
    for (int i = 0; i < count; i++) corners[i] = a[i];
    for (int edge = 0; edge < count_b; edge++) {
        Place from = b[edge], to = b[(edge + 1) % count_b];
        double along_x = side * (to.x - from.x), along_y = side * (to.y - from.y);
        int left = count;
        for (int i = 0; i < left; i++) before[i] = corners[i];
        count = 0;
        for (int i = 0; i < left; i++) {
            Place here = before[i], last = before[(i + left - 1) % left];
            double inside = along_x * (here.y - from.y) - along_y * (here.x - from.x);
            double outside = along_x * (last.y - from.y) - along_y * (last.x - from.x);
            if ((outside < 0.0) != (inside < 0.0) && count < room) {
                double part = outside / (outside - inside);
                Place cut = {last.x + part * (here.x - last.x), last.y + part * (here.y - last.y)};
                corners[count++] = cut;
            }
            if (inside >= 0.0 && count < room) corners[count++] = here;
        }
    }
    free(before);
    return count;
}
