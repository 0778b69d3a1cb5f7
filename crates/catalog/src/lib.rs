//! Databases, tables, views and functions, in an embedded store that survives a restart.
