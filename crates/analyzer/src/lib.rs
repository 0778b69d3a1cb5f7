//! Plan to DataFusion logical plan: names, types, coercion, nullability by Spark's rules.
