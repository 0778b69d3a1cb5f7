//! String, regular expression, URL, JSON, CSV and XML functions.
