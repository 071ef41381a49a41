//! Witnesses as a stream: what is read, what is refused, and how much memory it takes.

#[cfg(test)]
mod any;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod packed;
#[cfg(test)]
mod sample;
