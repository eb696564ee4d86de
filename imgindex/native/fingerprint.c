/* Tells a library that was compiled from other sources than lie beside it. */

#include "common.h"

PUBLIC const char* imgindex_sources(void) { return SOURCES_SHA256; }

/* So that nobody allocates for another number of lanes. */
PUBLIC int imgindex_lanes(void) { return LANES; }
