//! Sessions, execution, sources and sinks, cache, memory and metrics.
