//! The registry: every function of every family by name.
