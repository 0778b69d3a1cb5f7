//! Spark SQL text to plan: a grammar of ours on sqlparser's tokenizer.
