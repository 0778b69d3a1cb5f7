//! Literals: numbers, strings, typed literals (`DATE '…'`), intervals.

pub(crate) mod datetime;
mod interval;
pub(crate) mod interval_text;
mod interval_units;
mod number;
mod string;
mod typed;
mod zone;

pub(crate) use interval_units::Field;
