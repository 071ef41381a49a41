//! The configuration in `terraform`, without a cloud: it is valid, it passes its own tests, it refuses in words, and
//! what it makes is what its documents and the chart say.
//!
//! Terraform or OpenTofu is the real one. The google provider is a stub with the real one's schema, and its resources
//! are Terraform's own mocks: what Google's API would refuse is not found here.

mod chart;
mod document;
mod plans;
mod provider;
mod refusals;
mod roots;
mod tool;
