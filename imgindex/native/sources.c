/* Tells a library that was compiled from other sources than lie beside it. */

#include "common.h"

PUBLIC const char* imgindex_sources(void) { return SOURCES_SHA256; }
