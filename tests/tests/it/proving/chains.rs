//! Chains: each proof starts from the one before it.
