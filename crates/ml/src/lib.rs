//! pyspark.ml: estimators as iterated queries over the engine.
