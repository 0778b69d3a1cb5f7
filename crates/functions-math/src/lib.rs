//! Operators, math, bitwise, conditional, hash and miscellaneous functions.
