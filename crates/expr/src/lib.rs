//! Typed expressions, Spark's coercion rules, casts and the API functions are declared with.
