//! Aggregate and window functions, sketches.
