//! Fragments of ISO base media files: written, scanned, repaired and joined
