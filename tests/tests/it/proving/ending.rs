//! Ends that nobody wished for, and those that somebody did.
