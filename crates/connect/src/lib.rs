//! Spark Connect: sessions, operations, reattach, artifacts and errors over gRPC.
