//! Witnesses as a stream: what is read, what is refused, and how much memory it takes.

mod files;
