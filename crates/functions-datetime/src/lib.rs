//! Dates, timestamps, intervals and their text forms.
