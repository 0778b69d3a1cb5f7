//! Array, map, struct, higher-order, generator and variant functions.
