//! The handbook is held against the product: commands, options, variables and values that it names are there.

mod commands;
mod names;
mod pages;
mod programs;
mod trials;
mod words;
